"""Coded maps as calibration simulates them, against the numpy mirror of the executor."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dqa.coding.categories import LOW_BITS, SYMBOL, context_counts, joint, row_bits
from dqa.coding.tables import cluster, table_of
from dqa.program import Edge, Storage
from dqa.program.check import check_edge
from dqa.quantization.coded.costs import simulate
from dqa.quantization.coded.maps import Costs, Grid, coding_of
from reference import coded as mirror_coded


def maps_of(seed: int, shape: tuple[int, int, int], count: int, signed: bool) -> np.ndarray:
    """Calm and busy sample maps, float32 (count, *shape)."""
    rng = np.random.default_rng(seed)
    level = rng.exponential(1.0, (count, shape[0], 1, 1)) * rng.exponential(1.0, shape[2])
    values = rng.laplace(0.0, level, (count, *shape))
    return (values if signed else np.maximum(values, 0)).astype(np.float32)


def coded_edge(seed: int, shape: tuple[int, int, int], signed: bool, bits: float) -> tuple[Edge, Costs]:
    """An edge made for some maps, its tables shared by all drops and contexts."""
    grid, maps = Grid(signed), maps_of(seed, shape, 6, signed)
    scales = np.full(shape[2], max(float(np.abs(maps).max()), 1e-3) / grid.above)
    own = Costs(grid, maps, scales, np.ones(shape[2]))
    layout = own.layout(int(bits * np.prod(shape) / 8) + 4 * shape[0])
    assert layout is not None
    counts = own.counts[: layout.extra_bits + 1].reshape(-1, 16).astype(np.float64)
    tables, numbers = cluster(counts, 4)
    contexts = numbers.reshape(-1, 16).tolist()
    costs = Costs(grid, maps, scales, np.ones(shape[2]), [[tables[i] for i in row] for row in contexts])
    final = costs.layout(layout.capacity, layout.code_bits)
    assert final is not None
    low = -128 if signed else 0
    coding = coding_of(final, tuple(tables), contexts)
    edge = Edge("e", *shape, Storage.CODED, final.code_bits, final.extra_bits, low, 0, final.capacity, coding=coding)
    check_edge(edge, "edge")
    return edge, costs


@settings(deadline=None, max_examples=40)
@given(
    st.integers(0, 2**32 - 1),
    st.tuples(st.integers(1, 9), st.integers(1, 9), st.integers(1, 7)),
    st.booleans(),
    st.floats(2.6, 7.0),
)
def test_simulated_maps_are_those_of_the_mirror(seed: int, shape: tuple[int, int, int], signed: bool, bits: float) -> None:
    edge, _ = coded_edge(seed, shape, signed, bits)
    assert edge.coding is not None
    scale = edge.high / max(float(np.abs(maps_of(seed, shape, 6, signed)).max()), 1e-3)
    # Other maps than those of calibration, some of them far busier.
    loud = maps_of(seed + 1, shape, 3, signed) * scale * np.array([1, 2, 8])[:, None, None, None]
    values = np.clip(np.rint(loud), edge.low, edge.high).astype(np.int8)

    found = simulate(edge, edge.coding, values)

    assert (found.used <= edge.capacity).all()
    for number, one in enumerate(values):
        data, dropped = mirror_coded.encode(edge, edge.coding, one)
        assert len(data) == found.used[number]
        assert dropped == (int((found.levels[number] > 0).sum()) if edge.extra_bits else 0)
        assert np.array_equal(mirror_coded.decode(edge, edge.coding, data), found.values[number])


def test_costs_read_back_what_a_simulation_of_the_same_maps_does() -> None:
    edge, costs = coded_edge(3, (8, 6, 5), True, 3.0)
    layout = costs.layout(edge.capacity, edge.code_bits)
    assert layout is not None and edge.coding is not None
    signs = np.where(costs.codes.negative, -1, 1)

    found = simulate(edge, edge.coding, (costs.codes.magnitudes * signs).astype(np.int8))

    assert np.array_equal(found.levels, layout.levels)
    assert np.allclose(costs.read_back(layout), found.values * costs.scales)


def test_more_room_never_loses_more() -> None:
    grid, maps = Grid(False), maps_of(5, (12, 10, 8), 8, False)
    costs = Costs(grid, maps, np.full(8, float(maps.max()) / 127), np.ones(8))
    losses = [layout.loss for bits in (2, 2.5, 3, 4, 5, 6) if (layout := costs.layout(int(bits * 120)))]

    assert len(losses) == 6
    assert losses == sorted(losses, reverse=True)


def test_rows_that_are_too_long_or_a_capacity_that_is_too_small_give_no_layout() -> None:
    long = np.ones((1, 1, 4096, 8), np.float32)
    small = np.ones((1, 4, 4, 4), np.float32)

    assert Costs(Grid(False), long, np.ones(8), np.ones(8)).layout(8 * 4096) is None
    assert Costs(Grid(True), small, np.ones(4), np.ones(4)).layout(64 * 2 // 8) is None


@pytest.mark.parametrize("signed", [False, True])
def test_a_grid_takes_each_value_to_the_nearest_and_clips_the_others(signed: bool) -> None:
    codes = Grid(signed).code(np.array([-200.0, -3.4, 0.4, 0.6, 126.9, 500.0], np.float32).reshape(1, 1, 6, 1), np.ones(1))

    expected = [-128, -3, 0, 1, 127, 127] if signed else [0, 0, 0, 1, 127, 127]
    assert codes.read_back(0).ravel().tolist() == expected


def test_symbols_are_two_for_each_power_of_two() -> None:
    assert SYMBOL[[0, 1, 2, 3, 4, 5, 6, 8, 12, 127, 128, 255]].tolist() == [0, 1, 2, 3, 4, 4, 5, 6, 7, 13, 14, 15]
    for symbol in range(16):
        values = np.flatnonzero(symbol == SYMBOL)
        assert len(values) == 1 << LOW_BITS[values[0]]


def test_bits_of_a_row_are_those_of_its_symbols_in_their_contexts() -> None:
    u = np.array([[0, 5, 1], [2, 5, 0], [7, 0, 0]], np.uint8)[None]  # one row, 3 columns, 3 channels
    lengths = np.arange(16)[:, None] * 100 + np.zeros((16, 256), np.int64)  # bits: 100 times the context
    counts = context_counts(u)

    assert row_bits(joint(u), (lengths // 100).astype(np.uint8)).tolist() == [[0 + 2, 4 + 4, 1 + 0]]
    assert counts.sum() == 9
    assert (counts[4, 4], counts[4, 0], counts[0, 0], counts[1, 0], counts[2, 5]) == (1, 1, 2, 1, 1)


def test_few_tables_serve_many_distributions_and_more_tables_never_cost_more() -> None:
    rng = np.random.default_rng(0)
    decay = rng.uniform(0.3, 0.95, (40, 1))
    counts = np.round(1000 * decay ** np.arange(16))
    costs = []
    for most in (1, 2, 4, 8):
        tables, numbers = cluster(counts, most)
        assert 1 <= len(tables) <= most
        costs.append(sum(tables[i].encoded_bits(row.astype(np.int64)) for i, row in zip(numbers, counts, strict=True)))
    own = sum(table_of(row).encoded_bits(row.astype(np.int64)) for row in counts)

    assert costs == sorted(costs, reverse=True)
    assert own <= costs[-1] < 1.02 * own


def test_distributions_that_never_occur_take_a_table_too() -> None:
    tables, numbers = cluster(np.zeros((3, 16)), 4)
    assert len(tables) == 1 and numbers.tolist() == [0, 0, 0]
