"""dqa profile: costs and values of each operator, and a kernel that is wrong on the board."""

from __future__ import annotations

import json
import shutil
import struct
import subprocess
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from builders.cli import Shell
from builders.firmware import needs_compiler, needs_qemu, random_samples, write_out
from builders.mlperf_models import classifier, write_model
from builders.programs import random_program
from builders.streams import ladder, streamed
from dqa.device import bare, boards, profile
from dqa.device.built import elf_path
from dqa.device.client import Device
from dqa.device.protocol import Command, Hello, OperatorRecord, RunReply
from dqa.device.simulate import Simulator
from dqa.device.toolchain import compiler
from dqa.engine import profile as engine
from dqa.engine.host import HostModel
from dqa.errors import RecipeError, ToolError
from dqa.profiling import run
from dqa.program import read, write

BOARD = "mps2_an386"
on_board = pytest.mark.usefixtures("bare_build")


@pytest.fixture
def bare_build(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leaves PlatformIO out."""

    def build(out: Path, board: str, *, pushed: bool, profile: bool) -> object:
        assert profile
        return bare.build(out, board, pushed=pushed, profile=len(read((out / "model.dqa").read_bytes()).ops))

    monkeypatch.setattr(profile, "build", build)


@pytest.fixture
def example(example_out: Path, tmp_path: Path) -> Path:
    """The example, converted, for a test to change."""
    return Path(shutil.copytree(example_out, tmp_path / "example"))


def test_the_host_s_last_operators_make_the_outputs() -> None:
    program = random_program(3)
    sample = random_samples(1, sum(HostModel(write(program)).input_sizes))[0]
    found = engine.profile(write(program), sample)
    assert len(found.operators) == len(program.ops)
    assert np.array_equal(found.outputs, HostModel(write(program)).run(sample.reshape(1, -1)).outputs[0])
    by_edge = {op.output: made.values for op, made in zip(program.ops, found.operators, strict=True)}
    outputs = [by_edge[program.input_count + i].reshape(-1) for i in range(program.output_count)]
    assert np.array_equal(np.concatenate(outputs), found.outputs)
    assert all(one.microseconds > 0 for one in found.operators)


@pytest.mark.slow
@needs_compiler
@needs_qemu
@on_board
@pytest.mark.parametrize("board", ["mps2_an386", "netduinoplus2", "lm3s6965evb"])
def test_what_each_operator_makes_on_a_board_is_what_it_makes_here(board: str, tmp_path: Path) -> None:
    program = write_out(tmp_path / "out", random_program(0))
    sample = random_samples(1, sum(HostModel(program).input_sizes))[0]
    found, host = profile.profile(f"sim:{board}", tmp_path / "out", sample), engine.profile(program, sample)
    assert [(one.crc, one.rows) for one in found.records] == [(one.crc, len(one.values)) for one in host.operators]
    assert found.output == host.outputs.tobytes()
    assert found.unit == profile.INSTRUCTIONS and found.board == board and found.stack > 0
    with Simulator(boards.load_board(board), bare.build(tmp_path / "out", board).elf, icount=True) as simulator:
        device = Device(simulator.link, reply_timeout=20)
        _, reply = device.infer(device.hello(), sample.tobytes())
    qemu = boards.load_board(board).qemu
    assert qemu is not None
    whole = reply.ticks * 1e9 / boards.load_board(board).counter_hz / 2**qemu.icount_shift
    assert 0.85 * whole < sum(found.costs) < 1.02 * whole  # the rest looks for who can go on


@needs_compiler
@needs_qemu
@on_board
def test_pushed_rows(tmp_path: Path) -> None:
    program = streamed(ladder(4), 4)
    data = write_out(tmp_path / "out", program)
    assert program.pushed is not None
    sample = random_samples(1, sum(HostModel(data).input_sizes))[0]
    found, host = profile.profile(f"sim:{BOARD}", tmp_path / "out", sample, pushed=True), engine.profile(data, sample, "pushed")
    assert [(one.crc, one.rows) for one in found.records] == [(one.crc, len(one.values)) for one in host.operators]


class Paged(Device):
    """A device whose operators' records come in several frames."""

    def __init__(self, records: list[OperatorRecord]) -> None:
        super().__init__(Silent())
        self.records = records

    def _infer(self, hello: Hello, data: bytes, run: int) -> tuple[bytes, RunReply]:
        return b"", RunReply(0, 0, 0, 0)

    def _ask(self, command: Command, payload: bytes = b"") -> bytes:
        assert command is Command.PROFILE
        first = int.from_bytes(payload[4:6], "little")
        part = b"".join(struct.pack("<QII", one.ticks, one.rows, one.crc) for one in self.records[first : first + 15])
        return struct.pack("<H", len(self.records)) + part


class Silent:
    def send(self, data: bytes) -> None: ...

    def receive(self, timeout: float) -> bytes:
        return b""

    def close(self) -> None: ...


def test_more_operators_than_a_frame_holds() -> None:
    records = [OperatorRecord(1 << 40 | number, number, 7 * number) for number in range(37)]
    hello = Hello("b", 2, 0, 1, 0, 0, 0, 0, 1, 1, 256, 0, 0)
    assert Paged(records).profile(hello, b"")[2] == records


@needs_compiler
@needs_qemu
def test_other_firmware_refuses_and_has_nothing_of_it(tmp_path: Path) -> None:
    out = tmp_path / "out"
    write_out(out, random_program(3))
    elf = bare.build(out, BOARD).elf
    symbols = subprocess.run([compiler("arm-none-eabi-nm"), str(elf)], capture_output=True, text=True, check=True).stdout
    assert "profile" not in symbols
    with Simulator(boards.load_board(BOARD), elf) as simulator:
        device = Device(simulator.link, reply_timeout=20)
        hello = device.hello()
        with pytest.raises(ToolError, match="not a profiling one") as caught:
            device.profile(hello, bytes(hello.input_size))
    assert "--profile" in caught.value.hint


@pytest.mark.slow
@needs_compiler
@needs_qemu
@on_board
def test_a_broken_kernel_is_found(example: Path, noise_npz: Path, dqa: Shell) -> None:
    options = ("profile", example, "--target", f"sim:{BOARD}", "--data", noise_npz, "--compare", "-q", "--json", example.parent / "p.json")
    assert dqa(*options).code == 0
    good = json.loads((example.parent / "p.json").read_text())
    assert good["output_equal"] is True and all(row["equal"] for row in good["operators"]) and "first_difference" not in good
    kernel = example / "firmware" / "lib" / "dqa" / "src" / "operators" / "op_add.c"
    text = kernel.read_text()
    right = "clamp(dsp_add_high_product(added, bias + a[i] * wa + b[i] * wb, multiplier) >> shift)"
    assert right in text
    kernel.write_text(text.replace(right, f"({right} ^ (i == 0))"))
    done = dqa(*options)
    bad = json.loads((example.parent / "p.json").read_text())
    kinds = [row["kind"] for row in bad["operators"]]
    first = kinds.index("Add")
    assert done.code == 1 and f"first at operator '{bad['operators'][first]['name']}'" in done.err
    assert [row["equal"] for row in bad["operators"][: first + 1]] == [True] * first + [False]
    report = json.loads((example / "report.json").read_text())
    assert report["profiles"] == [bad]
    assert bad["first_difference"] in (example / "report.html").read_text()


def test_the_host_against_the_float_network(example: Path, noise_npz: Path) -> None:
    found = run.profile(example, data=noise_npz, sample=3, compare=True)
    ratios = [row.float_db for row in found.operators]
    assert all(ratio is not None and 10 < ratio < 60 for ratio in ratios)
    assert found.unit == "microseconds" and abs(sum(row.share for row in found.operators) - 1) < 0.01
    names = [layer["name"] for layer in json.loads((example / "report.json").read_text())["layers"]]
    assert [row.name for row in found.operators] == names
    without = run.profile(example)
    assert without.operators[0].float_db is None and "random" in without.notes[0]


def test_what_cannot_be_profiled(example: Path, noise_npz: Path, dqa: Shell, tmp_path: Path) -> None:
    assert "holds samples 0 to 31" in dqa.refuses("profile", example, "--data", noise_npz, "--sample", "32").err
    assert "--data" in dqa.refuses("profile", example, "--sample", "1").err
    assert "unknown target" in dqa.refuses("profile", example, "--target", "sim", "-q").err
    assert "not simulated" in dqa.refuses("profile", example, "--target", "sim:nucleo_f446re", "-q").err
    assert "no converted model" in dqa.refuses("profile", tmp_path / "none").err
    from dqa.device.build import build

    with pytest.raises(RecipeError, match="cannot be profiled"):
        build(example, BOARD, "tflm", profile=True)
    for command, board in (("build", BOARD), ("flash", "nucleo_f446re")):
        assert "--profile has no effect" in dqa.refuses(command, example, "--board", board, "--profile", "--protocol", "mlperf", "-q").err


@needs_compiler
@needs_qemu
def test_firmware_that_speaks_both_protocols_is_profiled(tmp_path: Path) -> None:
    out = tmp_path / "out"
    write_model(out, classifier("generic"))
    program = (out / "model.dqa").read_bytes()
    elf = bare.build(out, BOARD, protocol="both", profile=len(read(program).ops)).elf
    sample = random_samples(1, sum(HostModel(program).input_sizes))[0]
    with Simulator(boards.load_board(BOARD), elf) as simulator:
        device = Device(simulator.link, reply_timeout=20)
        output, _, records = device.profile(device.hello(), sample.tobytes())
    host = engine.profile(program, sample)
    assert [one.crc for one in records] == [one.crc for one in host.operators] and output == host.outputs.tobytes()


def test_each_kind_of_firmware_has_a_place_of_its_own(tmp_path: Path) -> None:
    kinds = product((False, True), ("dqa", "mlperf", "both"), (False, True))
    places = [elf_path(tmp_path, BOARD, pushed=pushed, protocol=protocol, profile=profiling) for pushed, protocol, profiling in kinds]
    assert len({place.parent for place in places}) == 12


def test_a_reply_of_another_size_is_refused() -> None:
    assert OperatorRecord.decode(b"\x01\x00" + bytes(16)) == (1, [OperatorRecord(0, 0, 0)])
    for payload in (b"", b"\x01\x00", b"\x01\x00" + bytes(15), b"\x01\x00" + bytes(17)):
        with pytest.raises(ValueError):
            OperatorRecord.decode(payload)
