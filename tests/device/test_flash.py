"""dqa flash: one probe, the right one, and what tools complain of. Stand-in tools on PATH record how they are called."""

from __future__ import annotations

import json
import struct
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from dqa.device import boards, build, flash, project
from dqa.device.flashing import errors, probes, tools, uf2
from dqa.errors import BoardError, InputError, RecipeError, ToolError

F446, NRF, H743, PICO, NANO = (boards.load_board(n) for n in ("nucleo_f446re", "nrf52840_dk", "nucleo_h743zi", "pico2", "nano33ble"))
ONE, TWO = "066DFF515049657187212124", "066AFF303430484257255318"

TOOL = """
    #!{python}
    import json, sys
    open({log!r}, "a").write(json.dumps(sys.argv[1:]) + "\\n")
    for words, (code, text) in json.loads({answers!r}):
        if all(word in sys.argv for word in words):
            print(text)
            sys.exit(code)
"""


class Tools:
    """Makes stand-in tools, and knows their calls."""

    def __init__(self, place: Path) -> None:
        self.place, self.log = place, place / "log"

    def make(self, name: str, *answers: tuple[list[str], tuple[int, str]]) -> None:
        path = self.place / name
        path.write_text(textwrap.dedent(TOOL).lstrip().format(python=sys.executable, log=str(self.log), answers=json.dumps(answers)))
        path.chmod(0o755)

    @property
    def calls(self) -> list[list[str]]:
        return [json.loads(line) for line in self.log.read_text().splitlines()] if self.log.exists() else []


@pytest.fixture
def tool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tools:
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    return Tools(tmp_path / "bin")


@pytest.fixture(autouse=True)
def converted(tmp_path: Path) -> None:
    """What tells a converted model."""
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "model.h").touch()


