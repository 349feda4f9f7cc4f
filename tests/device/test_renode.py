"""Renode: what is rendered for it, how one is found, and how one is driven; a stand-in program speaks as its monitor does."""

from __future__ import annotations

import os
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from builders.cli import Shell
from builders.firmware import needs_compiler, needs_qemu, random_samples, write_out
from builders.programs import random_program
from dqa.device import boards, evaluate, host_board
from dqa.device.renode import find, platform
from dqa.device.renode.find import HINT
from dqa.device.renode.simulator import RenodeSimulator, script
from dqa.engine.host import HostModel
from dqa.errors import BoardError, InputError, ToolError

GOLDEN = ("nucleo_f446re", "nrf52840_dk", "mps2_an386", "disco_f407vg")
BOARD = boards.load_board("nucleo_f446re")


@pytest.mark.parametrize("name", GOLDEN)
def test_rendered_files_are_the_golden_ones(name: str, root: Path) -> None:
    for file, text in platform.render(boards.load_board(name)).items():
        golden = root / "tests" / "device" / "golden" / "renode" / name / file
        assert text == golden.read_text(encoding="utf-8"), f"{golden} is not what is rendered now"


@pytest.mark.parametrize("board", [board for board in boards.list_boards() if platform.supported(board)], ids=lambda board: board.name)
def test_every_bank_and_port_is_there_at_its_true_size(board: boards.Board) -> None:
    text = platform.render(board)[platform.REPL]
    for region in (board.flash, *board.banks):
        assert f"Memory.MappedMemory @ sysbus 0x{region.origin:08X}\n    size: {region.size:#x}\n" in text
    assert f"{board.uart.base:#010x}" in text and f"nvic@{board.uart.irq}\n" in text
    assert f"Miscellaneous.DWT @ sysbus 0xE0001000\n    frequency: {board.clock_hz}\n" in text
    assert "http" not in text and "ApplySVD" not in text


def test_other_boards_are_refused(dqa: Shell, tmp_path: Path) -> None:
    with pytest.raises(BoardError):
        platform.render(boards.load_board("mps3_an547"))
    assert "Renode simulates: " in dqa.refuses("simulate", tmp_path, "--board", "pico2", "--backend", "renode").err
    assert "--backend renode" in dqa.refuses("simulate", tmp_path, "--board", "nucleo_f446re").err
    for option in (["--renode", "x"], ["--files", "x"]):
        assert option[0] in dqa.refuses("simulate", tmp_path, "--board", "mps2_an386", *option).err
    assert "--port" in dqa.refuses("simulate", tmp_path, "--board", "mps2_an386", "--backend", "renode", "--port", "9").err


@pytest.fixture
def nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """No Renode is to be found; the place of PlatformIO's packages."""
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.delenv(find.VARIABLE, raising=False)
    monkeypatch.setenv("PLATFORMIO_CORE_DIR", str(tmp_path / "core"))
    return tmp_path / "core" / "packages" / "tool-renode"


FAKE = """
    #!{python}
    import atexit, os, pty, re, subprocess, sys, time, tty
    mode = {mode!r}
    if "--version" in sys.argv:
        print("Renode, version {version}.5511 (4d9e4a3f-202602111002)")
        sys.exit()
    print("Renode, version {version}\\r\\n\\x1b[33;1m(monitor)\\x1b[0m ", end="", flush=True)
    prompt, log, values = "(monitor) ", None, {{}}
    for line in sys.stdin:
        line = line.rstrip("\\n")
        reply = ""
        if match := re.match(r'\\$(\\w+)=[@"]?(.*?)"?$', line):
            values[match[1]] = match[2].replace("\\\\ ", " ")
        if line.startswith("mach create"):
            prompt = "(dqa) "
        elif line.startswith("logFile"):
            log = open(line.split("@", 1)[1].removesuffix(" true").replace("\\\\ ", " "), "a")
        elif line.startswith("machine Load") and mode == "refuses":
            reply = "There was an error executing command 'machine LoadPlatformDescription $repl'\\nError E39: no such type\\n"
        elif line.startswith("emulation CreateUart") and mode != "no pty":
            firmware = os.environ.get("FAKE_FIRMWARE")
            if firmware:  # a program that speaks at the port
                near, far = pty.openpty()
                tty.setraw(far)
                os.symlink(os.ttyname(far), values["pty"])
                board = subprocess.Popen([firmware], stdin=near, stdout=near)
                atexit.register(board.kill)
            else:
                open(values["pty"], "w").close()
        elif line == "start" and mode == "unmapped":
            print("[WARNING] sysbus: [cpu: 0x8000100] ReadDoubleWord from non existing peripheral at 0x2001FFFC.", file=log, flush=True)
        elif line == "start" and mode == "aborts":
            print("[ERROR] cpu: CPU abort [PC=0xFFFFFFFE]: Lockup", file=log, flush=True)
        elif line == "start" and mode == "ends":
            sys.exit(3)
        elif line == "start" and mode == "hangs":
            time.sleep(600)
        elif line == "start" and mode == "later":
            time.sleep(0.5)
            print("[WARNING] sysbus: [cpu: 0x8000100] WriteByte to non existing peripheral at 0x20020000.", file=log, flush=True)
        elif line == "cpu ExecutedInstructions":
            reply = "" if mode == "no end" else "0x0000000000BC614E\\n"
        print("\\x1b[0m" + line + "\\r\\n" + reply + "\\x1b[33;1m" + prompt + "\\x1b[0m", end="", flush=True)
"""


