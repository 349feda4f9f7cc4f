"""The PlatformIO project in OUT/firmware: everything a build of the model's firmware needs, in one folder to take away."""

from __future__ import annotations

import shutil
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from dqa import resources
from dqa.device.boards import list_boards
from dqa.errors import InputError
from dqa.report import refuse_mixed

_COPIED = ("bsp", "lib", "platform", "src", "build_board.py")
_IGNORED = shutil.ignore_patterns("__pycache__", ".*", "README.md")


def platformio_ini() -> str:
    """Text of platformio.ini with one environment per board; firmware/platformio.ini of a checkout is this text too."""
    environment = Environment(
        loader=FileSystemLoader(resources.path("templates")),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template("platformio.ini.j2").render(boards=list_boards())


def write(out: Path) -> Path:
    """Writes or refreshes OUT/firmware for the model in OUT/src and returns it; InputError if OUT holds no model that DQA runs alone.

    Files that did not change are left alone, so that a rebuild is quick.
    """
    if not (out / "src" / "model.h").is_file():
        if (out / "report.json").is_file():
            refuse_mixed(out, "the firmware of dqa")
        raise InputError(f"{out} holds no converted model", hint="run dqa convert first and give its output directory")
    project = out / "firmware"
    try:
        _write(out, project)
    except OSError as error:
        raise InputError(
            f"cannot write the firmware project '{project}': {error.strerror}", hint="is something else of that name there?"
        ) from error
    return project


def _write(out: Path, project: Path) -> None:
    project.mkdir(exist_ok=True)
    _put(project / "platformio.ini", platformio_ini().encode())
    sources = resources.path("firmware")
    for name in _COPIED:
        _mirror(sources / name, project / name)
    _mirror(out / "src", project / "model")
    if (out / "model.tflite").is_file():
        _put(project / "model.tflite", (out / "model.tflite").read_bytes())


def _put(target: Path, content: bytes) -> None:
    if not target.is_file() or target.read_bytes() != content:
        target.write_bytes(content)


def _mirror(source: Path, target: Path) -> None:
    """Makes target equal to source, deleting what source does not have."""
    if source.is_file():
        _put(target, source.read_bytes())
        return
    names = [path.name for path in source.iterdir()]
    kept = sorted(set(names) - set(_IGNORED(str(source), names)))
    target.mkdir(exist_ok=True)
    for path in target.iterdir():
        if path.name not in kept:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    for name in kept:
        _mirror(source / name, target / name)


if __name__ == "__main__":
    _put(resources.path("firmware") / "platformio.ini", platformio_ini().encode())
