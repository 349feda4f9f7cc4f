"""Objects of the executor that were compiled once, for all tests that build firmware without PlatformIO.

A build takes seconds, most of them for the executor's sources, which are the same for every model and, but for the processor, every board.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path

from dqa.device.boards import Board

Call = Callable[[list[str], Board], None]
LIBRARY = Path("lib", "dqa")
HERE = Path("(the library)")
"""In what is kept, the place of the library, which is another for every build and may go with it."""


def reusing(call: Call, place: Path) -> Call:
    """`call`, which compiles, but for what lies in `place` already: by the command, the source and all headers of the library."""

    def compile_or_copy(command: list[str], board: Board) -> None:
        top = _library(source := Path(command[-3])) if "-c" in command else None
        if top is None:
            call(command, board)
            return
        target, kept = Path(command[-1]), place / _key(command, source, top)
        if not kept.is_dir():
            call(command, board)
            _keep([path for path in target.parent.glob(f"{target.stem}.*") if path.stem == target.stem], kept, top)
            return
        for path in kept.iterdir():
            _copy(path, target.with_suffix(path.suffix), HERE, top)

    return compile_or_copy


def _library(source: Path) -> Path | None:
    """The library that a source is of; None of another."""
    return next((folder for folder in source.parents if folder.parts[-2:] == LIBRARY.parts), None)


def _key(command: list[str], source: Path, top: Path) -> str:
    text, headers = _texts(top)
    own = [word for word in command[:-4] if not word.startswith("-I") and (not word.startswith("-D") or _name(word) in text)]
    return hashlib.sha256(b"\0".join([*map(os.fsencode, own), headers, source.read_bytes()])).hexdigest()


def _name(define: str) -> str:
    return define.removeprefix("-D").partition("=")[0]


def _texts(top: Path) -> tuple[frozenset[str], bytes]:
    """The words of the library, and its headers; read again where a test changed a file."""
    files = sorted(path for path in top.rglob("*") if path.suffix in (".c", ".h"))
    return _read(tuple((path, path.stat().st_mtime_ns) for path in files))


@cache
def _read(files: tuple[tuple[Path, int], ...]) -> tuple[frozenset[str], bytes]:
    texts = {path: path.read_bytes() for path, _ in files}
    words = frozenset(re.findall(r"\w+", b"\n".join(texts.values()).decode()))
    return words, b"\0".join(text for path, text in texts.items() if path.suffix == ".h")


def _copy(path: Path, to: Path, old: Path, new: Path) -> None:
    """Copies what a compiler made; its notes of calls name the sources, which lie in `new` and not in `old`."""
    shutil.copyfile(path, to)
    if path.suffix == ".ci":
        to.write_bytes(path.read_bytes().replace(os.fsencode(old), os.fsencode(new)))


def _keep(made: list[Path], kept: Path, top: Path) -> None:
    """All or nothing: other processes look, too."""
    work = kept.with_name(f"{kept.name}-{os.getpid()}-{made[0].parent.name}")
    work.mkdir(parents=True)
    for path in made:
        _copy(path, work / path.name.replace(path.stem, "object", 1), top, HERE)
    try:
        work.rename(kept)
    except OSError:  # another process was faster
        shutil.rmtree(work)