@pytest.fixture
def image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Firmware, built already."""
    elf = tmp_path / "firmware.elf"
    elf.with_suffix(".bin").write_bytes(bytes(range(256)) * 3 + b"end")

    def built(*_arguments: object, **options: object) -> Any:
        assert options["bare"] is True
        return SimpleNamespace(elf=elf)

    monkeypatch.setattr(flash, "build", built)
    return elf


def pyocd_list(*serials: str) -> str:
    """Of probes, and of chips, which is the same command."""
    known = [{"name": board.chips["pyocd"]} for board in (F446, NRF)]
    return json.dumps({"status": 0, "targets": known, "boards": [{"unique_id": serial, "info": "ST-Link V2-1"} for serial in serials]})


def probe_rs_list(*serials: str) -> str:
    lines = [f"[{n}]: STLink V2-1 -- 0483:374b:{serial} (ST-LINK)" for n, serial in enumerate(serials)]
    return "The following debug probes were found:\n" + "\n".join(lines) if serials else "No debug probes were found."


M4, M7 = "e000ed00:  410fc241   |A...|", "e000ed00:  411fc271   |A...|"


def test_pyocd_writes_with_the_only_probe_after_a_look_at_its_processor(tool: Tools, image: Path, tmp_path: Path) -> None:
    tool.make("pyocd", (["json"], (0, pyocd_list(ONE))), (["commander"], (0, M4)), (["load"], (0, "")))
    assert flash.flash(tmp_path, F446.name, tool="pyocd") == ONE
    assert [call[:2] for call in tool.calls[:2]] == [["json", "--probes"], ["json", "--targets"]]
    assert [call[0] for call in tool.calls[2:]] == ["commander", "load"]
    at = ["--no-wait", "-O", "auto_unlock=false", "--target", "stm32f446retx", "--uid", ONE]
    assert tool.calls[-1] == ["load", *at, str(image.with_suffix(".hex"))]


def test_probe_rs_writes_verifies_and_resets(tool: Tools, image: Path, tmp_path: Path) -> None:
    tool.make(
        "probe-rs",
        (["list"], (0, probe_rs_list(ONE, TWO))),
        (["chip", "info"], (0, "Cores (1)")),
        (["read"], (0, "410fc241")),
        (["download"], (0, "")),
        (["reset"], (0, "")),
    )
    assert flash.flash(tmp_path, F446.name, tool="probe-rs", probe=TWO[-6:]) == TWO
    at = ["--chip", "STM32F446RETx", "--probe", f"0483:374b:{TWO}"]
    assert tool.calls[1] == ["chip", "info", "STM32F446RETx"]
    assert tool.calls[2:] == [["read", *at, "b32", "0xe000ed00", "1"], ["download", *at, "--verify", str(image)], ["reset", *at]]


@pytest.mark.parametrize("name", ["pyocd", "probe-rs"])
def test_of_several_probes_one_must_be_named_and_be_there(name: str, tool: Tools, tmp_path: Path) -> None:
    listing = pyocd_list if name == "pyocd" else probe_rs_list
    tool.make(name, (["json"], (0, listing(ONE, TWO))), (["list"], (0, listing(ONE, TWO))))
    with pytest.raises(InputError, match="2 probes are connected") as caught:
        flash.flash(tmp_path, F446.name, tool=name)
    assert ONE in caught.value.hint and TWO in caught.value.hint
    with pytest.raises(InputError, match="no probe of that number") as caught:
        flash.flash(tmp_path, F446.name, tool=name, probe="77")
    assert TWO in caught.value.hint
    tool.make(name, (["json"], (0, listing())), (["list"], (0, listing())))
    with pytest.raises(ToolError, match="no probe for nucleo_f446re is connected") as missing:
        flash.flash(tmp_path, F446.name, tool=name)
    assert "udev" in missing.value.hint
    assert all(call[0] in ("json", "list") for call in tool.calls)  # nothing was written, or built


def test_another_processor_behind_the_probe_is_refused_before_anything_is_written(tool: Tools, tmp_path: Path) -> None:
    tool.make("pyocd", (["json"], (0, pyocd_list(ONE))), (["commander"], (0, M7)))
    with pytest.raises(InputError, match="connected to cortex-m7, board nucleo_f446re has cortex-m4"):
        flash.flash(tmp_path, F446.name, tool="pyocd")
    tool.make("pyocd", (["json"], (0, pyocd_list(ONE))), (["commander"], (0, "")))
    with pytest.raises(ToolError, match="does not tell which processor"):
        flash.flash(tmp_path, F446.name, tool="pyocd")


def test_a_locked_chip_is_said_and_recovered(tool: Tools, image: Path, tmp_path: Path) -> None:
    tool.make("pyocd", (["json"], (0, pyocd_list(ONE))), (["commander"], (1, "NRF52840 APPROTECT enabled: not automatically unlocking")))
    with pytest.raises(ToolError, match="debug port is locked") as caught:
        flash.flash(tmp_path, NRF.name, tool="pyocd")
    assert "--recover" in caught.value.hint
    for name, listing in (("pyocd", pyocd_list), ("probe-rs", probe_rs_list)):
        seen = len(tool.calls)
        tool.make(name, (["json"], (0, listing(ONE))), (["list"], (0, listing(ONE))), (["commander"], (0, M4)), (["read"], (0, "410fc241")))
        flash.flash(tmp_path, NRF.name, tool=name, recover=True)
        assert tool.calls[seen + 2][0] == "erase"
        if name == "pyocd":  # which unlocks what it may
            assert "auto_unlock=true" in tool.calls[seen + 2]


def test_a_chip_that_the_tool_does_not_know_is_said_before_anything_is_written(tool: Tools, tmp_path: Path) -> None:
    tool.make("pyocd", (["json"], (0, pyocd_list(ONE).replace("stm32f446retx", "stm32f446re"))))
    with pytest.raises(ToolError, match="does not know the chip of nucleo_f446re") as caught:
        flash.flash(tmp_path, F446.name, tool="pyocd")
    assert "pyocd pack install stm32f446retx" in caught.value.hint
    said = "Error: The chip 'STM32F446RETx' was not found in the database"
    tool.make("probe-rs", (["list"], (0, probe_rs_list(ONE))), (["chip"], (1, said)))
    with pytest.raises(ToolError, match="does not know the chip of nucleo_f446re"):
        flash.flash(tmp_path, F446.name, tool="probe-rs")
    assert {call[0] for call in tool.calls} == {"json", "list", "chip"}


@pytest.mark.parametrize(
    ("said", "message", "hint"),
    [
        ("usb.core.USBError: [Errno 13] Access denied (insufficient permissions)", "no permission", "udev"),
        ("Error: libusb_open() failed with LIBUSB_ERROR_ACCESS", "no permission", "udev"),
        ("Error: open failed\nin procedure 'program'", "no probe", "cable"),
        ("Cannot connect to J-Link.", "no probe", "cable"),
        ("Error: LIBUSB_ERROR_BUSY", "in use", "monitor"),
        ("** Verify Failed **", "does not read back", "again"),
        ("Error: init mode failed (unable to connect to the target)", "does not reach", "powered"),
        ("0000741 C No cores were discovered! [__main__]", "does not reach", "--recover"),
        ("No connected debug probe matches unique ID '123'", "no probe", "cable"),
        ("0001234 C Target type stm32f446retx not recognized. Use 'pyocd list --targets'", "does not know the chip", "pack install"),
        ("Info: x\nError: something new happened\nbye", "something new happened", "-v"),
        ("", "says nothing", "-v"),
    ],
)
def test_what_tools_complain_of(said: str, message: str, hint: str) -> None:
    error = errors.explained("openocd", F446, said)
    assert message in error.message and hint in error.hint and error.exit_code == 1


@pytest.fixture
def ports(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Sets the serial ports of this machine: device, vendor, serial number."""

    def connect(*found: tuple[str, int, str | None]) -> None:
        listed = [SimpleNamespace(device=d, vid=v, serial_number=s, description="a port") for d, v, s in found]
        monkeypatch.setattr("serial.tools.list_ports.comports", lambda: listed)

    return connect


