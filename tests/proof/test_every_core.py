"""Every operator on every simulated board, in one program: what a core's own instructions give is what the host gives."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from builders.firmware import needs_compiler, needs_qemu, random_samples, write_out
from builders.programs import program_of_every_kind
from dqa.device import bare, boards
from dqa.device.client import Device
from dqa.device.simulate import Simulator
from dqa.engine.host import HostModel
from dqa.program import Kind, kind_of

pytestmark = [needs_compiler, needs_qemu, pytest.mark.slow]

SIMULATED = [board.name for board in boards.list_boards() if board.simulated]


@pytest.mark.parametrize("name", SIMULATED)
def test_every_operator_answers_the_same_on_every_core(name: str, tmp_path: Path) -> None:
    program = program_of_every_kind()
    assert {kind_of(op) for op in program.ops} == set(Kind)
    host = HostModel(write_out(tmp_path / "out", program))
    samples = random_samples(6, sum(host.input_sizes))
    expected = host.run(samples).outputs
    assert len(np.unique(expected, axis=0)) == len(samples)
    with Simulator(boards.load_board(name), bare.build(tmp_path / "out", name).elf) as simulator:
        device = Device(simulator.link, reply_timeout=20)
        hello = device.hello()
        found = [np.frombuffer(device.infer(hello, sample.tobytes())[0], np.int8) for sample in samples]
    assert np.array_equal(found, expected)
