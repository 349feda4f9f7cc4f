"""The numpy mirror, written from the format alone, and the executor's C say the same about every program."""

from __future__ import annotations

import struct
import zlib

import numpy as np
import numpy.typing as npt
import pytest

from builders.programs import operator_program, random_inputs, random_program
from builders.streams import streamed
from dqa import program as p
from dqa.coding import HuffmanTable
from dqa.engine.host import HostModel
from dqa.errors import DataError, ProgramError
from dqa.operators.requantize import requantize
from reference.maps import decode, encode
from reference.mirror import run


def flat(arrays: list[npt.NDArray[np.generic]]) -> npt.NDArray[np.uint8]:
    """Arrays one after the other, as bytes."""
    return np.concatenate([np.ascontiguousarray(array).reshape(-1).view(np.uint8) for array in arrays])


def assert_equal(program: p.Program, seed: int, samples: int = 3) -> int:
    """Mirror and C agree on outputs and dropped rows, in both layouts; returns the rows dropped."""
    inputs = [random_inputs(program, 100 * seed + i) for i in range(samples)]
    expected = [run(program, sample) for sample in inputs]
    dropped = np.sum([result.dropped for result in expected], axis=0)
    for layout in ("internal", "external"):
        result = HostModel(p.write(program), layout).run(np.stack([flat(sample) for sample in inputs]), jobs=1)
        assert np.array_equal(result.outputs.view(np.uint8), np.stack([flat(sample.outputs) for sample in expected]))
        assert np.array_equal(result.dropped, dropped)
    return int(dropped.sum())


@pytest.mark.parametrize("kind", p.Kind, ids=lambda kind: kind.name)
def test_every_operator_gives_the_same_bytes_in_numpy_and_c(kind: p.Kind) -> None:
    for seed in range(25):
        assert_equal(operator_program(kind, seed), seed)


@pytest.mark.parametrize("block", range(10))
def test_random_programs_give_the_same_bytes_in_numpy_and_c(block: int) -> None:
    assert sum(assert_equal(random_program(seed), seed) for seed in range(40 * block, 40 * block + 40)) > 0


