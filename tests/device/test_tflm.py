"""The firmware with runtime tflm. The interpreter is a test double, so this proves what dqa adds: finding and linking the user's library,
embedding the .tflite, the operator's registration and the firmware's use of the interpreter. With DQA_TFLM_DIR it is the real one."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import numpy as np
import pytest
from elftools.elf.elffile import ELFFile

from builders.firmware import needs_compiler, needs_qemu, random_samples, write_out
from builders.ports import ports_of
from builders.programs import random_program
from builders.tflm_double import add_library, make_tree
from dqa.device import bare, boards, build, built, evaluate, project, simulate, tflm_tree
from dqa.device.client import Device
from dqa.device.protocol import ERROR, Frame, Receiver, Refusal
from dqa.device.simulate import Simulator
from dqa.engine.host import HostModel
from dqa.errors import ProgramError
from dqa.tflite.writer import write_tflite

pytestmark = [
    needs_compiler,
    needs_qemu,
    pytest.mark.skipif(shutil.which("arm-none-eabi-g++") is None, reason="arm-none-eabi-g++ is not installed"),
]

BOARD = boards.load_board("mps2_an386")


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tree(tmp_path_factory.mktemp("tflm"))


def write_model(out: Path) -> HostModel:
    """A model with one input and one output, alone in its .tflite."""
    program = next(q for q in map(random_program, range(100)) if (q.input_count, q.output_count) == (1, 1) and q.edges[0].values > 100)
    data = write_out(out, program)
    ports = ports_of(program)
    (out / "model.tflite").write_bytes(write_tflite(data, program, ports.inputs, ports.outputs))
    return HostModel(data)


def test_the_firmware_answers_the_same_inside_the_interpreter(tree: Path, tmp_path: Path) -> None:
    host = write_model(tmp_path)
    samples = random_samples(3, sum(host.input_sizes))
    found = evaluate.run_samples(f"sim:{BOARD.name}", tmp_path, samples, runtime="tflm", tflm=tree)
    assert np.array_equal(found.outputs.view(np.int8), host.run(samples).outputs)
    assert found.flash_model == (tmp_path / "model.tflite").stat().st_size
    assert found.dropped_rows is None  # the interpreter does not tell
    # the arena the interpreter was given is the model's RAM; of its stack the compiler tells nothing
    assert found.ram_model is not None and host.arena_size < found.ram_model < found.ram_static and found.stack_bound is None
    standalone = build.build(tmp_path, BOARD.name)
    assert standalone.elf != built.elf_path(tmp_path, BOARD.name, "tflm")
    assert standalone.flash_model == (tmp_path / "model.dqa").stat().st_size


def symbols(elf: Path) -> dict[str, int]:
    with elf.open("rb") as stream:
        return {symbol.name: symbol["st_size"] for symbol in ELFFile(stream).get_section_by_name(".symtab").iter_symbols()}


def test_the_arena_is_what_the_interpreter_takes_in_a_run(tree: Path, tmp_path: Path) -> None:
    host = write_model(tmp_path)
    found = tflm_tree.find(BOARD, tree)
    used = evaluate_arena(bare.build(tmp_path, BOARD.name, tflm_tree.Tflm(found)).elf)
    made = build.build(tmp_path, "nucleo_f446re", "tflm", tree, bare=True)
    arena = next(size for name, size in symbols(made.elf).items() if "arena" in name and size > host.arena_size)
    assert used + 100 <= arena < used + 300  # what the double keeps, and takes for a moment
    assert made.notes == () and made.builder == "bare"


def evaluate_arena(elf: Path) -> int:
    with Simulator(BOARD, elf) as simulator:
        return Device(simulator.link, reply_timeout=20).hello().arena_size


def test_without_a_simulator_the_arena_is_an_estimate_and_it_is_said(tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_model(tmp_path)
    monkeypatch.setattr(simulate, "_QEMU", "no-such-emulator")
    made = build.build(tmp_path, "nucleo_f446re", "tflm", tree, bare=True)
    assert "the arena is an estimate, not measured: no-such-emulator is not installed" in made.notes


@pytest.mark.parametrize(
    "name", ["nucleo_f446re", "nrf52840_dk", "nucleo_f746zg", "nucleo_h743zi", "nrf5340_dk", "mps2_an385", "mps3_an547"]
)
def test_it_links_for_every_core(name: str, tree: Path, tmp_path: Path) -> None:
    """The resolver's destructor, failed checks and all else the library leaves open are the firmware's; no file, process or heap."""
    write_model(tmp_path)
    board = boards.load_board(name)
    add_library(tmp_path / "tree", board.core, board)
    shutil.copytree(tree / "tensorflow", tmp_path / "tree" / "tensorflow")
    made = bare.build(tmp_path, name, tflm_tree.Tflm(tflm_tree.find(board, tmp_path / "tree")))
    found = symbols(made.elf)
    assert {"__dso_handle", "__aeabi_atexit", "abort", "__assert_func"} <= set(found)
    assert not {"_sbrk", "_write", "_exit", "_kill", "malloc", "_malloc_r"} & set(found)


def test_a_failed_check_of_the_interpreter_is_reported_as_a_fault(tree: Path, tmp_path: Path) -> None:
    write_model(tmp_path)
    source = tmp_path / "firmware" / "src" / "runtime_tflm.cc"
    project.write(tmp_path)
    spoiled = source.read_text().replace("GetModel(dqa_model_tflite)", "GetModel(nullptr)")
    assert spoiled != source.read_text()
    source.write_text(spoiled)
    elf = bare.build(tmp_path, BOARD.name, tflm_tree.Tflm(tflm_tree.find(BOARD, tree))).elf
    with Simulator(BOARD, elf) as simulator:
        assert_fault(simulator)


def assert_fault(simulator: Simulator) -> None:
    """The bytes of a frame may come in several pieces."""
    receiver, end, frames = Receiver(), time.monotonic() + 20, list[Frame]()
    while not frames and (left := end - time.monotonic()) > 0:
        frames += receiver.feed(simulator.link.receive(left))
    (frame,) = frames
    assert frame.type == ERROR and frame.payload[0] == Refusal.FAULT


def test_a_model_the_interpreter_refuses_is_reported_over_serial(tree: Path, tmp_path: Path) -> None:
    host = write_model(tmp_path)
    project.write(tmp_path)
    model = tmp_path / "firmware" / "model.tflite"
    model.write_bytes(model.read_bytes().replace(b"DQAP", b"DQAQ"))
    with pytest.raises(ProgramError, match="status 255 \\(refused by the interpreter\\)"):
        evaluate.run_samples(f"sim:{BOARD.name}", tmp_path, random_samples(1, sum(host.input_sizes)), runtime="tflm", tflm=tree)


@pytest.mark.tflm
@pytest.mark.skipif("DQA_TFLM_DIR" not in os.environ, reason="needs DQA_TFLM_DIR, a tree in which TFLM's microlite target was made")
def test_the_firmware_answers_the_same_inside_the_real_interpreter(tmp_path: Path) -> None:
    host = write_model(tmp_path)
    samples = random_samples(3, sum(host.input_sizes))
    found = evaluate.run_samples(f"sim:{BOARD.name}", tmp_path, samples, runtime="tflm")
    assert np.array_equal(found.outputs.view(np.int8), host.run(samples).outputs)