def fake(place: Path, mode: str = "", version: str = "1.16.1") -> Path:
    """A program that answers as Renode's monitor does, but simulates nothing."""
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(textwrap.dedent(FAKE).lstrip().format(python=sys.executable, mode=mode, version=version))
    place.chmod(0o755)
    return place


def test_renode_is_looked_for_where_it_is_named_then_on_path_then_at_platformio(
    nowhere: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with pytest.raises(ToolError, match="not installed") as caught:
        find.find()
    assert caught.value.hint == HINT and "github.com/renode" in HINT and find.VARIABLE in HINT
    assert find.find(fake(nowhere / "renode")) == find.find() == find.Renode(nowhere / "renode", "1.16.1")
    on_path = fake(tmp_path / "bin" / "renode", version="1.17.0")
    assert find.find() == find.Renode(on_path, "1.17.0")
    variable = fake(tmp_path / "variable" / "renode")
    monkeypatch.setenv(find.VARIABLE, str(variable.parent))
    assert find.find().path == variable
    named = fake(tmp_path / "named with space" / "renode")
    assert find.find(named).path == named
    with pytest.raises(InputError, match="is no Renode"):
        find.find(tmp_path / "absent")
    monkeypatch.setenv(find.VARIABLE, str(tmp_path / "absent"))
    with pytest.raises(InputError, match=find.VARIABLE):
        find.find()


def test_a_renode_that_is_too_old_or_broken_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match=r"1\.15\.3, which is too old"):
        find.find(fake(tmp_path / "renode", version="1.15.3"))
    broken = tmp_path / "broken"
    broken.write_text("#!/bin/sh\necho no mono >&2; exit 127\n")
    broken.chmod(0o755)
    with pytest.raises(ToolError, match="no mono"):
        find.find(broken)


@pytest.fixture
def elf(tmp_path: Path) -> Path:
    path = tmp_path / "firmware.elf"
    path.write_bytes(b"\x7fELF")
    return path


def test_it_is_started_asked_and_stopped(tmp_path: Path, elf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a b").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "a b"))
    simulator = RenodeSimulator(BOARD, elf, renode=fake(tmp_path / "renode"))
    assert simulator.available().version == "1.16.1"
    simulator.start()
    port = Path(simulator.port)
    assert port.exists()
    assert simulator.instructions() == 0xBC614E
    simulator.check()
    assert simulator.stop() == 0xBC614E
    assert not port.exists() and simulator.stop() is None


@pytest.mark.parametrize(
    ("mode", "message"),
    [
        ("refuses", "Renode refused 'machine LoadPlatformDescription .*Error E39"),
        ("unmapped", "non existing peripheral at 0x2001FFFC"),
        ("aborts", "CPU abort"),
        ("ends", "Renode ended"),
        ("no end", "does not tell"),
    ],
)
def test_a_run_that_fails_is_an_error(mode: str, message: str, tmp_path: Path, elf: Path) -> None:
    with pytest.raises(ToolError, match=message), RenodeSimulator(BOARD, elf, renode=fake(tmp_path / "renode", mode)):
        pass


def test_a_port_or_a_reply_that_does_not_come_is_an_error(tmp_path: Path, elf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dqa.device.renode.simulator._PTY_S", 0.2)
    with pytest.raises(ToolError, match="no serial port"):
        RenodeSimulator(BOARD, elf, renode=fake(tmp_path / "renode", "no pty")).start()
    monkeypatch.setattr("dqa.device.renode.monitor.Monitor.ask.__defaults__", (0.5,), raising=False)
    start = time.monotonic()
    with pytest.raises(ToolError, match="did not answer"):
        RenodeSimulator(BOARD, elf, renode=fake(tmp_path / "renode", "hangs")).start()
    assert start < time.monotonic()


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, Path], None]:
    """Makes a Renode the one that is found, with firmware of this machine at its port."""

    def install(mode: str, out: Path) -> None:
        monkeypatch.setenv(find.VARIABLE, str(fake(tmp_path / "renode", mode)))
        monkeypatch.setenv("FAKE_FIRMWARE", str(host_board.firmware(out)))

    return install


