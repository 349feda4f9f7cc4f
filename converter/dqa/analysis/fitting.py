"""Which boards the smallest plan of a network fits, and what to do next."""

from __future__ import annotations

from collections.abc import Sequence

from dqa.analysis.result import Fit, Flash, Ram
from dqa.device.boards import STACK_SIZE, Board
from dqa.frontend import FloatModel
from dqa.support.limits import FIRMWARE_RAM


def fit(board: Board, ram: Ram, flash: Flash) -> Fit:
    """The arena beside stack and variables, where the board has one bank; the program beside the code."""
    beside = STACK_SIZE + FIRMWARE_RAM
    lacks = []
    needed = ram.least + (beside if len(board.banks) == 1 else 0)
    if needed > board.arena.size:
        lacks.append(f"RAM: {needed:,} of {board.arena.size:,} B")
    few = flash.code + flash.model > board.flash.size
    if few and flash.code + flash.model4 > board.flash.size:
        lacks.append(f"flash: {flash.code + flash.model4:,} of {board.flash.size:,} B, weights of 4 bits")
    return Fit(board.name, board.simulated, not lacks, 4 if few else 8, "; ".join(lacks))


def next_steps(
    model: FloatModel, left: Sequence[str], ram: Ram | None, flash: Flash, fits: Sequence[Fit], board: str | None, budget: int | None
) -> tuple[str, ...]:
    """What to do now, most urgent first. board, budget: what was asked for."""
    steps = []
    if ram is None:
        steps.append(
            f"{len(left)} of {len(model.graph.ops)} layers stay TFLite builtins: the model runs in TensorFlow Lite Micro (--runtime tflm) "
            "and RAM is not planned; replace them to run it without (docs/models.md)"
        )
    elif budget is not None and budget < ram.least:
        pushed = (
            f"; with the input's rows pushed (--push-rows) {ram.pushed:,} B" if ram.pushed is not None and ram.pushed < ram.least else ""
        )
        steps.append(f"{budget:,} B of RAM are too few, the least is about {ram.least:,} B{pushed}: {ram.limit}")
    steps += [f"{one.board} is too small: {one.why_not}" for one in fits if board is not None and not one.fits]
    if any(one.fits and one.weight_bits == 4 for one in fits):
        names = ", ".join(one.board for one in fits if one.fits and one.weight_bits == 4)
        steps.append(f"weights of 4 bits (--weight-bits 4) save {flash.model - flash.model4:,} B of flash; {names}: only so")
    if not steps or ram is None:
        option = f" --ram {budget}" if budget is not None and ram is not None else ""
        steps.append(f"dqa convert {model.source} --calibration X.npz{option} finds the smallest plan whose measured answers hold")
    return tuple(steps)
