"""Rows without end on a simulated board, by the C of a model and the example's firmware: the host's answers, at the same rows."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from builders.documents import ROOT
from builders.endless import endless
from builders.firmware import needs_compiler, needs_qemu, write_out
from builders.ports import ports_of
from dqa import program as p
from dqa.engine.host import HostModel
from dqa.engine.host_stream import HostStream
from dqa.program.endless import answer_at, steps


@pytest.fixture(scope="module")
def stream() -> ModuleType:
    """The example, as a module."""
    spec = importlib.util.spec_from_file_location("stream_example", ROOT / "examples" / "continuous" / "stream.py")
    assert spec is not None and spec.loader is not None
    module = sys.modules["stream_example"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@needs_compiler
@needs_qemu
def test_a_board_gives_the_host_s_answers(stream: ModuleType, tmp_path: Path) -> None:
    program = next(q for q in map(endless, range(50)) if q.period < 150)
    data = write_out(tmp_path, program)
    hop, first = steps(program.edges, program.ops)[1], answer_at(program.edges, program.ops)
    one = stream.Stream(tmp_path, data, program, ports_of(program).inputs[0], first, hop)
    random = np.random.default_rng(0).integers(-128, 128, (2 * program.period + 3 * hop, program.edges[0].row_values))
    rows = random.astype(np.int8).view(np.uint8)
    found, counts, ram = stream.on_board(one, rows, "mps2_an386")
    host = HostStream(data).push(rows)
    alone = HostModel(data).run(one.windows(rows)).outputs
    assert np.array_equal(found.at, host.at) and np.array_equal(found.answers, host.answers)
    assert np.array_equal(found.answers[: len(alone)], alone) and len(alone) > 5
    assert program.pushed is not None and ram >= program.pushed.arena_size
    assert len(counts) == len(rows) and max(counts) < 10**6


def test_frames_of_another_shape_are_refused(stream: ModuleType, tmp_path: Path) -> None:
    program = endless(0)
    one = stream.Stream(tmp_path, p.write(program), program, ports_of(program).inputs[0], 1, 1)
    with pytest.raises(stream.DataError, match="the model takes"):
        one.rows(np.zeros((3, 999), np.float32))
