"""Streamed programs: C answers what the numpy mirror does, what the stored program does, and the same when rows are pushed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from builders.c_tools import flat
from builders.comparisons import LAYOUTS, assert_streams
from builders.programs import operator_program, place, random_inputs, random_program
from builders.streams import ladder, streamed
from dqa import program as p
from dqa.engine.host import HostModel
from dqa.errors import ToolError
from reference.mirror import run


@pytest.mark.parametrize("block", range(10))
def test_random_graphs_give_the_same_bytes_streamed_stored_and_pushed(block: int) -> None:
    pushed = sum(assert_streams(ladder(seed), seed) for seed in range(50 * block, 50 * block + 50))
    assert pushed > 20


@pytest.mark.parametrize("block", range(4))
def test_random_programs_of_all_operators_give_the_same_bytes(block: int) -> None:
    for seed in range(25 * block, 25 * block + 25):
        assert_streams(random_program(seed), seed)


@pytest.mark.parametrize("kind", p.Kind, ids=lambda kind: kind.name.lower())
def test_every_operator_gives_the_same_bytes_streamed(kind: p.Kind) -> None:
    assert sum(assert_streams(operator_program(kind, seed, exact=1.0), seed) for seed in range(20)) > 0


def with_shorter_rings(stream: p.Program, seed: int) -> p.Program:
    """Rings lose up to three rows, whether the rest is enough or not."""
    rng = np.random.default_rng(seed)
    edges = list(stream.edges)
    for number, edge in enumerate(edges):
        if edge.ring_rows:
            shorter = replace(edge, ring_rows=max(1, edge.ring_rows - int(rng.integers(1, 4))))
            edges[number] = replace(shorter, capacity=p.minimum_capacity(shorter))
    ends = stream.input_count + stream.output_count
    layouts = [place(edges, list(stream.ops), skip) for skip in (0, ends, stream.input_count)]
    late = any(phase > 0 for op, phase in zip(stream.ops, stream.op_phases, strict=True) if 0 in op.inputs)
    pushed = layouts[2] if stream.input_count == 1 and not late else None
    return replace(stream, edges=tuple(edges), internal=layouts[0], external=layouts[1], pushed=pushed)


@pytest.mark.parametrize("block", range(4))
def test_the_executor_stalls_where_the_simulated_schedule_does_and_is_right_where_it_does_not(block: int) -> None:
    stalls = 0
    for seed in range(25 * block, 25 * block + 25):
        stream = with_shorter_rings(streamed(ladder(seed), seed, cut=0.0), seed)
        rings: dict[int, int | None] = {number: edge.ring_rows for number, edge in enumerate(stream.edges) if edge.ring_rows}
        inputs = random_inputs(stream, seed)
        for layout in LAYOUTS[: 2 if stream.pushed is None else 3]:
            complete = p.simulate(stream.edges, stream.ops, stream.op_phases, rings, pushed=layout == "pushed").complete
            model = HostModel(p.write(stream), layout)
            if complete:
                outputs = model.run(flat(inputs)[None], jobs=1).outputs
                assert np.array_equal(outputs[0].view(np.uint8), flat(run(stream, inputs).outputs)), layout
            else:
                stalls += 1
                with pytest.raises(ToolError, match="stalled"):
                    model.run(flat(inputs)[None], jobs=1)
    assert stalls > 5
