"""Streamed programs: C answers what the numpy mirror does, what the stored program does, and the same when rows are pushed."""

from __future__ import annotations

import numpy as np
import pytest

from c_tools import flat
from dqa import program as p
from dqa.engine.host import HostModel
from dqa.engine.mirror import run
from programs import operator_program, random_inputs, random_program
from streams import ladder, streamed

LAYOUTS = ("internal", "external", "pushed")


def assert_streams(stored: p.Program, seed: int) -> bool:
    """Stored and streamed C give the mirror's outputs and dropped rows in all layouts; returns whether rows were pushed."""
    stream = streamed(stored, seed)
    inputs = random_inputs(stored, seed)
    expected = run(stored, inputs)
    again = run(stream, inputs)
    assert np.array_equal(flat(expected.outputs), flat(again.outputs))
    for program in (stored, stream):
        data = p.write(program)
        for layout in LAYOUTS[: 2 if program.pushed is None else 3]:
            result = HostModel(data, layout=layout).run(flat(inputs)[None], jobs=1)
            assert np.array_equal(result.outputs[0].view(np.uint8), flat(expected.outputs)), layout
            assert result.dropped.tolist() == expected.dropped, layout
    return stream.pushed is not None


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
