"""The arena of TensorFlow Lite Micro: as many bytes as the interpreter takes for a model, found by running it on a simulated board."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from dqa.device import bare
from dqa.device.boards import Board, list_boards
from dqa.device.client import Device
from dqa.device.simulate import Simulator, qemu
from dqa.device.tflm_tree import Tflm, TflmTree
from dqa.device.toolchain import architecture_of
from dqa.errors import BoardError, ToolError
from dqa.support.files import write_atomically

_CACHE = "tflm-arena.json"
_STEP = 64
"""Bytes added, and doubled, where preparing the model takes more for a moment than the interpreter keeps."""
_PATIENCE_S = 20.0


def sized(out: Path, tree: TflmTree) -> tuple[Tflm, str]:
    """The tree with as large an arena as OUT's model.tflite needs, and a note: why it is an estimate, where no run is possible here.

    What was measured is kept beside the builds in OUT/firmware. Errors as dqa.device.bare.build.
    """
    board = _board(tree)
    if board is None:
        return Tflm(tree), "the arena is an estimate: no simulated board runs this library of TensorFlow Lite Micro"
    try:
        qemu()
    except ToolError as error:
        return Tflm(tree), f"the arena is an estimate, not measured: {error.message}"
    cache = out / "firmware" / ".pio" / _CACHE
    digest = hashlib.sha256((out / "model.tflite").read_bytes() + tree.library.read_bytes()).hexdigest()
    known = _known(cache)
    if digest not in known:
        size = _measured(out, board, tree)
        if size is None:
            return Tflm(tree), ""  # the interpreter refuses the model whatever it gets; the board will say so
        known[digest] = size
        write_atomically(cache, json.dumps(known, indent=1) + "\n")
    return Tflm(tree, known[digest]), ""


def _board(tree: TflmTree) -> Board | None:
    """A simulated board that runs the library, one of its own kind first."""
    simulated = [(board, architecture_of(board)) for board in list_boards() if board.simulated]
    usable = [(found != tree.built_for, -board.ram.size, board.name, board) for board, found in simulated if tree.built_for.runs_on(found)]
    return min(usable)[3] if usable else None


def _known(cache: Path) -> dict[str, int]:
    try:
        found = json.loads(cache.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) and all(isinstance(size, int) for size in found.values()) else {}


def _measured(out: Path, board: Board, tree: TflmTree) -> int | None:
    loaded, size = _run(out, board, tree, None)
    if not loaded:  # builtins may keep more than was estimated
        loaded, size = _run(out, board, tree, board.arena.size // 2)
    more = 0
    while loaded:
        try:
            fits = _run(out, board, tree, size + more)[0]
        except BoardError:
            return None
        if fits:
            return size + more
        more = 2 * more or _STEP
    return None


def _run(out: Path, board: Board, tree: TflmTree, arena: int | None) -> tuple[bool, int]:
    """Whether the interpreter takes the model within the arena, and how much of it it uses."""
    built = bare.build(out, board.name, Tflm(tree, arena))
    with Simulator(board, built.elf) as simulator:
        hello = Device(simulator.link, reply_timeout=_PATIENCE_S).hello()
    return hello.load_status == 0, hello.arena_size
