"""Coded maps: the C against the mirror, what the levels promise, and what a loader must refuse."""

from __future__ import annotations

import ctypes
import struct
from dataclasses import replace

import numpy as np
import pytest

from builders.c_tools import edge_at, exports, load, patched
from builders.comparisons import check_map, program_with_map
from builders.programs import random_coded, random_format
from dqa import program as p
from dqa.coding import HuffmanTable
from dqa.errors import ProgramError
from reference import coded as mirror_coded

EDGE, TABLE, LINKED = 6, 7, 9


def random_map(seed: int) -> tuple[p.Edge, np.ndarray]:
    """A coded map of any format and zero point, and values for it: noisy, calm and constant rows."""
    rng = np.random.default_rng(seed)
    bits, low = random_format(rng)
    height, width, channels = shape = tuple(rng.integers(1, 16, 3).tolist())
    high = low + (1 << bits) - 1
    zero_point = int(rng.choice([low, min(max(0, low), high), high, int(rng.integers(low, high + 1))]))
    edge = random_coded(rng, p.Edge("map", height, width, channels, p.Storage.CODED, bits, 0, low, zero_point, 0))
    noise = rng.integers(low, high + 1, shape)
    calm = np.clip(np.round(zero_point + rng.normal(0, 2, shape)), low, high)
    kinds = rng.integers(0, 3, shape[0])[:, None, None]
    return edge, np.choose(kinds, [noise, calm, np.full(shape, rng.choice([low, high]))]).astype(np.int8)


def levels(edge: p.Edge, data: np.ndarray) -> list[int]:
    """The level of each row."""
    units, at, found = data.view("<u2").tolist(), 0, []
    for _ in range(edge.height):
        found.append(units[at] & 31)
        at += 1 + (units[at] >> 5)
    assert at == len(units)
    return found


@pytest.mark.parametrize("seed", range(120))
def test_coded_maps_are_those_of_the_mirror_and_read_back_with_and_without_skipping(seed: int) -> None:
    check_map(*random_map(seed))


@pytest.mark.parametrize("seed", range(60))
def test_a_value_loses_no_more_than_its_level_drops_and_zero_nothing(seed: int) -> None:
    edge, values = random_map(seed)
    assert edge.coding is not None
    data, dropped = mirror_coded.encode(edge, edge.coding, values)
    assert len(data) <= edge.capacity
    read = mirror_coded.decode(edge, edge.coding, data)
    found = levels(edge, data)
    assert dropped == sum(level > 0 and edge.extra_bits > 0 for level in found)
    error = np.abs(read.astype(int) - values)
    assert not error[values == edge.zero_point].any()
    for y, level in enumerate(found):
        drops = np.array(edge.coding.drops(level))[list(edge.coding.groups)]
        most = (1 << drops) - 1 if level == edge.coding.raw_level else (1 << drops) >> 1  # the raw level clamps what rounding lifts
        assert (error[y] <= most).all()


def test_the_random_maps_reach_all_sorts_of_levels() -> None:
    kinds = {"none": 0, "some groups": 0, "all groups": 0, "raw": 0}
    for seed in range(120):
        edge, values = random_map(seed)
        assert edge.coding is not None
        for level in levels(edge, mirror_coded.encode(edge, edge.coding, values)[0]):
            drops = edge.coding.drops(level)
            kind = (
                "raw"
                if level == edge.coding.raw_level
                else "none"
                if level == 0
                else "all groups"
                if len(set(drops)) == 1
                else "some groups"
            )
            kinds[kind] += 1
    assert min(kinds.values()) > 20, kinds


@pytest.mark.parametrize(("code_bits", "width", "fits"), [(2, 511, True), (2, 512, False), (4, 255, True), (4, 256, False)])
def test_rows_longer_than_a_header_can_say_are_no_coded_map(code_bits: int, width: int, *, fits: bool) -> None:
    rng = np.random.default_rng(width)
    edge = replace(
        random_coded(rng, p.Edge("map", 2, width, 32, p.Storage.CODED, 5, 0, 0, 0, 0), exact=True), code_bits=code_bits, extra_bits=0
    )
    edge = replace(edge, capacity=2 * p.minimum_capacity(edge))
    if fits:
        check_map(edge, rng.integers(0, 1 << code_bits, (2, width, 32)).astype(np.int8))
    else:
        with pytest.raises(ProgramError, match="too long"):
            program_with_map(edge)


