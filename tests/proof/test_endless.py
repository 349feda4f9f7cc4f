"""Rows without end: every answer is the one that the windowed network, in numpy, gives of its window, byte for byte."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest

from builders.endless import endless
from dqa import program as p
from dqa.engine.host import HostModel
from dqa.engine.host_stream import HostStream
from dqa.errors import ProgramError
from dqa.program.endless import answer_at, steps
from reference import mirror


def stream_of(program: p.Program, rows: int, seed: int) -> npt.NDArray[np.int8]:
    """Rows that drift, so that windows differ."""
    rng = np.random.default_rng(seed)
    walk = rng.integers(-30, 31, (rows, program.edges[0].row_values)).cumsum(0) + rng.integers(-20, 21, (rows, 1))
    return (np.abs(walk % 512 - 256) - 128).clip(-128, 127).astype(np.int8)


def windows(program: p.Program, x: npt.NDArray[np.int8], count: int) -> npt.NDArray[np.int8]:
    """The windows of the first answers that lie in the stream, flat."""
    hop, height = steps(program.edges, program.ops)[1], program.edges[0].height
    starts = [k * hop for k in range(count) if k * hop + height <= len(x)]
    return np.array([x[start : start + height].reshape(-1) for start in starts])


@pytest.mark.parametrize("block", range(4))
def test_answers_are_those_of_the_windowed_network(block: int) -> None:
    answered, varied, kinds = 0, 0, set[type]()
    for seed in range(60 + 15 * block, 75 + 15 * block):
        program = endless(seed)
        hop, first = steps(program.edges, program.ops)[1], answer_at(program.edges, program.ops)
        x = stream_of(program, program.edges[0].height + 6 * hop, seed)
        found = HostStream(p.write(program)).push(x)
        assert found.at.tolist() == list(range(first, len(x) + 1, hop))
        storage = np.uint8 if program.edges[0].storage is p.Storage.RAW_UINT8 else np.int8
        for window, answer in zip(windows(program, x, len(found.at)), found.answers, strict=False):
            wanted = mirror.run(program, [window.view(storage)]).outputs[0]
            assert np.array_equal(answer.view(wanted.dtype), wanted.reshape(-1))
            answered += 1
        kinds |= {type(op) for op in program.ops}
        varied += len(np.unique(found.answers, axis=0)) > 1
    assert answered >= 15 * 6 and varied > 5 and len(kinds) >= 8


@pytest.mark.parametrize("seed", range(12))
def test_counters_begin_again_and_nothing_changes(seed: int) -> None:
    program = endless(seed)
    x = stream_of(program, 5 * program.period + 50, seed) if program.period < 5000 else stream_of(program, 2 * program.period + 200, seed)
    data = p.write(program)
    found = HostStream(data).push(x)
    wanted = HostModel(data, "pushed").run(windows(program, x, len(found.at))).outputs
    assert len(wanted) > 2 * program.period / steps(program.edges, program.ops)[1] - program.edges[0].height
    assert np.array_equal(found.answers[: len(wanted)], wanted)


def test_a_stream_goes_on_with_each_call_and_two_do_not_meet() -> None:
    program = endless(3)
    data, x = p.write(program), stream_of(program, 120, 0)
    whole, parts, other = HostStream(data).push(x), HostStream(data), HostStream(data)
    answers = []
    for at in range(0, 120, 7):
        other.push(x[::-1][at : at + 3])
        answers.append(parts.push(x[at : at + 7]).answers)
    assert np.array_equal(np.concatenate(answers), whole.answers)


@pytest.mark.parametrize("layout", ["internal", "external", "pushed"])
def test_the_same_program_runs_window_by_window(layout: p.LayoutName) -> None:
    for seed in range(20):
        program = endless(seed)
        samples = stream_of(program, 3 * program.edges[0].height, seed).reshape(3, -1)
        storage = np.uint8 if program.edges[0].storage is p.Storage.RAW_UINT8 else np.int8
        wanted = [mirror.run(program, [one.view(storage)]).outputs[0].reshape(-1).view(np.int8) for one in samples]
        assert np.array_equal(HostModel(p.write(program), layout).run(samples).outputs, wanted)


def test_bytes_read_back() -> None:
    program = endless(5)
    again = p.read(p.write(program))
    assert again.period == program.period and p.write(again) == p.write(program)


def test_a_period_that_no_ring_divides_is_refused() -> None:
    for seed in range(20):
        program = endless(seed)
        if max(edge.ring_rows for edge in program.edges) > 1:
            with pytest.raises(ProgramError, match="first slot"):
                p.write(replace(program, period=program.period + 1))
            return
    raise AssertionError("no program has a ring of several rows")
