"""The ledger: exact figures of a small fixed network on a simulated Cortex-M4F, so that no change makes firmware slower or larger unseen.

    DQA_LEDGER=update pytest tests/proof/test_ledger.py

writes the figures of today to ledger.json, which is committed with the change that explains them.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest

from builders.firmware import needs_compiler, needs_qemu, write_out
from builders.ledger import network
from dqa import program as p
from dqa.device import bare, boards
from dqa.device.client import Device
from dqa.device.simulate import Simulator
from dqa.device.toolchain import compiler
from dqa.engine.host import HostModel

pytestmark = [needs_compiler, needs_qemu]

BOARD = "mps2_an386"
LEDGER = Path(__file__).with_name("ledger.json")
UPDATE = "if the change is worth it: DQA_LEDGER=update pytest tests/proof/test_ledger.py, and commit ledger.json with it"
Figures = dict[str, int]


def limits(known: Figures) -> Figures:
    """What may not be passed: 1 % more instructions, 256 bytes of flash, 64 of RAM."""
    return {"instructions": known["instructions"] * 101 // 100, "flash": known["flash"] + 256, "ram": known["ram"] + 64}


def complaints(found: Figures, known: Figures) -> list[str]:
    return [f"{name}: {found[name]:,}, {known[name]:,} in the ledger" for name, most in limits(known).items() if found[name] > most]


def toolchain() -> str:
    """The compiler, whose code another version's does not equal."""
    return subprocess.run([compiler(), "--version"], capture_output=True, text=True, check=True).stdout.splitlines()[0]


def measured(directory: Path) -> Figures:
    """One inference; instructions exact, flash all of the firmware but the program, RAM all of it with the stack it used."""
    program = network()
    sample = np.random.default_rng(0).integers(-128, 128, program.edges[0].shape).astype(np.int8)
    expected = HostModel(p.write(program)).run(sample.reshape(1, -1)).outputs.tobytes()
    write_out(directory / "out", program)
    board, built = boards.load_board(BOARD), bare.build(directory / "out", BOARD)
    assert board.qemu is not None
    with Simulator(board, built.elf, icount=True) as simulator:
        device = Device(simulator.link, reply_timeout=20)
        output, reply = device.infer(device.hello(), sample.tobytes())
        stack = device.stats().stack_used
    assert output == expected
    instructions = round(reply.ticks * 1e9 / board.counter_hz / 2**board.qemu.icount_shift)
    return {"instructions": instructions, "flash": built.flash_code, "ram": built.ram_static + built.ram_model + stack}


def test_figures_stay_within_those_of_the_ledger(tmp_path: Path) -> None:
    used = toolchain()
    if os.environ.get("DQA_LEDGER") == "update":
        LEDGER.write_text(json.dumps({"compiler": used, "figures": measured(tmp_path)}, indent=1) + "\n", encoding="utf-8")
        return
    ledger = json.loads(LEDGER.read_text(encoding="utf-8"))
    if used != ledger["compiler"]:
        pytest.skip(f"the ledger is of {ledger['compiler']}; here is {used}")
    found = complaints(measured(tmp_path), ledger["figures"])
    assert not found, f"{'; '.join(found)}: {UPDATE}"


def test_more_than_the_limits_fails() -> None:
    known = {"instructions": 100_000, "flash": 30_000, "ram": 8_000}
    assert complaints({"instructions": 101_000, "flash": 30_256, "ram": 8_064}, known) == []
    for name, value in (("instructions", 101_001), ("flash", 30_257), ("ram", 8_065)):
        assert [line.split(":")[0] for line in complaints({**known, name: value}, known)] == [name]