@pytest.fixture
def uploads(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What PlatformIO would be called with."""
    calls: list[dict[str, Any]] = []

    def run(folder: Path, board: Any, arguments: list[str], environment: dict[str, str], quiet: bool, uploading: Any) -> None:
        calls.append({"board": board.name, "arguments": arguments, **environment})
        raise uploading.explain("Error: open failed")

    monkeypatch.setattr(build, "_run", run)
    monkeypatch.setattr(build, "_why_bare", lambda board: "")
    monkeypatch.setattr(project, "write", lambda out, **_options: SimpleNamespace(folder=out, edited=()))
    return calls


def test_platformio_gets_the_serial_number_of_the_probe(ports: Callable[..., None], uploads: list[dict[str, Any]], tmp_path: Path) -> None:
    ports(("/dev/ttyACM0", 0x0483, ONE), ("/dev/ttyACM1", 0x1366, "683"), ("/dev/ttyACM2", 0x1366, "683"), ("/dev/ttyS0", 0, None))
    with pytest.raises(ToolError, match="no probe of nucleo_f446re answers"):
        flash.flash(tmp_path, F446.name)
    assert uploads[0]["PLATFORMIO_UPLOAD_FLAGS"] == f"-c\nadapter serial {ONE}" and uploads[0]["arguments"] == ["-t", "upload"]
    with pytest.raises(ToolError):
        flash.flash(tmp_path, NRF.name)
    assert uploads[1]["PLATFORMIO_UPLOAD_FLAGS"] == "-SelectEmuBySN\n683"
    ports(("/dev/ttyACM0", 0x0483, ONE), ("/dev/ttyACM1", 0x0483, TWO))
    with pytest.raises(InputError, match="2 probes"):
        flash.flash(tmp_path, F446.name)
    with pytest.raises(ToolError):
        flash.flash(tmp_path, F446.name, probe=TWO)
    assert uploads[2]["PLATFORMIO_UPLOAD_FLAGS"].endswith(TWO)
    ports()
    with pytest.raises(ToolError, match="no probe for nucleo_f446re"):
        flash.flash(tmp_path, F446.name)
    assert len(uploads) == 3


def test_a_boot_loader_s_port_must_be_there(ports: Callable[..., None], uploads: list[dict[str, Any]], tmp_path: Path) -> None:
    ports(("/dev/ttyACM7", 0x2341, None))
    with pytest.raises(ToolError):
        flash.flash(tmp_path, NANO.name)
    assert uploads[0]["arguments"] == ["-t", "upload", "--upload-port", "/dev/ttyACM7"]
    with pytest.raises(InputError, match="there is no such port") as caught:
        flash.flash(tmp_path, NANO.name, "/dev/no_such_port")
    assert "/dev/ttyACM7" in caught.value.hint


def test_sam_ba_calls_bossac_after_a_touch(
    tool: Tools, image: Path, ports: Callable[..., None], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    ports(("/dev/ttyACM7", 0x2341, None))
    touched: list[tuple[str, int]] = []
    monkeypatch.setattr("serial.Serial", lambda port, baud: SimpleNamespace(close=lambda: touched.append((port, baud))))
    with pytest.raises(ToolError, match="bossac is not installed"):
        flash.flash(tmp_path, NANO.name, tool="sam-ba")
    tool.make("bossac")
    assert flash.flash(tmp_path, NANO.name, tool="sam-ba") == "/dev/ttyACM7"
    assert touched == [("/dev/ttyACM7", 1200)]
    assert tool.calls == [["-d", "--port=/dev/ttyACM7", "-U", "-i", "-e", "-w", str(image.with_suffix(".bin")), "-R"]]
    with pytest.raises(BoardError, match="no sam-ba boot loader"):
        flash.flash(tmp_path, F446.name, tool="sam-ba")


def test_a_uf2_drive_gets_the_image(image: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drive, other = tmp_path / "RP2350", tmp_path / "RPI-RP2"
    for place, model in ((drive, "RP2350"), (other, "RPI-RP2")):
        place.mkdir()
        (place / uf2.INFO).write_text(f"UF2 Bootloader v1.0\nModel: Raspberry Pi {model}\nBoard-ID: {model}\n")
    monkeypatch.setattr(uf2, "_mounted", lambda: [other, drive])
    assert flash.flash(tmp_path, PICO.name, tool="uf2") == str(drive)
    data = (drive / "firmware.uf2").read_bytes()
    blocks = [data[at : at + 512] for at in range(0, len(data), 512)]
    heads = [struct.unpack("<8I", block[:32]) for block in blocks]
    assert [head[3] for head in heads] == [PICO.flash.origin + 256 * n for n in range(4)]
    assert {(*head[:3], head[4], head[6], head[7]) for head in heads} == {(0x0A324655, 0x9E5D5157, 0x2000, 256, 4, 0xE48BFF59)}
    assert b"".join(block[32:288] for block in blocks).rstrip(b"\0") == image.with_suffix(".bin").read_bytes()
    assert all(struct.unpack("<I", block[508:]) == (0x0AB16F30,) for block in blocks)
    with pytest.raises(InputError, match="is not the drive"):
        flash.flash(tmp_path, PICO.name, str(other), tool="uf2")
    monkeypatch.setattr(uf2, "_mounted", lambda: [other])
    with pytest.raises(ToolError, match="no drive") as caught:
        flash.flash(tmp_path, PICO.name, tool="uf2")
    assert "BOOTSEL" in caught.value.hint
    with pytest.raises(InputError, match="no UF2 boot loader"):
        flash.flash(tmp_path, F446.name, tool="uf2")


@pytest.mark.parametrize("name", ["pyocd", "probe-rs", "pio"])
def test_no_chip_is_touched_without_a_model(name: str, tool: Tools, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no converted model"):
        flash.flash(tmp_path / "none", NRF.name, tool=name, recover=name != "pio")
    assert not tool.calls


@pytest.mark.parametrize(
    ("board", "options"),
    [
        ("nucleo_f446re", {"recover": True}),
        ("nucleo_f446re", {"port": "COM3", "tool": "pyocd"}),
        ("nano33ble", {"probe": "1", "tool": "sam-ba"}),
        ("pico2", {"probe": "1", "tool": "uf2"}),
        ("nucleo_f446re", {"profile": True, "protocol": "mlperf"}),
    ],
)
def test_options_without_effect_are_refused(board: str, options: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="has no effect"):
        flash.flash(tmp_path, board, **options)


def test_a_tool_that_is_not_known_or_not_there_is_refused(tool: Tools, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="unknown tool"):
        flash.flash(tmp_path, F446.name, tool="openocd")
    with pytest.raises(ToolError, match="pyocd is not installed"):
        flash.flash(tmp_path, F446.name, tool="pyocd")


def test_every_real_board_s_chip_has_a_name_and_the_ends_of_numbers_are_told_apart() -> None:
    assert all(set(board.chips) == boards.CHIP_NAMES for board in boards.list_boards() if not board.simulated)
    assert {board.core for board in boards.list_boards()} <= set(tools._PARTS.values())
    found = [probes.Probe(number, "", number) for number in ("12AB", "34AB")]
    assert probes.one(F446, found, "12ab").serial == "12AB"
    for named in ("AB", ""):
        with pytest.raises(InputError, match="several probes"):
            probes.one(F446, found, named)
    with pytest.raises(ToolError, match="does not list its probes"):
        probes.of_pyocd("Traceback")