def small_edge() -> p.Edge:
    """Two groups, two tables, 6 bits of which 2 may be dropped."""
    tables = tuple(HuffmanTable.from_counts((3 ** np.arange(16, 0, -1) // d) + 1) for d in (1, 3**8))
    contexts = tuple(tuple(int(k > 3 + s) for k in range(16)) for s in range(3))
    coding = p.Coding(2, (0, 1, 1, 0), tables, contexts, (90, 80, 70, 60, 50), (200, 150, 100, 50, 0))
    edge = p.Edge("map", 5, 4, 4, p.Storage.CODED, 4, 2, 0, 0, 0, coding=coding)
    return replace(edge, capacity=p.minimum_capacity(edge) + 9)


def test_a_coded_map_is_read_back_from_the_bytes_of_its_program() -> None:
    data = program_with_map(small_edge())
    assert load(data) == 0
    again = p.read(data)
    assert p.write(again) == data
    assert vars(again.edges[2].coding) == vars(small_edge().coding)


def test_edges_share_their_tables() -> None:
    edge = small_edge()
    program = p.read(program_with_map(edge))
    once = p.assemble(program)
    assert edge.coding is not None
    assert sum(section.form == "huffman" for section in once.sections) == 1
    assert next(section.size for section in once.sections if section.form == "huffman") == 2 * 292


def corruptions() -> list[tuple[str, int, str, int, int]]:
    """Name, place, form, value, status of the executor's loader."""
    data = program_with_map(small_edge())
    edge = edge_at(data, 2)
    record = struct.unpack_from("<I", data, edge + 28)[0]
    tables = struct.unpack_from("<I", data, record + 4)[0]
    contexts, share = record + 8 + 20, record + 8 + 20 + 48
    return [
        ("no coding record", edge + 28, "<I", 0, EDGE),
        ("a coding record outside", edge + 28, "<I", len(data) - 4, EDGE),
        ("extra bits beyond 6", edge + 9, "<B", 7, EDGE),
        ("a ring", edge + 32, "<H", 1, EDGE),
        ("zero points", edge + 16, "<I", record, EDGE),
        ("an error coding", edge + 7, "<B", 1, EDGE),
        ("a capacity below the raw rows", edge + 12, "<I", p.minimum_capacity(small_edge()) - 1, EDGE),
        ("no groups", record, "<B", 0, EDGE),
        ("five groups", record, "<B", 5, EDGE),
        ("no tables", record + 1, "<B", 0, EDGE),
        ("65 tables", record + 1, "<B", 65, EDGE),
        ("a reserved field", record + 2, "<H", 1, EDGE),
        ("tables outside", record + 4, "<I", len(data) - 292, EDGE),
        ("an expected size", record + 8, "<I", (1 << 24) + 1, EDGE),
        ("a context without a table", contexts + 17, "<B", 2, EDGE),
        ("a channel without a group", share + 5, "<B", 2, EDGE),
        ("padding", share + 9, "<B", 1, EDGE),
        ("a short table", tables, "<B", 7, TABLE),
        ("symbols of 3 bits", tables + 1, "<B", 3, TABLE),
        ("a codeword", tables + 292 + 20, "<B", 0x55, TABLE),
        ("a decoder", tables + 36 + 255, "<B", 0, TABLE),
    ]


@pytest.mark.parametrize("case", corruptions(), ids=lambda case: case[0])
def test_loaders_refuse_a_corrupt_coding_record(case: tuple[str, int, str, int, int]) -> None:
    _, place, form, value, status = case
    data = patched(program_with_map(small_edge()), place, form, value)
    assert load(data) == status
    with pytest.raises(ProgramError):
        p.read(data)


def test_a_program_with_coded_maps_needs_them_linked() -> None:
    library, data = exports(), program_with_map(small_edge())
    all_operators = (ctypes.c_void_p * len(p.table([]))).in_dll(library, "dqa_all_operators")
    without = type(all_operators)(None, *all_operators[1:])
    model = ctypes.create_string_buffer(64)
    assert library.dqa_load(model, data, len(data), all_operators, 0) == 0
    assert library.dqa_load(model, data, len(data), without, 0) == LINKED


@pytest.mark.parametrize("seed", range(40))
def test_bytes_that_are_no_map_read_as_values_of_the_edge(seed: int) -> None:
    edge, values = random_map(seed)
    data, rng = program_with_map(edge), np.random.default_rng(seed)
    noise = rng.integers(0, 256, edge.capacity).astype(np.uint8)
    noise[: min(2, edge.capacity)] = np.array([0xFFE0 | rng.integers(0, 31)], "<u2").view(np.uint8)
    got = np.full(values.shape, 77, np.int8)
    end = exports().dqa_test_read(data, len(data), 2, noise.ctypes.data, 0, got.ctypes.data)
    assert 0 <= end <= edge.capacity
    assert got.min() >= edge.low
    assert got.max() <= edge.high
