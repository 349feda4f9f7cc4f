"""The board table, and that the firmware links for every board of it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile

from builders.firmware import needs_compiler, write_out
from builders.programs import random_program
from dqa.device import bare, boards, evaluate, project
from dqa.device.boards import Board, Region
from dqa.errors import BoardError, InputError
from dqa.support import resources

NAMES = [board.name for board in boards.list_boards()]


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small model, rendered."""
    directory = tmp_path_factory.mktemp("boards") / "out"
    write_out(directory, random_program(3))
    return directory


@pytest.fixture
def table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A board table of one valid board, to be spoiled."""
    places = resources.path
    source = places("boards") / "mps2_an386.json"
    (tmp_path / "one.json").write_text(source.read_text())
    monkeypatch.setattr(resources, "path", lambda name: tmp_path if name == "boards" else places(name))
    boards.list_boards.cache_clear()
    yield tmp_path / "one.json"
    boards.list_boards.cache_clear()


def test_the_table_holds_simulated_and_real_boards() -> None:
    simulated = {b.name for b in boards.list_boards() if b.simulated}
    assert simulated == {
        *("lm3s6965evb", "microbit", "mps2_an385", "mps2_an386", "mps2_an500", "mps2_an505", "mps3_an547", "netduinoplus2"),
    }
    assert {b.name for b in boards.list_boards()} - simulated == {
        *("disco_f407vg", "disco_l475vg_iot01a", "nano33ble", "nrf52840_dk", "nrf5340_dk", "nucleo_f446re", "nucleo_f746zg"),
        *("nucleo_h743zi", "nucleo_l4r5zi", "nucleo_u575zi_q", "pico2"),
    }
    cores = {"cortex-m0", "cortex-m3", "cortex-m4", "cortex-m7", "cortex-m33", "cortex-m55"}
    assert cores == {b.core for b in boards.list_boards() if b.simulated}


def test_every_real_board_runs_the_code_that_a_simulated_one_proves() -> None:
    proven = {board.core for board in boards.list_boards() if board.simulated}
    assert {board.core for board in boards.list_boards()} == proven
    assert {board.name for board in boards.list_boards() if board.proven == "renode"} == {"nucleo_f446re", "nrf52840_dk"}


def test_the_documentation_says_of_every_board_what_was_run() -> None:
    lines = (resources.path("boards").parent / "docs" / "boards.md").read_text().splitlines()
    for board in boards.list_boards():
        (line,) = [line for line in lines if line.startswith(f"| {board.name} |")]
        assert line.split(" | ")[-1].startswith(boards.PROOFS[board.proven].removesuffix(", not run")), line


@pytest.mark.parametrize(
    ("text", "number"), [("PA2", 2), ("PD8", 56), ("PG7", 103), ("P0.06", 6), ("P1.03", 35), ("P1.10", 42), ("GP0", 0), ("GP17", 17)]
)
def test_pins_are_numbered_through_the_ports(text: str, number: int) -> None:
    assert boards._pin(text) == number


def test_boards_whose_arena_lies_in_a_bank_of_its_own() -> None:
    found = {board.name: (board.ram, board.arena) for board in boards.list_boards() if len(board.banks) == 2}
    assert found == {
        "nucleo_h743zi": (Region(0x20000000, 128 << 10), Region(0x24000000, 512 << 10)),
        "disco_f407vg": (Region(0x10000000, 64 << 10), Region(0x20000000, 128 << 10)),
        "disco_l475vg_iot01a": (Region(0x10000000, 32 << 10), Region(0x20000000, 96 << 10)),
    }
    assert boards.load_board("nucleo_h743zi").ram_size == 640 << 10


def test_a_serial_target_speaks_at_every_boards_rate() -> None:
    assert {board.uart.baud for board in boards.list_boards()} == {evaluate.SERIAL_BAUD}


def test_an_unknown_board_is_refused_with_the_known_ones() -> None:
    with pytest.raises(BoardError) as caught:
        boards.load_board("nucleo")
    assert "'nucleo'" in caught.value.message and all(name in caught.value.hint for name in NAMES)


@pytest.mark.parametrize(
    "change",
    [
        {"memory": {}},
        {"memory": {"flash": {"origin": "0", "size": "4 MB"}, "ram": {"origin": "0", "size": "1K"}}},
        {"cpu_flags": None},
        {"uart": {"driver": "cmsdk"}},
        {"speed": 3},
        {"qemu": {"machine": "mps2-an386"}},
        {"platformio": {"platform": "p", "board": "b", "upload_protocol": "u"}},
        {"proven": "believed"},
        {"memory": {"flash": {"origin": "0", "size": "1M"}, "ram": {"origin": "0", "size": "1K"}, "rom": {"origin": "0", "size": "1K"}}},
        {"uart": {"driver": "cmsdk", "base": "0", "irq": 0, "baud": 115200, "tx_pin": "PZ1"}},
        {"uart": {"driver": "cmsdk", "base": "0", "irq": 0, "baud": 115200, "tx_pin": 3}},
    ],
)
def test_a_broken_board_file_is_named(table: Path, change: dict[str, object]) -> None:
    table.write_text(json.dumps(json.loads(table.read_text()) | change))
    with pytest.raises(BoardError, match=r"one\.json is broken"):
        boards.list_boards()


FLASH, RAM = {"origin": "0x0", "size": "1M"}, {"origin": "0x20000000", "size": "64K"}
CMSDK = {"driver": "cmsdk", "base": "0x40004000", "irq": 0, "baud": 115200}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"cpu_flags": ["-mcpu=cortex-a53"]}, "-mcpu: 'cortex-a53' is not known; one of cortex-m0, "),
        ({"cpu_flags": ["-mthumb"]}, "expected one -mcpu="),
        ({"cpu_flags": "-mcpu=cortex-m4"}, "cpu_flags: expected a list"),
        ({"clock_hz": -1}, "clock_hz: expected a whole number of at least 1"),
        ({"clock_hz": "16 MHz"}, "clock_hz"),
        ({"memory": {"flash": {"origin": "0x0", "size": "-1M"}, "ram": RAM}}, "memory.flash.size: expected a number of bytes"),
        ({"memory": {"flash": {"origin": "0x0", "size": -4096}, "ram": RAM}}, "memory.flash.size: .* got -4096"),
        ({"memory": {"flash": {"origin": "0x0", "size": "0K"}, "ram": RAM}}, "memory.flash.size"),
        ({"memory": {"flash": {"origin": "here", "size": "1M"}, "ram": RAM}}, "memory.flash.origin: expected an address"),
        ({"memory": {"flash": FLASH}}, "memory.ram is missing"),
        ({"memory": {"flash": FLASH, "ram": {"origin": "0x000FF000", "size": "64K"}}}, "memory.flash and memory.ram overlap"),
        ({"memory": {"flash": FLASH, "ram": RAM, "arena": {"origin": "0x20008000", "size": "64K"}}}, "memory.ram and memory.arena overlap"),
        ({"memory": {"flash": FLASH, "ram": {"origin": "0x20000000", "size": "4K"}}}, "hold no stack"),
        ({"memory": {"flash": FLASH, "ram": {"origin": "0xFFFFF000", "size": "64K"}}}, "beyond the last address"),
        ({"memory": []}, "memory: expected an object"),
        ({"uart": None}, "uart: expected an object"),
        ({"uart": CMSDK | {"driver": "vhf"}}, "uart.driver: 'vhf' is not known; one of cmsdk, "),
        ({"uart": CMSDK | {"baud": 0}}, "uart.baud"),
        ({"soc": "stm32f4", "uart": CMSDK | {"driver": "stm32_usart"}}, "uart.alternate is missing"),
        ({"uart": CMSDK | {"bits": 8}}, "uart.bits: no such field"),
        ({"counter": {"driver": "fpgaio"}}, "counter.base is missing"),
        ({"counter": {"driver": "sundial"}}, "counter.driver: 'sundial' is not known; one of fpgaio, systick"),
        ({"soc": "stm32f9"}, "soc: 'stm32f9' is not known; one of nrf52, "),
        ({"qemu": {"machine": 7, "icount_shift": 7}}, "qemu.machine"),
        ({"qemu": {"machine": "x", "icount_shift": True}}, "qemu.icount_shift"),
    ],
)
def test_what_is_wrong_in_a_board_file_is_said(table: Path, change: dict[str, object], message: str) -> None:
    table.write_text(json.dumps(json.loads(table.read_text()) | change))
    with pytest.raises(BoardError, match=message) as caught:
        boards.list_boards()
    assert "one.json" in caught.value.message and caught.value.exit_code == 2


def test_a_board_without_a_port_or_with_a_name_that_is_none_is_refused(table: Path) -> None:
    data = json.loads(table.read_text())
    table.write_text(json.dumps({name: value for name, value in data.items() if name != "uart"}))
    with pytest.raises(BoardError, match=r"one\.json is broken: uart is missing"):
        boards.list_boards()
    table.unlink()
    table.with_name("my board.json").write_text(json.dumps(data))
    boards.list_boards.cache_clear()
    with pytest.raises(BoardError, match="its name is the board's"):
        boards.list_boards()
    table.with_name("my board.json").write_text("[]")
    with pytest.raises(BoardError, match=r"my board\.json is broken"):
        boards.list_boards()


def test_a_board_file_that_is_no_json_is_named(table: Path) -> None:
    table.write_text("{")
    with pytest.raises(BoardError, match=r"one\.json is broken"):
        boards.list_boards()


def test_platformio_ini_of_the_checkout_is_rendered_from_the_table() -> None:
    found = (resources.path("firmware") / "platformio.ini").read_text()
    assert found == project.platformio_ini(), "run: python -m dqa.device.project"


def test_a_directory_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no converted model"):
        project.write(tmp_path)


def test_the_project_is_refreshed_and_what_someone_changed_is_left_alone(tmp_path: Path) -> None:
    out = tmp_path / "out"
    write_out(out, random_program(3))
    folder = project.write(out).folder
    main, own, gone, model = (folder / name for name in ("src/main.c", "src/own.c", "src/frame.c", "model/model.c"))
    main.write_text("int mine;")
    own.write_text("int mine;")
    gone.unlink()
    (out / "src" / "model.c").write_text("int other;")
    untouched = (folder / "src" / "commands.c").stat().st_mtime_ns
    assert project.write(out).edited == ("src/main.c",)
    assert main.read_text() == own.read_text() == "int mine;"
    assert gone.read_text() == (resources.path("firmware") / "src" / "frame.c").read_text()
    assert model.read_text() == "int other;"
    assert (folder / "src" / "commands.c").stat().st_mtime_ns == untouched


def test_a_project_of_the_users_is_not_written_over(tmp_path: Path) -> None:
    write_out(tmp_path, random_program(3))
    (tmp_path / "firmware" / "src").mkdir(parents=True)
    (tmp_path / "firmware" / "src" / "main.c").write_text("int mine;")
    with pytest.raises(InputError, match=r"src/main\.c"):
        project.write(tmp_path)
    assert [path.name for path in (tmp_path / "firmware").rglob("*")] == ["src", "main.c"]


@needs_compiler
@pytest.mark.parametrize("name", NAMES)
def test_the_firmware_links_into_the_memory_of_the_board(name: str, out: Path) -> None:
    board = boards.load_board(name)
    built = bare.build(out, name)
    with built.elf.open("rb") as stream:
        elf = ELFFile(stream)
        sections = {s.name: (s["sh_addr"], s["sh_size"]) for s in elf.iter_sections() if s["sh_flags"] & 2}
        symbols = {s.name: s["st_value"] for s in elf.get_section_by_name(".symtab").iter_symbols()}
        text = elf.get_section_by_name(".text").data()
        loads = [s for s in elf.iter_segments() if s["p_type"] == "PT_LOAD" and s["p_filesz"]]
    # vectors first, with the initial stack pointer and the entry
    assert sections[".text"][0] == board.flash.origin
    words = [int.from_bytes(text[i : i + 4], "little") for i in range(0, 64, 4)]
    assert words[0] == symbols["link_stack_top"]
    assert words[1] == symbols["reset_handler"] | 1
    assert all(word & 1 and inside(word, board.flash.origin, board.flash.size) for word in words[1:])
    # the stack lies lowest, so that it cannot grow into data
    assert sections[".stack"] == (board.ram.origin, boards.STACK_SIZE)
    for section in (".data", ".bss"):
        assert board.ram.origin + boards.STACK_SIZE <= sections[section][0]
        assert sum(sections[section]) <= board.ram.origin + board.ram.size
    # the arena, and nothing else, is in its bank
    assert symbols["dqa_model_arena"] == sections[".arena"][0] and sections[".arena"][0] % 16 == 0
    assert inside(sections[".arena"][0], board.arena.origin, board.arena.size)
    assert sum(sections[".arena"]) <= board.arena.origin + board.arena.size
    assert all(inside(s["p_paddr"], board.flash.origin, board.flash.size) for s in loads)
    assert built.flash_model == (out / "model.dqa").stat().st_size
    assert built.ram_static == sum(sections[section][1] for section in (".data", ".bss", ".arena"))
    assert 1000 < built.flash_code < 40_000
    # what a programmer takes: flash alone, from its first byte
    binary, text_of_hex = (built.elf.with_suffix(suffix) for suffix in (".bin", ".hex"))
    assert built.images() == [binary, text_of_hex]
    assert binary.read_bytes()[: len(text)] == text
    assert binary.stat().st_size == built.flash_code + built.flash_model
    assert text_of_hex.read_text().startswith(":")
    # the boot ROM of the RP2350 looks for its block in the first 4 KiB; no other board has one
    assert (0 <= text.find(bytes.fromhex("d3deffff42012110")) < 4096) == (name == "pico2")


@needs_compiler
def test_a_linker_script_of_the_users_own_places_arena_and_weights(out: Path, tmp_path: Path) -> None:
    script = tmp_path / "own.ld"
    script.write_text(
        "MEMORY { ROM : ORIGIN = 0x1000, LENGTH = 1M  WEIGHTS : ORIGIN = 0x90000000, LENGTH = 1M  \n"
        "  FAST : ORIGIN = 0x20000000, LENGTH = 64K  SLOW : ORIGIN = 0x30000000, LENGTH = 1M }\n"
        "SECTIONS { .weights : { *(.rodata.dqa_weights) } > WEIGHTS  .arena (NOLOAD) : { *(.bss.dqa_arena) } > SLOW\n"
        "  .text : { *(.text*) *(.rodata*) } > ROM  .data : { *(.data*) } > FAST  .bss : { *(.bss*) } > FAST }\n"
    )
    folder = project.write(out).folder
    sources = [folder / "model" / "model.c", *(folder / "lib" / "dqa" / "src").rglob("*.c")]
    command = ["arm-none-eabi-gcc", "-mcpu=cortex-m4", "-mthumb", "-O1", "-std=c99", f"-I{folder / 'lib' / 'dqa' / 'include'}"]
    elf = tmp_path / "own.elf"
    subprocess.run([*command, *sources, "-nostartfiles", "-T", script, "-Wl,-e,dqa_model_load", "-o", elf], check=True)
    with elf.open("rb") as stream:
        symbols = {s.name: s["st_value"] for s in ELFFile(stream).get_section_by_name(".symtab").iter_symbols()}
    assert symbols["dqa_model_program"] == 0x90000000 and symbols["dqa_model_arena"] == 0x30000000
    assert symbols["dqa_model_instance"] >> 16 == 0x2000


def inside(address: int, origin: int, size: int) -> bool:
    return origin <= address < origin + size


@needs_compiler
def test_a_model_too_large_for_a_board_is_refused_with_the_missing_bytes(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    region = Region(0x20000000, 4096)
    small: Board = replace(boards.load_board("netduinoplus2"), ram=region, arena=region, flash=Region(0x08000000, 1024))
    monkeypatch.setattr(bare, "load_board", lambda name: small)
    with pytest.raises(BoardError, match=r"does not fit board netduinoplus2: needs \d+ bytes of \w+ more") as caught:
        bare.build(out, "netduinoplus2")
    assert "4096 bytes of RAM and 1024 of flash" in caught.value.hint


@needs_compiler
def test_an_arena_too_large_for_its_bank_is_refused(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small: Board = replace(boards.load_board("nucleo_h743zi"), arena=Region(0x24000000, 16))
    monkeypatch.setattr(bare, "load_board", lambda name: small)
    with pytest.raises(BoardError, match=r"does not fit board nucleo_h743zi: needs \d+ bytes of RAM for the arena more") as caught:
        bare.build(out, "nucleo_h743zi")
    assert "131072 + 16 bytes of RAM" in caught.value.hint
