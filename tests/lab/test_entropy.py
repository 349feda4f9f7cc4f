"""Coders of whole maps: what they encode they decode, they cost what theory says, and damaged streams give one error."""

from __future__ import annotations

import itertools

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dqa.coding.package_merge import code_lengths
from dqa.errors import DataError
from dqa.lab.entropy import CODERS, SPLIT_CODERS, MapCoder, fit
from dqa.lab.entropy.canonical import Huffman
from dqa.lab.entropy.prefix import Raw, ZeroValue
from dqa.lab.entropy.seg import SparseExpGolomb

PREFIX_CODERS = tuple(name for name in CODERS if name not in ("deflate", "lzma", "zstd"))


def needs(name: str) -> None:
    if name == "zstd":
        pytest.importorskip("zstandard", reason="Zstandard is in the extra [study]")


def sparse_maps(rng: np.random.Generator, bits: int, signed: bool, shape: tuple[int, ...]) -> npt.NDArray[np.int64]:
    """Integers with many zeros, whose spread differs from channel to channel."""
    spread = rng.uniform(0, 2 ** (bits - signed), shape[-1])
    values = np.rint(rng.laplace(0, 1, shape) * spread / 4).astype(np.int64)
    return np.clip(values, -(1 << bits - 1), (1 << bits - 1) - 1) if signed else np.clip(values, 0, (1 << bits) - 1)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(CODERS + SPLIT_CODERS), st.integers(1, 16), st.booleans(), st.integers(0, 2**32 - 1), st.data())