@needs_compiler
def test_a_model_is_evaluated_in_it(installed: Callable[[str, Path], None], tmp_path: Path) -> None:
    out = tmp_path / "out"
    write_out(out, random_program(3))
    host = HostModel((out / "model.dqa").read_bytes())
    samples = random_samples(4, sum(host.input_sizes))
    installed("", out)
    found = evaluate.run_samples(f"renode:{BOARD.name}", out, samples)
    assert np.array_equal(found.outputs.view(np.int8), host.run(samples).outputs)
    assert found.instructions is not None and found.flash_code is not None and found.microseconds is None
    assert any("Renode's time" in note for note in found.notes)


@needs_compiler
@pytest.mark.parametrize(("mode", "message"), [("later", "non existing peripheral at 0x20020000"), ("no end", "does not tell")])
def test_an_evaluation_fails_with_the_run(mode: str, message: str, installed: Callable[[str, Path], None], tmp_path: Path) -> None:
    """Though every answer is right: the firmware touched what is not there, or Renode did not come to its end."""
    out = tmp_path / "out"
    write_out(out, random_program(3))
    installed(mode, out)
    with pytest.raises(ToolError, match=message):
        evaluate.run_samples(f"renode:{BOARD.name}", out, random_samples(4, sum(HostModel((out / "model.dqa").read_bytes()).input_sizes)))


def test_an_evaluation_in_none_says_so_before_it_builds(nowhere: Path, tmp_path: Path) -> None:
    with pytest.raises(ToolError, match="Renode is not installed"):
        evaluate.run_samples("renode:nucleo_f446re", tmp_path, random_samples(1, 4))
    with pytest.raises(BoardError, match="cannot be simulated in Renode"):
        evaluate.run_samples("renode:pico2", tmp_path, random_samples(1, 4))


def test_the_script_s_defaults_are_left_to_its_reader() -> None:
    lines = script(platform.render(BOARD)[platform.RESC])
    assert lines[0] == "using sysbus" and lines[-1] == "start"
    assert not [line for line in lines if "?=" in line or line.startswith("#")]


@needs_compiler
def test_the_command_says_that_there_is_none(nowhere: Path, dqa: Shell, example_out: Path) -> None:
    done = dqa.refuses("simulate", example_out, "--board", "nucleo_f446re", "--backend", "renode", code=1)
    assert "Renode is not installed" in done.err and "github.com/renode/renode/releases" in done.err


@needs_compiler
@needs_qemu
def test_qemu_counts_instructions_where_it_is_asked_to(tmp_path: Path) -> None:
    from dqa.device import bare
    from dqa.device.client import Device
    from dqa.device.simulate import Simulator

    board = boards.load_board("mps2_an386")
    write_out(tmp_path / "out", random_program(3))
    built = bare.build(tmp_path / "out", board.name).elf
    with Simulator(board, built, icount=True) as simulator:
        device = Device(simulator.link, reply_timeout=20)
        hello = device.hello()
        before = simulator.instructions()
        device.infer(hello, bytes(hello.input_size))
        after = simulator.instructions()
        assert before is not None and after is not None and 0 < before < after
    with Simulator(board, built) as simulator:
        assert simulator.instructions() is None


@pytest.mark.renode
@needs_compiler
@needs_qemu
def test_a_real_one_runs_the_board(tmp_path: Path) -> None:
    from dqa.device import bare
    from dqa.device.client import Device
    from dqa.device.link import SerialLink

    try:
        find.find()
    except ToolError:
        pytest.skip("Renode is not installed")
    write_out(tmp_path / "out", random_program(3))
    with RenodeSimulator(BOARD, bare.build(tmp_path / "out", BOARD.name).elf) as simulator:
        device = Device(SerialLink(simulator.port, 115200), reply_timeout=20)
        hello = device.hello()
        assert hello.board == BOARD.name and os.path.exists(simulator.port)  # noqa: PTH110
        assert len(device.infer(hello, bytes(hello.input_size))[0]) == hello.output_size
        assert simulator.instructions() > 0
        device.close()
