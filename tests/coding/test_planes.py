"""Code planes: every width of code in the bit places of docs/format.md."""

from __future__ import annotations

import numpy as np
import pytest

from dqa.coding import pack, plane_bytes, plane_words, unpack


def pack_by_the_book(codes: list[int], code_bits: int) -> bytes:
    """The format's sentences, one value at a time."""
    out, above = b"", code_bits
    for width in (8, 4, 2, 1):
        if not code_bits & width:
            continue
        above -= width
        words = [0] * -(-len(codes) * width // 32)
        for i, code in enumerate(codes):
            j, k = divmod(i, 32 // width)
            words[j] |= ((code >> above) & ((1 << width) - 1)) << ((k & 1) * 16 + (k >> 1) * width)
        out += b"".join(word.to_bytes(4, "little") for word in words)
    return out


@pytest.mark.parametrize("code_bits", range(1, 9))
@pytest.mark.parametrize("count", [1, 2, 3, 7, 8, 15, 16, 17, 31, 32, 33, 100])
def test_planes_equal_the_format_read_literally_and_unpack_again(code_bits: int, count: int) -> None:
    codes = np.random.default_rng(code_bits * 1000 + count).integers(0, 1 << code_bits, count)
    plane = pack(codes, code_bits)
    assert plane.tobytes() == pack_by_the_book(codes.tolist(), code_bits)
    assert len(plane) == plane_bytes(count, code_bits) == 4 * plane_words(count, code_bits)
    assert np.array_equal(unpack(plane, count, code_bits), codes)


def test_masks_on_shifted_words_give_pairs_of_neighbours() -> None:
    codes = np.arange(8) + 3
    word = int.from_bytes(pack(codes, 4).tobytes(), "little")
    pairs = [(word >> (4 * k)) & 0x000F000F for k in range(4)]
    assert [(pair & 0xFFFF, pair >> 16) for pair in pairs] == [(3, 4), (5, 6), (7, 8), (9, 10)]


def test_rows_of_a_map_are_packed_at_once() -> None:
    codes = np.random.default_rng(5).integers(0, 32, (3, 21))
    planes = pack(codes, 5)
    assert planes.shape == (3, plane_bytes(21, 5))
    assert np.array_equal(planes[1], pack(codes[1], 5))
    assert np.array_equal(unpack(planes, 21, 5), codes)


def test_a_code_that_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match=r"outside 0\.\.7"):
        pack([8], 3)
    with pytest.raises(ValueError, match="expected 8"):
        unpack(np.zeros(4, np.uint8), 9, 4)
    with pytest.raises(ValueError, match="code_bits"):
        plane_words(1, 9)
