"""The C functions of storage and arithmetic, one by one, against numpy and exact integers."""

from __future__ import annotations

import zlib
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from builders.c_tools import exports
from builders.comparisons import check_map
from builders.programs import operator_program, random_edge, random_format, random_program
from dqa import program as p
from dqa.coding import pack, plane_bytes
from reference import maps as mirror_map


@settings(max_examples=500, deadline=None)
@given(st.integers(-(2**31), 2**31 - 1), st.integers(0, 2**31 - 1), st.integers(1, 31))
def test_requantize_is_the_formula_of_the_format(acc: int, multiplier: int, shift: int) -> None:
    assert exports().dqa_requantize(acc, multiplier, shift) == (acc * multiplier + (1 << (31 + shift))) >> (32 + shift)


@pytest.mark.parametrize("shift", range(1, 32))
def test_requantize_rounds_half_up_at_every_tie_and_extreme(shift: int) -> None:
    extremes = [-(2**31), -(2**31) + 1, -1, 0, 1, 2**31 - 1]
    ties = [(a, m) for k in (-3, -1, 1, 3) for m in (2**30,) for a in [(k << (31 + shift)) // m] if -(2**31) <= a < 2**31]
    for acc, multiplier in [*((a, m) for a in extremes for m in (0, 1, 2**30, 2**31 - 1)), *ties]:
        assert exports().dqa_requantize(acc, multiplier, shift) == (acc * multiplier + (1 << (31 + shift))) >> (32 + shift)


@given(st.binary(max_size=100), st.integers(0, 100))
def test_crc_is_zlibs_and_can_be_taken_in_pieces(data: bytes, cut: int) -> None:
    first = exports().dqa_crc32(0, data[:cut], len(data[:cut]))
    assert exports().dqa_crc32(first, data[cut:], len(data[cut:])) == zlib.crc32(data)


@pytest.mark.parametrize("bits", range(1, 9))
def test_code_planes_are_those_of_numpy_and_unpack_to_what_was_packed(bits: int) -> None:
    rng = np.random.default_rng(bits)
    for count in [*range(1, 70), 1000]:
        codes = rng.integers(0, 1 << bits, count).astype(np.uint8)
        plane = np.full(plane_bytes(count, bits), 0xA5, np.uint8)
        assert exports().dqa_plane_bytes(count, bits) == len(plane)
        exports().dqa_plane_pack(codes.ctypes.data, count, bits, plane.ctypes.data)
        np.testing.assert_array_equal(plane, pack(codes[None], bits)[0])
        for extra in range(min(4, 8 - bits) + 1):
            low = int(rng.integers(-128, 129 - (1 << (bits + extra))))
            values = np.full(count + 1, 99, np.int8)
            exports().dqa_plane_unpack(plane.ctypes.data, count, bits, extra, low, values.ctypes.data)
            np.testing.assert_array_equal(values[:count], low + (codes.astype(int) << extra))
            assert values[count] == 99


def random_map(seed: int) -> tuple[p.Edge, np.ndarray]:
    """An edge stored as a map, and values for it, smooth or noisy."""
    rng = np.random.default_rng(seed)
    while True:
        bits, low = random_format(rng)
        height, width, channels = (int(n) for n in rng.integers(1, 20, 3))
        edge = random_edge(rng, "map", (height, width, channels), bits, low)
        if edge.storage is p.Storage.MAP:
            break
    if edge.error_coding:
        all_errors = edge.width * len(edge.important) * edge.extra_bits // 8  # bytes of a row, raw
        room = p.minimum_capacity(edge) + int(edge.height * all_errors * rng.uniform(0, 2)) + int(rng.integers(0, 4))
        edge = replace(edge, capacity=room, expected_extra=int(all_errors * rng.uniform(0, 0.8)))
    noise = rng.integers(edge.low, edge.high + 1, (height, width, channels))
    calm = np.clip(np.round(edge.zero_point + rng.normal(0, 2, noise.shape)), edge.low, edge.high)
    return edge, np.where(rng.random(height) < 0.5, noise.T, calm.T).T.astype(np.int8)


@pytest.mark.parametrize("seed", range(150))
def test_maps_are_those_of_the_mirror_and_read_back_with_and_without_skipping(seed: int) -> None:
    check_map(*random_map(seed))


@pytest.mark.parametrize("width", [127, 128, 129])
def test_an_error_plane_of_more_than_4095_bytes_is_dropped(width: int) -> None:
    base = 4 * -(-width * 64 // 8) + 4
    edge = p.Edge("map", 2, width, 64, p.Storage.MAP, 4, 4, -128, 0, 2 * base + 9000, None, tuple(range(64)), p.ErrorCoding.RAW)
    values = np.random.default_rng(width).integers(-128, 128, (2, width, 64)).astype(np.int8)
    assert mirror_map.encode(edge, values)[1] == (0 if width * 64 * 4 // 8 <= 4095 else 2)
    check_map(edge, values)


def test_some_of_the_random_maps_drop_rows_and_some_keep_them() -> None:
    rows = [(mirror_map.encode(*random_map(seed))[1], random_map(seed)[0]) for seed in range(150)]
    with_errors = [(dropped, edge.height) for dropped, edge in rows if edge.error_coding]
    assert sum(0 < dropped < height for dropped, height in with_errors) >= 10
    assert sum(dropped == 0 for dropped, _ in with_errors) >= 8


@pytest.mark.parametrize("seed", range(30))
def test_scratch_is_what_python_computes(seed: int) -> None:
    for program in (random_program(seed), operator_program(p.Kind(1 + seed % len(p.Kind)), seed)):
        data = p.write(program)
        for number, op in enumerate(program.ops):
            assert exports().dqa_test_scratch_bytes(data, len(data), number) == p.scratch_bytes(program.edges, op)
