"""The PlatformIO project in OUT/firmware: everything a build of the model's firmware needs, in one folder to take away."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from dqa.codegen.names import DEFAULT, unnamed
from dqa.device import interpreted
from dqa.device.boards import list_boards
from dqa.errors import InputError
from dqa.report import mixed_sections, program_sha256, refuse_mixed
from dqa.support import manifest, resources, templates
from dqa.support.files import write_atomically

FOLDER, KIND = "firmware", "firmware"

_COPIED = ("bsp", "lib", "platform", "src", "build_board.py")
_IGNORED = shutil.ignore_patterns("__pycache__", ".*", "README.md")


def platformio_ini() -> str:
    """Text of platformio.ini with one environment per board; firmware/platformio.ini of a checkout is this text too."""
    return templates.environment().get_template("platformio.ini.j2").render(boards=list_boards())


@dataclass(frozen=True)
class Project:
    """folder: OUT/firmware. edited: names of its files that someone changed since dqa wrote them; they are built as they are."""

    folder: Path
    edited: tuple[str, ...]


def create(out: Path, program: str) -> None:
    """Writes OUT/firmware, which is not there yet, for the model in OUT/src; program: SHA-256 of OUT/model.dqa."""
    folder = out / FOLDER
    for name, content in _files(out).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    manifest.create(folder, KIND, program)


def check(out: Path, *, interpreter: bool = False) -> None:
    """Raises InputError if OUT holds no model, or one with builtins, which takes an interpreter."""
    if not has_sources(out):
        if (out / "report.json").is_file():
            if interpreter and mixed_sections(out) is not None:
                return
            refuse_mixed(out, "firmware without TensorFlow Lite Micro")
        raise InputError(f"{out} holds no converted model", hint="run dqa convert first and give its output directory")


def write(out: Path, *, interpreter: bool = False) -> Project:
    """Writes OUT/firmware for the model in OUT, or brings it up to date. interpreter: for firmware with TensorFlow Lite Micro.

    Files that did not change are left alone, so that a rebuild is quick; what someone changed is left alone, too. Raises InputError if OUT
    holds no model that such firmware runs, or something else has the name of a file of the project.
    """
    check(out, interpreter=interpreter)
    edited = manifest.refresh(out / FOLDER, _files(out), KIND, program_sha256(out), whole=True)
    return Project(out / FOLDER, tuple(edited))


def _files(out: Path) -> dict[str, bytes]:
    """All files of the project by name; the license beside each library, which may be taken away alone."""
    sources = resources.path("firmware")
    found = {"platformio.ini": platformio_ini().encode()}
    for name in _COPIED:
        found |= {path.relative_to(sources).as_posix(): path.read_bytes() for path in _sources(sources / name)}
    if (out / "model.tflite").is_file():
        found["model.tflite"] = (out / "model.tflite").read_bytes()
        found |= {f"model/{name}": content for name, content in interpreted.files(interpreted.load(out)).items()}
    if (out / "src").is_dir():
        found |= {f"model/{name}": content for name, content in model_sources(out).items()}
    text = resources.path("LICENSE").read_bytes()
    libraries = {"/".join(name.split("/")[:2]) for name in found if name.startswith("lib/")}
    return found | {f"{folder}LICENSE": text for folder in ("", *(f"{library}/" for library in sorted(libraries)))}


def has_sources(out: Path) -> bool:
    """Whether OUT holds the C of a model, of any name."""
    return any((out / "src").glob("*.h"))


def model_name(out: Path) -> str:
    """The name of the C of the model in OUT (dqa.codegen.names). Raises InputError unless there is one header."""
    headers = [path.stem for path in sorted((out / "src").glob("*.h"))]
    if len(headers) != 1:
        raise InputError(f"'{out / 'src'}' holds {len(headers)} headers", hint="one is the model's: run dqa convert again")
    return headers[0]


def model_sources(out: Path) -> dict[str, bytes]:
    """The C of the model in OUT, under the names that the firmware knows it by."""
    files = {path.name: path.read_bytes() for path in _sources(out / "src")}
    names = [Path(name).stem for name in files if name.endswith(".h")]
    if len(names) != 1 or names == [DEFAULT]:
        return files
    plain = {name.replace(f"{names[0]}.", f"{DEFAULT}."): unnamed(content.decode(), names[0]) for name, content in files.items()}
    return {name: content.encode() for name, content in plain.items()}


def _sources(place: Path) -> Iterator[Path]:
    """The files of a folder and its subfolders, or the one file."""
    if place.is_file():
        yield place
        return
    names = [path.name for path in place.iterdir()]
    for name in sorted(set(names) - _IGNORED(str(place), names)):
        yield from _sources(place / name)


if __name__ == "__main__":
    write_atomically(resources.path("firmware") / "platformio.ini", platformio_ini())
