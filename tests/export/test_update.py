"""A model that came as data: the example runs on the host and on a simulated board, the update at an address of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from builders import semihosting
from builders.c_tools import exports, sealed
from builders.documents import ROOT
from builders.exports import answers, converted, linked, programs
from builders.programs import random_inputs
from builders.semihosting import needs_board
from dqa import program as p
from dqa.engine.compile import executor_includes
from dqa.errors import ProgramError
from dqa.export.export import export
from reference import mirror

EXAMPLE = ROOT / "examples" / "update"
SLOT = 0x00200000
FLAGS = ("-std=c99", "-O1", "-Wall", "-Wextra", "-Werror", "-ffunction-sections")
needs_gcc = pytest.mark.skipif(shutil.which("gcc") is None, reason="needs gcc")


@cache
def other_weights() -> bytes:
    """`wake` with another last byte of its constants that changes the answer."""
    data, inputs = p.write(programs()["wake"]), random_inputs(programs()["wake"], 3)
    before = mirror.run(programs()["wake"], inputs).outputs[0].tobytes()
    for at in range(len(data) - 1, 64, -1):
        changed = sealed(data[:at] + bytes([data[at] ^ 0x55]) + data[at + 1 :])
        try:
            if mirror.run(p.read(changed), inputs).outputs[0].tobytes() != before:
                return changed
        except ProgramError:
            continue
    raise AssertionError("no byte of the program matters")


def answer(data: bytes) -> bytes:
    return mirror.run(p.read(data), random_inputs(programs()["wake"], 3)).outputs[0].tobytes()


@cache
def cases() -> dict[str, tuple[bytes, bytes]]:
    """What lies in the slot, and what the example writes."""
    old, new = p.write(programs()["wake"]), other_weights()
    kept = b"F" + answer(old)
    hit = bytearray(new)
    hit[len(new) // 2] ^= 4
    return {
        "an update": (new, b"U" + answer(new)),
        "an update with something behind it": (new + bytes(range(200)), b"U" + answer(new)),
        "empty flash": (b"\xff" * 4096, kept),
        "damaged": (bytes(hit), kept),
        "cut short": (new[: len(new) // 2] + b"\xff" * 4096, kept),
        "of another shape": (p.write(programs()["face"]), kept),
    }


def on_host(folder: Path) -> Callable[[bytes], bytes]:
    """Runs the example of the host; the slot is at an odd address."""
    flags = ["-include", "slot.h", f"-I{folder}"]
    (folder / "slot.h").write_text(
        "#include <stdint.h>\nextern uint8_t slot_memory[];\n#define UPDATE_SLOT (slot_memory + 1)\n#define UPDATE_ROOM 0x80000u\n"
    )
    (folder / "slot.c").write_text(
        "#include <stdio.h>\nuint8_t slot_memory[1 + UPDATE_ROOM];\n__attribute__((constructor)) static void fill(void) {\n"
        'FILE *file = fopen("slot.bin", "rb");\nif (file) { if (!fread(slot_memory + 1, 1, UPDATE_ROOM, file)) { } fclose(file); }\n}\n'
    )
    sources = [EXAMPLE / "main.c", EXAMPLE / "update.c", folder / "slot.c", folder / "src" / "wake.c"]
    program = linked(folder, sources, folder / "update", "gcc", *FLAGS, *flags, f"-I{executor_includes()[0]}")

    def run(slot: bytes) -> bytes:
        (folder / "slot.bin").write_bytes(slot)
        return subprocess.run([program], cwd=folder, input=answers("wake", 3)[0], capture_output=True, check=True).stdout

    return run


def on_board(out: Path, *flags: str) -> Callable[[bytes], bytes]:
    """Runs the example on mps2_an386, with an export of `wake`; the simulator puts the slot into its memory."""
    folder = out.parent / "board"
    export([out], "zip", folder)
    (folder / "start.c").write_text(semihosting.START)
    sources = [*EXAMPLE.glob("*.c"), folder / "start.c", *(folder / "src").rglob("*.c")]
    includes = [f"-I{folder / 'src'}"]
    compiler = [semihosting.COMPILER, *semihosting.PROCESSOR, *semihosting.LINK, *FLAGS, *flags, *includes]
    subprocess.run([*compiler, *sources, "-o", folder / "update.elf"], check=True)

    def run(slot: bytes) -> bytes:
        (folder / "slot.bin").write_bytes(slot)
        (folder / "in").write_bytes(answers("wake", 3)[0])
        command = semihosting.command(folder / "update.elf")
        command += ["-device", f"loader,file={folder / 'slot.bin'},addr={SLOT:#x},force-raw=on"]
        with (folder / "in").open("rb") as given:
            return subprocess.run(command, stdin=given, capture_output=True, timeout=120, check=True).stdout

    return run


@needs_gcc
def test_on_the_host_an_update_runs_and_what_is_none_does_not(tmp_path: Path) -> None:
    out = converted(tmp_path, "wake")
    run = on_host(out)
    for what, (slot, expected) in cases().items():
        assert run(slot) == expected, what


@needs_board
def test_on_a_board_an_update_runs_and_what_is_none_does_not(tmp_path: Path) -> None:
    run = on_board(converted(tmp_path, "wake"))
    for what, (slot, expected) in cases().items():
        assert run(slot) == expected, what


@needs_board
def test_on_a_board_an_update_must_be_signed(tmp_path: Path) -> None:
    pytest.importorskip("cryptography")
    if not (place := os.environ.get("DQA_MONOCYPHER")):
        pytest.skip("DQA_MONOCYPHER names no folder with the sources of Monocypher")
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from dqa.export.sign import c_header

    key = Ed25519PrivateKey.generate()
    out = converted(tmp_path, "wake")
    (out / "public_key.h").write_text(c_header(key.public_key().public_bytes_raw()))
    library = [str(path) for path in sorted(Path(place).rglob("monocypher*.c"))]
    includes = [f"-I{folder}" for folder in sorted({str(Path(path).parent) for path in library})]
    run = on_board(out, "-DUPDATE_SIGNED", f"-I{out}", *includes, *library)
    new = other_weights()
    signature = key.sign(new)
    kept = b"F" + answer(p.write(programs()["wake"]))
    assert run(new + signature) == b"U" + answer(new)
    assert run(new + signature[:-1] + bytes([signature[-1] ^ 1])) == kept
    assert run(new + Ed25519PrivateKey.generate().sign(new)) == kept
    assert run(new) == kept


def test_the_size_of_a_program_is_found_where_there_is_one() -> None:
    import ctypes

    size = exports().dqa_program_size
    size.argtypes, size.restype = [ctypes.c_void_p, ctypes.c_size_t], ctypes.c_uint32
    data = p.write(programs()["tiny"])
    assert size(data, len(data)) == size(data + b"more", len(data) + 4) == len(data)
    assert size(data, len(data) - 1) == size(data, 63) == size(data, 0) == size(None, 99) == 0
    assert size(b"X" + data[1:], len(data)) == 0
    assert size(data[:8] + b"\x3c\0\0\0" + data[12:], len(data)) == 0  # less than a header