@pytest.mark.parametrize("seed", range(60))
def test_reader_and_loader_refuse_the_same_programs(seed: int) -> None:
    program = random_program(seed) if seed % 2 else operator_program(p.Kind(seed // 2 % len(p.Kind) + 1), seed)
    data = p.write(streamed(program, seed) if seed % 3 else program)
    rng = np.random.default_rng(seed)
    tables = struct.unpack_from("<I", data, 32)[0] + 200  # header, edges, operators, some of the rest
    for _ in range(60):
        changed = bytearray(data)
        for at in rng.integers(16, min(tables, len(data)) if rng.random() < 0.7 else len(data), rng.integers(1, 3)):
            changed[at] = rng.choice([0, 1, changed[at] ^ 1, changed[at] ^ 4, 127, 128, 255, rng.integers(256)])
        sealed = bytes(changed[:12]) + struct.pack("<I", zlib.crc32(changed[16:])) + bytes(changed[16:])
        verdicts = []
        for judge in (p.read, HostModel):
            try:
                judge(sealed)
                verdicts.append("accepted")
            except ProgramError as error:
                verdicts.append(error.message)
        assert verdicts[0] == verdicts[1] == "accepted" or "accepted" not in verdicts, verdicts


def test_requantize_is_the_formula_of_the_format() -> None:
    rng = np.random.default_rng(0)
    acc = np.concatenate([rng.integers(-(2**31), 2**31, 2000), [-(2**31), 2**31 - 1, 0, -1, 1]])
    for shift in range(1, 32):
        multiplier = int(rng.choice([int(rng.integers(2**30, 2**31)), 2**31 - 1, 0, 1, 2**30]))
        exact = [(int(a) * multiplier + (1 << (31 + shift))) // (1 << (32 + shift)) for a in acc]
        assert requantize(acc, np.array(multiplier), np.array(shift)).tolist() == exact


def a_map(capacity: int, expected_extra: int = 0) -> p.Edge:
    """3 rows of 4 pixels, 2 channels, the second important; 2 + 2 bits, values -8..7; 8 raw bytes a row, 1 byte of errors."""
    return p.Edge("", 3, 4, 2, p.Storage.MAP, 2, 2, -8, 0, capacity, None, (1,), p.ErrorCoding.RAW, expected_extra, None)


def test_direct_channels_are_rounded_and_important_ones_exact() -> None:
    edge = a_map(3 * 8)
    values = np.tile(np.arange(-8, 8, dtype=np.int8), 2)[:24].reshape(3, 4, 2)
    data, dropped = encode(edge, values)
    assert dropped == 0  # one byte of errors fits beside the header
    back = decode(edge, data)
    assert np.array_equal(back[..., 1], values[..., 1])
    rounded = np.minimum((values[..., 0].astype(int) + 8 + 2) // 4, 3) * 4 - 8
    assert np.array_equal(back[..., 0], rounded)


def wide_map(capacity: int, expected_extra: int) -> p.Edge:
    """4 rows of 8 pixels of 1 important channel, 4 + 4 bits: 4 bytes of errors a row, of which 2 are extra (rounded up to 4)."""
    return p.Edge("", 4, 8, 1, p.Storage.MAP, 4, 4, -128, 0, capacity, None, (0,), p.ErrorCoding.RAW, expected_extra, None)


@pytest.mark.parametrize(
    ("pool", "expected_extra", "kept"),
    [
        (0, 0, [0, 0, 0, 0]),
        (3, 0, [0, 0, 0, 0]),
        (4, 0, [1, 0, 0, 0]),
        (8, 0, [1, 1, 0, 0]),
        (16, 0, [1, 1, 1, 1]),
        (16, 4, [1, 1, 1, 1]),
        (12, 4, [0, 1, 1, 1]),
        (4, 1, [0, 0, 0, 1]),
        (7, 1, [1, 0, 0, 0]),
    ],
)
def test_rows_lose_their_errors_as_the_rule_of_the_format_says(pool: int, expected_extra: int, kept: list[int]) -> None:
    edge = wide_map(4 * 8 + pool, expected_extra)
    values = np.arange(-128, -96, dtype=np.int8).reshape(4, 8, 1)
    data, dropped = encode(edge, values)
    assert len(data) <= edge.capacity
    assert dropped == kept.count(0)
    exact = [np.array_equal(row, back) for row, back in zip(values, decode(edge, data), strict=True)]
    assert exact == [bool(row) for row in kept]


def test_a_dropped_row_reads_as_the_middle_but_zero_stays_zero() -> None:
    edge = wide_map(4 * 8, 0)
    values = np.array([-128, -120, -16, -1, 0, 5, 15, 127], np.int8).repeat(4).reshape(8, 4).T.reshape(4, 8, 1)
    data, dropped = encode(edge, values)
    assert dropped == 4
    assert decode(edge, data)[0, :, 0].tolist() == [-121, -121, -9, -9, 0, 0, 0, 119]


def test_a_plane_longer_than_a_header_can_say_is_dropped() -> None:
    table = HuffmanTable((1, 2, 3, 4, 5, 6, 7, 7) + (8,) * 0)
    width = 4682  # 4682 * 7 bits: 4097 bytes
    edge = p.Edge("", 1, width, 1, p.Storage.MAP, 1, 3, -8, 0, 1 << 20, None, (0,), p.ErrorCoding.HUFFMAN, 0, table)
    assert encode(edge, np.full((1, width, 1), 7, np.int8))[1] == 1
    assert encode(edge, np.full((1, width, 1), 0, np.int8))[1] == 0


def test_inputs_that_do_not_fit_are_refused() -> None:
    program = operator_program(p.Kind.ADD)
    (data,) = random_inputs(program, 0)
    for wrong in ([], [data, data], [data.astype(np.float32)], [data[:-1]]):
        with pytest.raises(DataError):
            run(program, wrong)
