"""UF2 files, which boot loaders take that show up as a drive."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from pathlib import Path

from dqa.device.boards import Board
from dqa.errors import InputError, ToolError
from dqa.support.files import failure

INFO = "INFO_UF2.TXT"
FAMILIES = {"rp2350": (0xE48BFF59, "RP2350")}
"""By the board's `soc`: the family of its images, and what its boot loader says it is."""
_PAYLOAD = 256
_BLOCK = struct.Struct("<8I476sI")
_FAMILY_PRESENT = 0x2000


def image(data: bytes, origin: int, family: int) -> bytes:
    """`data` for the flash from `origin` on, as UF2 blocks of 256 bytes, the last one filled with zeros."""
    count = -(-len(data) // _PAYLOAD)
    blocks = []
    for number in range(count):
        part = data[number * _PAYLOAD : (number + 1) * _PAYLOAD].ljust(_PAYLOAD, b"\0")
        head = (0x0A324655, 0x9E5D5157, _FAMILY_PRESENT, origin + number * _PAYLOAD, _PAYLOAD, number, count, family)
        blocks.append(_BLOCK.pack(*head, part, 0x0AB16F30))
    return b"".join(blocks)


def drive(board: Board, named: Path | None) -> Path:
    """The drive of the board's boot loader: the named one, or the only one that says it is this board's.

    InputError for a board without such a boot loader, for a place that is none, and where several are there.
    """
    if board.soc not in FAMILIES:
        raise InputError(f"board {board.name} has no UF2 boot loader", hint="flash it --with pio, pyocd or probe-rs")
    model = FAMILIES[board.soc][1]
    places = [named] if named is not None else list(_mounted())
    drives = [place for place in places if model in _about(place)]
    if len(drives) == 1:
        return drives[0]
    if drives:
        raise InputError(f"{len(drives)} drives are those of {board.name}", hint=f"name it: --port {' | '.join(map(str, drives))}")
    if named is not None:
        raise InputError(f"'{named}' is not the drive of {board.name}'s boot loader", hint=f"its {INFO} speaks of {model}")
    raise ToolError(
        f"no drive of {board.name}'s boot loader is there", hint="hold BOOTSEL while it is connected; a drive mounted elsewhere: --port DIR"
    )


def write(place: Path, data: bytes) -> None:
    """Puts an image on the drive, whose board then starts it."""
    try:
        with (place / "firmware.uf2").open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise failure(place, error) from error


def _about(place: Path) -> str:
    try:
        return (place / INFO).read_text(encoding="ascii", errors="replace")
    except OSError:
        return ""


def _mounted() -> Iterator[Path]:
    for root, pattern in (("/media", "*/*"), ("/run/media", "*/*"), ("/mnt", "*"), ("/Volumes", "*")):
        if (base := Path(root)).is_dir():
            yield from sorted(base.glob(pattern))
