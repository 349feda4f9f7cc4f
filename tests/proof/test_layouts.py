"""Layouts whose buffers share memory by moments: programs answer as with a buffer for each."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from builders.comparisons import check
from builders.kernels import Grown
from builders.programs import operator_program, place, random_program
from builders.streams import ladder, streamed
from dqa import program as p
from dqa.errors import ProgramError
from dqa.operators.lut import Lut
from dqa.operators.max_pool_2d import MaxPool2D
from dqa.planning.layout import Ends, all_ends, moments_of, over, plan
from dqa.program.lifetimes import span


def packed_tight(program: p.Program) -> p.Program:
    """The program with the planner's layouts."""
    ends = Ends(program.input_count, program.output_count)
    outside = replace(ends, inputs_inside=False, outputs_inside=False)
    layouts = [plan(program.edges, program.ops, program.op_phases, e) for e in (ends, outside)]
    pushed = program.pushed
    if pushed is not None:
        pushed = plan(program.edges, program.ops, program.op_phases, replace(ends, inputs_inside=False, pushed=True))
    return replace(program, internal=layouts[0], external=layouts[1], pushed=pushed)


def test_programs_whose_buffers_share_memory_give_the_mirrors_bytes(tmp_path: Path) -> None:
    programs = [packed_tight(random_program(seed)) for seed in range(20)]
    programs += [packed_tight(streamed(ladder(seed), seed)) for seed in range(60)]
    programs += [packed_tight(streamed(operator_program(kind, seed, exact=1.0), seed, cut=0.0)) for kind in p.Kind for seed in range(2)]
    in_outputs = sum(any((place or 0) & p.IN_OUTPUT for place in (*q.external.edges, *q.external.scratch)) for q in programs)

    check(programs, tmp_path)
    assert in_outputs > 10
    for storage in (p.Storage.MAP, p.Storage.CODED):
        assert sum(storage in over_each_other(q) for q in programs) > 5


def large_first(seed: int) -> p.Program:
    """Convolutions and pools of a large input, one phase each or all in one: what is plain may be written over what was read."""
    builder, rng = Grown(seed), np.random.default_rng(seed)
    shape = (int(rng.integers(8, 24)), int(rng.integers(4, 12)), int(rng.integers(1, 9)))
    edge = builder.source(shape, int(rng.integers(-9, 9)))
    for _ in range(int(rng.integers(1, 4))):
        kernel, stride, outputs = int(rng.integers(1, 4)), int(rng.integers(1, 3)), int(rng.integers(1, 7))
        height, width = (-(-side // stride) for side in shape[:2])
        pads = [max(0, (out - 1) * stride + kernel - side) for out, side in ((height, shape[0]), (width, shape[1]))]
        window = p.Window(kernel, kernel, stride, stride, 1, 1, pads[0] // 2, pads[1] // 2)
        weights = rng.integers(-128, 128, (outputs, kernel, kernel, shape[2])).astype(np.int8)
        edge = builder.convolve(edge, window, weights, (height, width))
        shape = (height, width, outputs)
    program = builder.finish()
    edges = [replace(edge, storage=p.Storage.RAW_INT8, code_bits=8, low=-128, capacity=edge.values) for edge in program.edges]
    program = replace(program, edges=tuple(edges))
    return packed_tight(replace(program, phases=(0,) * len(program.ops)) if seed % 2 else program)


def over_each_other(program: p.Program) -> set[p.Storage]:
    """The storages of edges that share bytes while they hold something, but for plain ones: of those over plain ones."""
    ends = all_ends(program)["internal"]
    alive = moments_of(program.edges, program.ops, program.op_phases, ends)
    found = set[p.Storage]()
    for (a, b), _ in over(alive, ends.owned(len(program.edges))).items():
        (first, one), (second, other) = ((program.internal.edges[i], program.edges[i]) for i in (a, b))
        assert first is not None and second is not None
        if alive.edges[a] & alive.edges[b] and first < second + other.capacity and second < first + one.capacity:
            found.add(one.storage)
    return found


def test_what_is_plain_is_written_over_rows_that_were_read(tmp_path: Path) -> None:
    programs = [large_first(seed) for seed in range(60)]

    assert sum(bool(over_each_other(program)) for program in programs) > 30
    check(programs, tmp_path)


@pytest.mark.slow
def test_many_programs_whose_buffers_share_memory_give_the_mirrors_bytes(tmp_path: Path) -> None:
    check([packed_tight(streamed(ladder(seed), seed)) for seed in range(1000, 1600)], tmp_path)


def pointwise_chain(length: int) -> p.Program:
    """Tables one after the other on rows of 40 bytes, in one phase, every edge between them a ring of one row."""
    edges = [p.Edge(f"e{i}", 6, 40, 1, p.Storage.RING, 8, 0, -128, 0, 40, ring_rows=1) for i in range(length + 1)]
    for end in (0, 1):
        edges[end] = replace(edges[end], storage=p.Storage.RAW_INT8, capacity=240, ring_rows=0)
    order = [0, *range(2, length + 1), 1]
    ops: list[p.Operator] = [Lut(f"t{i}", (order[i],), order[i + 1], np.arange(-128, 128, dtype=np.int8)) for i in range(length)]
    layouts = [place(edges, ops, skip) for skip in (0, 2, 1)]
    return p.Program(tuple(edges), tuple(ops), 1, 1, layouts[0], layouts[1], phases=(0,) * length, pushed=layouts[2])


def test_rings_whose_row_is_read_at_once_share_two_places() -> None:
    program = packed_tight(pointwise_chain(9))
    rings = [place for number, place in enumerate(program.internal.edges) if number >= 2]

    assert len(rings) == 8
    assert len(set(rings)) == 2


def test_a_ring_holds_something_from_the_moment_it_is_written_until_it_is_read() -> None:
    program = pointwise_chain(3)
    alive = p.lifetimes(program.edges, program.ops, program.op_phases, outputs=range(1, 2), pushed=True)

    # of each pushed row: written at moments 1, 4, 7, ..., read at the next
    assert alive.edges[2] == sum(0b11 << moment for moment in range(1, 19, 3))
    assert alive.edges[3] == alive.edges[2] << 1
    assert alive.edges[1] == span(3, 18)
    assert alive.scratch == (span(0, 18),) * 3


def test_the_memory_of_the_first_output_serves_until_it_is_written() -> None:
    program = packed_tight(random_program(3))
    layout = replace(program.external, scratch=tuple(p.in_output(0) for _ in program.ops))
    with pytest.raises(ProgramError, match="scratch of operator"):
        p.check_program(replace(program, external=replace(layout, scratch=(p.in_output(program.outputs[0].capacity), *layout.scratch[1:]))))


def test_a_program_that_stalls_has_no_lifetimes() -> None:
    edges = [p.Edge(f"e{i}", 4, 4, 1, p.Storage.RAW_INT8, 8, 0, -128, 0, 16) for i in range(3)]
    edges[2] = p.Edge("ring", 4, 4, 1, p.Storage.RING, 8, 0, -128, 0, 4, ring_rows=1)
    window = p.Window(2, 1, 1, 1, 1, 1, 0, 0)
    ops: list[p.Operator] = [
        Lut("t", (0,), 2, np.arange(-128, 128, dtype=np.int8)),
        MaxPool2D("pool", (2,), 1, replace(window, kernel_h=2)),
    ]
    edges[1] = replace(edges[1], height=3, capacity=12)
    with pytest.raises(ProgramError, match="stalls"):
        p.lifetimes(edges, ops, (0, 0), outputs=range(1, 2))
