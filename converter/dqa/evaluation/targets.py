"""Where a converted model runs: this machine, TensorFlow Lite Micro on it, a simulated board or a real one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from dqa.engine.host import HostModel
from dqa.errors import DataError, InputError, RecipeError
from dqa.evaluation.subject import Subject, read_file
from dqa.report import refuse_mixed
from dqa.support.arrays import UInt8
from dqa.support.progress import Progress
from dqa.support.settings import firmware_runtime

_BUILT = {"sim", "renode"}
"""Kinds of targets whose firmware is built for the evaluation."""
_ON_BOARD = {*_BUILT, "serial"}


@dataclass(frozen=True)
class Target:
    """name: as the user wrote it. kind: host, tflm-host, or one of _ON_BOARD. runtime, tflm: of a board's firmware."""

    name: str
    kind: str
    runtime: str
    tflm: Path | None = None

    @property
    def on_board(self) -> bool:
        return self.kind in _ON_BOARD


@dataclass(frozen=True, eq=False)
class Run:
    """Output bytes of a target, (N, output bytes), and what it measured."""

    outputs: UInt8
    dropped_rows: int | None = None
    measured: dict[str, Any] | None = None


def parse(name: str, runtime: str | None, tflm: Path | None) -> Target:
    """Raises InputError for an unknown target, RecipeError for an option that has no effect with it."""
    kind, _, place = name.partition(":")
    on_board = kind in _ON_BOARD
    if (kind not in {"host", "tflm-host"} and not on_board) or bool(place) != on_board:
        raise InputError(f"target: expected host, tflm-host, sim:BOARD, renode:BOARD or serial:PORT, got '{name}'")
    for option, value, used in (("runtime", runtime, on_board), ("tflm", tflm, kind in _BUILT)):
        if value is not None and not used:
            hint = (
                "runtime is of a board's firmware: sim:BOARD, renode:BOARD or serial:PORT"
                if option == "runtime"
                else "firmware is built for sim:BOARD and renode:BOARD"
            )
            raise RecipeError(f"{option} has no effect with target {name}", hint=hint)
    return Target(name, kind, firmware_runtime(runtime, tflm), tflm)


def check(target: Target, subject: Subject) -> None:
    """Raises InputError where the target cannot run the model."""
    if subject.program is None and target.kind != "tflm-host" and target.runtime != "tflm":
        refuse_mixed(subject.out, f"target {target.name}")


def on_host(target: Target, subject: Subject, jobs: int | None, progress: Progress) -> Run | None:
    """What every target must answer. Of a model with TFLite builtins what a board must: the interpreter's answers, None without it."""
    if subject.program is None:
        return _on_interpreter(subject, progress) if target.on_board else None
    host = HostModel(subject.program, "pushed" if subject.interface.push_rows else "internal")
    with progress.task("Host", len(subject.inputs)) as step:
        result = host.run(subject.inputs, jobs=jobs, progress=step)
    return Run(result.outputs.view(np.uint8), int(result.dropped.sum()))


def _on_interpreter(subject: Subject, progress: Progress) -> Run | None:
    from dqa.engine.tflm_host import UnavailableError

    try:
        return _on_tflm(subject, progress)
    except UnavailableError:
        return None


def on_target(target: Target, subject: Subject, jobs: int | None, progress: Progress) -> Run:
    """Runs all samples. Raises BoardError, DataError, InputError, ProgramError, ToolError."""
    if target.on_board:
        return _on_device(target, subject, jobs, progress)
    return _on_tflm(subject, progress)


def _on_tflm(subject: Subject, progress: Progress) -> Run:
    from dqa.engine.tflm_host import TflmModel

    with progress.task("TensorFlow Lite Micro", len(subject.inputs)) as step, TflmModel(read_file(subject.out / "model.tflite")) as model:
        outputs = model.run(subject.inputs, progress=step)
    ram = {"arena": model.arena_used} if model.arena_used else None
    return Run(outputs.view(np.uint8), measured={"ram": ram})


def _on_device(target: Target, subject: Subject, jobs: int | None, progress: Progress) -> Run:
    from dqa.device.evaluate import run_samples

    inputs, pushed = subject.inputs, subject.interface.pushed_on(target.runtime)
    with progress.task(target.name, len(inputs)) as step:
        result = run_samples(
            target.name, subject.out, inputs, jobs or 2, progress=step, runtime=target.runtime, tflm=target.tflm, pushed=pushed
        )
    if len(result.outputs) != len(inputs):
        raise DataError(f"{target.name} answered {len(result.outputs)} of {len(inputs)} samples")
    measured: dict[str, Any] = {"instructions": result.instructions, "microseconds": result.microseconds}
    ram = {"static": result.ram_static, "model": result.ram_model, "stack": result.stack, "stack_bound": result.stack_bound}
    measured["ram"] = {name: size for name, size in ram.items() if size is not None}
    if result.flash_code is not None:  # a board flashed from elsewhere cannot tell
        measured["flash"] = {"code": result.flash_code, "model": result.flash_model}
    measured |= {"link": result.link or None, "notes": result.notes}
    return Run(result.outputs, result.dropped_rows, measured)
