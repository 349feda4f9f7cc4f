"""Builds the firmware by calling the compiler directly: for boards whose PlatformIO platform is not at hand, and for tests."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from dqa.device import mlperf, project, tflm_tree
from dqa.device.boards import Board, load_board
from dqa.device.built import BARE, BuildResult, result, variant
from dqa.device.tflm_tree import Tflm
from dqa.device.toolchain import COMPILER, compiler, overflow
from dqa.errors import ToolError
from dqa.support import processes
from dqa.support.settings import DQA_ONLY

_FLAGS = ("-O2", "-mthumb", "-ffunction-sections", "-fdata-sections", "-fcallgraph-info=su", "-Wall", "-Wextra", "-Werror")
_LANGUAGES = {".c": ("-std=c99",), ".cc": ("-std=c++17", "-fno-rtti", "-fno-exceptions", "-fno-threadsafe-statics")}
_SOURCES = ("bsp", "src", "model", "lib/dqa/src")
_INCLUDES = ("bsp", "src", "model", "lib/dqa/include")
_TFLM_SOURCES = ("bsp", "src", "lib/dqa/src", "lib/dqa_tflm/src")
_IMAGES = {".bin": "binary", ".hex": "ihex"}


def build(
    out: Path,
    board: str,
    tflm: Tflm | None = None,
    *,
    pushed: bool = False,
    portable: bool = False,
    protocol: str = DQA_ONLY,
    profile: int = 0,
    main: Path | None = None,
) -> BuildResult:
    """Builds OUT/firmware for a board, from nothing each time: firmware.elf, .bin and .hex; errors as dqa.device.build.build.

    tflm: what the model runs inside of. portable: without the variants that use instructions of the board's processor.
    profile: the number of the program's operators for profiling firmware, else 0. main: a C file that runs instead of dqa's firmware, with
    a model whose rows never end.
    """
    chosen = load_board(board)
    folder = project.write(out, interpreter=tflm is not None).folder.resolve()
    kind = variant("tflm" if tflm else "standalone", pushed, protocol, profile > 0) if main is None else "continuous"
    target = folder / ".pio" / (f"bare-{kind}-portable" if portable else f"bare-{kind}") / board
    target.mkdir(parents=True, exist_ok=True)
    elf = target / "firmware.elf"
    flags = [*_FLAGS, *chosen.cpu_flags, *chosen.defines(), *(f"-I{folder / name}" for name in _INCLUDES)]
    flags += ["-DDQA_MODEL_PUSHED=1"] if pushed else []
    flags += ["-DDQA_MODEL_CONTINUOUS=1"] if main is not None else []
    flags += [f"-DDQA_PROFILE={profile}"] if profile else []
    flags += ["-DDQA_PORTABLE"] if portable else []
    flags += mlperf.defines(out, protocol)
    flags += tflm_tree.flags(tflm, folder) if tflm else []
    objects = {main: target / "main.o"} if main is not None else {}
    for number, name in enumerate(_TFLM_SOURCES if tflm else _SOURCES):
        for source in (folder / name).rglob("*") if main is None or name != "src" else ():
            if source.suffix in _LANGUAGES:
                objects[source] = target / f"{number}-{source.stem}.o"
    gcc = compiler()
    commands = [[gcc, *_LANGUAGES[c.suffix], *flags, "-c", str(c), "-o", str(o)] for c, o in sorted(objects.items())]
    with ThreadPoolExecutor() as pool:
        for done in [pool.submit(_call, command, chosen) for command in commands]:
            done.result()
    link = [gcc, *_FLAGS, *chosen.cpu_flags, *map(str, sorted(objects.values())), "-nostartfiles", "-Wl,--gc-sections"]
    link += ["-L", str(folder / "bsp"), "-T", str(folder / "bsp" / chosen.linker_script), *chosen.symbols()]
    link += tflm_tree.link_flags(tflm) if tflm else []
    _call([*link, f"-Wl,-Map={elf.with_suffix('.map')}", "-o", str(elf)], chosen)
    objcopy = compiler(COMPILER.replace("gcc", "objcopy"))
    for suffix, form in _IMAGES.items():
        _call([objcopy, "-O", form, str(elf), str(elf.with_suffix(suffix))], chosen)
    return result(elf, BARE)


def _call(command: list[str], board: Board) -> None:
    run = processes.run(command)
    if run.returncode != 0:
        raise overflow(run.stderr, board) or ToolError(f"the build for board {board.name} failed", hint=run.stderr.strip()[-2000:])