def test_every_coder_decodes_exactly_what_it_encoded(name: str, bits: int, signed: bool, seed: int, drawn: st.DataObject) -> None:
    needs(name)
    rng = np.random.default_rng(seed)
    bits = max(bits, 2) if name in SPLIT_CODERS else bits
    extra = drawn.draw(st.integers(1, bits - 1)) if name in SPLIT_CODERS else 0
    shape = tuple(drawn.draw(st.lists(st.integers(1, 6), min_size=1, max_size=4)))
    coder = fit(name, sparse_maps(rng, bits, signed, (3, *shape)), bits, signed=signed, extra_bits=extra)
    low, high = (-(1 << bits - 1), 1 << bits - 1) if signed else (0, 1 << bits)
    for maps in (sparse_maps(rng, bits, signed, shape), rng.integers(low, high, shape)):  # the second holds what calibration never saw
        data = coder.encode(maps)
        assert -(-coder.encoded_bits(maps[None]) // 8) == len(data)
        decoded = coder.decode(data, shape)
        assert decoded.shape == shape and np.array_equal(decoded, maps)


@pytest.mark.parametrize("bits", [1, 3, 8, 16])
def test_codewords_are_prefix_free_and_have_the_lengths_they_say(bits: int) -> None:
    rng = np.random.default_rng(bits)
    counts = np.bincount(rng.geometric(0.2, 500).clip(0, (1 << bits) - 1), minlength=1 << bits)
    symbols = np.unique(rng.integers(0, 1 << bits, 60))
    for code in (kind.fit(counts, bits) for kind in (Raw, ZeroValue, SparseExpGolomb, Huffman)):
        words = [f"{word:0{length}b}" for word, length in zip(*code.words(symbols), strict=True)]
        assert not any(b.startswith(a) for a, b in itertools.permutations(words, 2))
        assert max(map(len, words)) <= code.max_length


def test_seg_has_the_published_lengths_and_bits() -> None:
    for order in range(5):
        code = SparseExpGolomb(12, order)
        expected = [1] + [order + 2] * (1 << order) + [order + 4] * (2 << order) + [order + 6] * (4 << order)
        assert code.words(np.arange(len(expected)))[1].tolist() == expected
    words = zip(*SparseExpGolomb(8, 1).words(np.arange(6)), strict=True)
    assert [f"{word:0{length}b}" for word, length in words] == ["0", "110", "111", "10100", "10101", "10110"]


def test_seg_takes_the_order_of_fewest_bits() -> None:
    counts = np.bincount(np.random.default_rng(0).geometric(0.05, 3000).clip(0, 255), minlength=256)
    cost = [int(SparseExpGolomb(8, k).words(np.arange(256))[1] @ counts) for k in range(8)]
    assert SparseExpGolomb.fit(counts, 8).order == int(np.argmin(cost))


def test_huffman_costs_the_entropy_and_at_most_a_bit_more() -> None:
    rng = np.random.default_rng(3)
    for bits in (3, 8, 12):
        symbols = rng.geometric(0.1, 40_000).clip(0, (1 << bits) - 1)
        counts = np.bincount(symbols, minlength=1 << bits)
        share = counts[counts > 0] / counts.sum()
        entropy = -(share * np.log2(share)).sum()
        spent = Huffman.fit(counts, bits).words(symbols)[1].mean()
        assert entropy <= spent <= entropy + 0.1


def test_package_merge_finds_the_best_of_all_complete_codes() -> None:
    rng = np.random.default_rng(2)
    complete = [lengths for lengths in itertools.product(range(1, 5), repeat=7) if sum(16 >> length for length in lengths) == 16]
    for _ in range(20):
        counts = (2.0 ** rng.integers(0, 14, 7)).astype(np.int64)
        lengths = code_lengths(counts, 4)
        assert sum(16 >> int(length) for length in lengths) == 16
        assert int(lengths @ counts) == min(int(np.array(others) @ counts) for others in complete)


def test_package_merge_limits_an_alphabet_of_16_bits() -> None:
    counts = np.random.default_rng(5).zipf(1.5, 1 << 16).clip(1, 1 << 30)
    assert (code_lengths(counts, 16) == 16).all()  # 2^16 symbols, 2^16 codewords: no choice
    lengths = code_lengths(counts[:40_000], 16)
    assert lengths.max() == 16 and (2.0**-lengths).sum() == 1
    for impossible in ([1], [1, 1, 1]):
        with pytest.raises(ValueError, match="no code"):
            code_lengths(impossible, 1)


def test_a_code_per_channel_pays_where_channels_differ_and_costs_tables() -> None:
    rng = np.random.default_rng(4)
    maps = rng.geometric([0.9, 0.5, 0.2, 0.05], (500, 4)).clip(0, 31)
    for name in ("huffman", "seg"):
        whole, apart = fit(name, maps, 5), fit(f"{name}-channel", maps, 5)
        assert len(apart.encode(maps)) < len(whole.encode(maps))
        assert apart.table_bits > whole.table_bits > 0


def test_codes_and_errors_apart_cost_what_their_planes_cost() -> None:
    rng = np.random.default_rng(6)
    maps = rng.geometric(0.1, (300, 8)).clip(0, 63)
    sizes = {name: len(fit(name, maps, 6, extra_bits=3).encode(maps)) for name in SPLIT_CODERS}
    raw, codes, errors = len(fit("raw", maps, 6).encode(maps)), fit("huffman", maps >> 3, 3), fit("huffman", maps & 7, 3)
    assert sizes["huffman-both"] == pytest.approx(len(codes.encode(maps >> 3)) + len(errors.encode(maps & 7)), abs=1)
    assert sizes["huffman-codes"] == pytest.approx(len(codes.encode(maps >> 3)) + raw / 2, abs=1)
    assert sizes["huffman-errors"] == pytest.approx(raw / 2 + len(errors.encode(maps & 7)), abs=1)


def damaged_by(coder: MapCoder, data: bytes, shape: tuple[int, ...], says: str = "coded map") -> None:
    with pytest.raises(DataError, match=says) as caught:
        coder.decode(data, shape)
    assert caught.value.message.startswith("coded map: ") and "corrupt" in caught.value.hint and "\n" not in caught.value.message


@pytest.mark.parametrize("name", CODERS)
def test_a_truncated_stream_and_one_with_more_behind_it_are_refused(name: str) -> None:
    needs(name)
    rng = np.random.default_rng(7)
    maps = sparse_maps(rng, 6, False, (4, 9, 8))
    coder = fit(name, maps, 6)
    data = coder.encode(maps)
    damaged_by(coder, data[:-1], maps.shape)
    damaged_by(coder, b"", maps.shape)
    damaged_by(coder, data + b"\0", maps.shape)


@pytest.mark.parametrize("name", CODERS)
def test_any_flipped_bit_gives_other_values_or_the_error(name: str) -> None:
    needs(name)
    rng = np.random.default_rng(8)
    maps = sparse_maps(rng, 5, True, (6, 3))
    coder = fit(name, maps, 5, signed=True)
    data = coder.encode(maps)
    for place in range(8 * len(data)):
        flipped = bytearray(data)
        flipped[place // 8] ^= 0x80 >> place % 8
        try:
            values = coder.decode(bytes(flipped), maps.shape)
        except DataError as error:
            assert error.hint
        else:
            assert values.shape == maps.shape and values.min() >= -16 and values.max() <= 15


def test_each_kind_of_damage_is_told() -> None:
    maps = np.array([[0, 0, 0, 0, 0, 0, 0, 5]])
    seg, zvc = MapCoder("seg", 4, False, 0, ((SparseExpGolomb(4, 0),),)), fit("zvc", maps, 4)
    damaged_by(zvc, b"", maps.shape, "ends after 0 of 8")
    damaged_by(zvc, b"\x01", maps.shape, "ends inside the last")
    damaged_by(zvc, zvc.encode(maps)[:-1] + b"\x51", maps.shape, "not 0")
    damaged_by(zvc, zvc.encode(maps) + b"\0", maps.shape, "3 bytes, expected 2")
    damaged_by(seg, b"\x80" + bytes(8), (1, 1))
    damaged_by(seg, b"\x83\xe0", (1, 1), "not in 0..15")  # 1, 00000, 11111 is no 6-bit u; read as z = 5, u = 62, x = 62
    counts = np.array([90, 9, 0, 0])
    huffman = MapCoder("huffman", 2, False, 0, ((Huffman.fit(counts, 2),),))
    assert Huffman.fit(counts, 2).entries.tolist() == [0, 1, 4]
    damaged_by(huffman, b"\xd0", (1, 1), "has a codeword")  # the escape, then 01


def test_what_cannot_be_coded_is_refused() -> None:
    maps = np.zeros((2, 3), np.int64)
    with pytest.raises(DataError, match="not known") as caught:
        fit("zip", maps, 3)
    assert "huffman" in caught.value.hint
    with pytest.raises(DataError, match="not known"):
        fit("huffman-both", maps, 3)  # without extra bits there is nothing to split
    for values, bits in ((maps + 8, 3), (maps - 1, 3), (maps, 17), (maps, 0)):
        with pytest.raises(ValueError, match="expected"):
            fit("seg", values, bits)
    with pytest.raises(ValueError, match="extra bits"):
        fit("huffman-both", maps, 3, extra_bits=3)
    with pytest.raises(ValueError, match="fitted to 3"):
        fit("huffman-channel", maps, 3).encode(np.zeros((2, 4), np.int64))
