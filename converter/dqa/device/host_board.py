"""The firmware of a converted model as a program of this machine: its serial port is standard input and output."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from dqa.device import mlperf, project
from dqa.engine.compile import build, executor_includes, executor_sources
from dqa.errors import InputError
from dqa.report import refuse_mixed
from dqa.support import resources
from dqa.support.settings import DQA_ONLY

_FLAGS = ("-std=c99", "-O2")
_BOARD = ("-DDQA_BOARD=host", "-DDQA_CLOCK_HZ=1000000u", "-DDQA_COUNTER_KIND=COUNTER_SYSTICK")


def firmware(out: Path, *, pushed: bool = False, protocol: str = DQA_ONLY, flags: Sequence[str] = _FLAGS) -> Path:
    """The program for the model in OUT, compiled now or taken from the cache.

    pushed, protocol: as dqa.device.build. Raises InputError where OUT holds no model that DQA runs alone, ToolError without a compiler.
    """
    if not project.has_sources(out):
        if (out / "report.json").is_file():
            refuse_mixed(out, "the firmware of dqa")
        raise InputError(f"{out} holds no converted model", hint="run dqa convert first and give its output directory")
    sources = resources.path("firmware")
    model = project.write(out).folder / "model"
    files = [*sorted((sources / "src").glob("*.c")), *executor_sources(), *sorted(model.glob("*.c"))]
    includes = [sources / "src", sources / "bsp", model, *executor_includes()]
    defines = [*_BOARD, f"-DDQA_MODEL_PUSHED={int(pushed)}", *mlperf.defines(out, protocol)]
    return build("host-firmware", "", [*files, sources / "host" / "board_host.c"], includes, [*flags, *defines])
