"""Each form keeps the rules of the tool that it is for; the C that tools compile which are not here is compiled and run."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import yaml

from builders import semihosting
from builders.exports import converted, linked
from builders.semihosting import needs_board
from dqa.device.project import platformio_ini
from dqa.export.export import export
from dqa.export.files import RIGHT, WRONG
from dqa.support import resources
from dqa.support.settings import FORMS

needs_compilers = pytest.mark.skipif(shutil.which("gcc") is None or shutil.which("g++") is None, reason="needs gcc and g++")
SAYS = f"wake: {RIGHT}\nface: {RIGHT}\n"
STUBS = Path(__file__).parents[1] / "c" / "stubs"


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All forms of two models, one of which takes its rows one by one, by name; tests must not change them."""
    folder = tmp_path_factory.mktemp("exports")
    outs = [converted(folder, "wake"), converted(folder, "face", push_rows=True)]
    for form in FORMS:
        export(outs, form, folder / form)
    return folder


def output(program: Path, code: int = 0) -> str:
    done = subprocess.run([program], capture_output=True, text=True, check=False)
    assert done.returncode == code
    return done.stdout


def sources(folder: Path) -> list[Path]:
    """Of the models, without the library."""
    return sorted((folder / "src").glob("*.c"))


def test_a_form_is_a_folder_of_templates() -> None:
    assert {path.name for path in (resources.path("templates") / "export").iterdir() if path.is_dir()} == {*FORMS}


def test_src_is_the_same_in_all_forms(exported: Path) -> None:
    def content(form: str) -> dict[str, bytes]:
        top = exported / form
        return {path.relative_to(top).as_posix(): path.read_bytes() for path in (top / "src").rglob("*") if path.is_file()}

    assert all(content(form) == content("cmake") for form in FORMS)
    assert {"src/wake.h", "src/face.c", "src/dqa.h", "src/dqa_arena.c", "src/dqa/run/check.c"} <= set(content("zip"))
    assert all((exported / form / "LICENSE").read_bytes() == resources.path("LICENSE").read_bytes() for form in FORMS)


def test_headers_are_found_with_src_alone_on_the_include_path(exported: Path) -> None:
    for path in (exported / "zip" / "src").rglob("*.[ch]"):
        for name in re.findall(r'^#include "([^"]+)"', path.read_text(), re.MULTILINE):
            assert (path.parent / name).is_file() or (exported / "zip" / "src" / name).is_file(), f"{path.name}: {name}"


@needs_compilers
def test_a_wrong_answer_is_said(exported: Path, tmp_path: Path) -> None:
    top = exported / "zip"
    text = (top / "example" / "main.c").read_text()
    changed = re.sub(r"expected = 0x.", lambda found: found[0][:-1] + ("1" if found[0][-1] != "1" else "2"), text, count=1)
    (tmp_path / "main.c").write_text(changed)
    assert output(linked(top, [tmp_path / "main.c", *sources(top)], tmp_path / "test"), 1) == SAYS.replace(RIGHT, WRONG, 1)


@needs_compilers
def test_rows_that_never_end_are_no_model_to_share_an_arena_with(tmp_path: Path) -> None:
    """Its windows are, one by one."""
    top = tmp_path / "export"
    export([converted(tmp_path, "tiny"), converted(tmp_path, "flow", push_rows=True)], "zip", top)
    assert "of flow) stay in the arena between answers: give such a stream an arena of its own" in (top / "README.md").read_text()
    assert output(linked(top, [top / "example" / "main.c", *sources(top)], tmp_path / "test")) == f"tiny: {RIGHT}\nflow: {RIGHT}\n"
    command = ["gcc", "-DFLOW_CONTINUOUS=1", f"-I{top / 'src'}", "-c", str(top / "src" / "flow.c"), "-o", str(tmp_path / "flow.o")]
    assert "it cannot be shared" in subprocess.run(command, capture_output=True, text=True, check=False).stderr


# --- Arduino: https://arduino.github.io/arduino-cli/latest/library-specification/

CATEGORIES = ("Display", "Communication", "Signal Input/Output", "Sensors", "Device Control", "Timing", "Data Storage", "Data Processing")


def test_arduino_layout_and_properties(exported: Path) -> None:
    top = exported / "arduino"
    lines = [line for line in (top / "library.properties").read_text().splitlines() if line and not line.startswith("#")]
    fields = dict(line.split("=", 1) for line in lines)
    assert {"name", "version", "author", "maintainer", "sentence", "paragraph", "category", "url", "architectures"} <= set(fields)
    assert all(fields.values())
    assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9 _.-]{0,62}", fields["name"]) and not fields["name"].lower().startswith("arduino")
    assert re.fullmatch(r"\d+\.\d+\.\d+", fields["version"])
    assert fields["category"] in CATEGORIES and fields["architectures"] == "*" and fields["url"].startswith("https://")
    assert not fields["sentence"].endswith(fields["paragraph"])
    assert all((top / "src" / name).is_file() for name in fields["includes"].split(","))
    # with src/ no sources lie in the root, and there is no utility/; a sketch has its folder's name
    assert not [path for path in top.iterdir() if path.suffix in (".c", ".cpp", ".h") or path.name == "utility"]
    sketches = list((top / "examples").rglob("*.ino"))
    assert sketches and all(path.stem == path.parent.name for path in sketches)
    assert not [path for path in top.rglob("*") if path.name.startswith(".") or path.is_symlink() or path.suffix == ".exe"]


def test_arduino_keywords_are_names_of_the_headers(exported: Path) -> None:
    top = exported / "arduino"
    texts = "".join(path.read_text() for path in (top / "src").glob("*.h"))
    lines = [line for line in (top / "keywords.txt").read_text().splitlines() if not line.startswith("#")]
    found = [tuple(line.split("\t")) for line in lines]
    assert all(len(entry) == 2 and entry[1] in ("KEYWORD1", "KEYWORD2", "LITERAL1") for entry in found)
    assert all(re.search(rf"\b{name}\b", texts) for name, _ in found)
    names = {name for name, _ in found}
    assert {"wake_run", "face_push_row", "dqa_status", "WAKE_INPUT_SIZE", "FACE_ARENA_SIZE"} <= names and len(names) == len(found)


@needs_compilers
def test_arduino_s_sketch_runs_with_a_stand_in_for_its_core(exported: Path, tmp_path: Path) -> None:
    top = exported / "arduino"
    (tmp_path / "sketch.cpp").write_text("#include <Arduino.h>\n" + (top / "examples" / "SelfTest" / "SelfTest.ino").read_text())
    objects = []
    for path in sources(top):
        objects.append(tmp_path / f"{path.stem}.o")
        subprocess.run(["gcc", "-std=gnu11", "-Os", "-Wall", "-Werror", f"-I{top / 'src'}", "-c", path, "-o", objects[-1]], check=True)
    compiled = linked(top, [tmp_path / "sketch.cpp", *objects], tmp_path / "sketch", "g++", "-std=gnu++17", f"-I{STUBS}", "-DSTAND_IN_MAIN")
    assert output(compiled) == SAYS


# --- Zephyr: https://docs.zephyrproject.org/latest/develop/modules.html and its twister's schema of sample.yaml


def test_zephyr_s_files_say_what_zephyr_reads(exported: Path) -> None:
    top = exported / "zephyr"
    module = yaml.safe_load((top / "zephyr" / "module.yml").read_text())
    assert set(module) <= {"name", "build", "samples", "tests", "boards", "runners", "package-managers", "blobs", "security"}
    assert set(module["build"]) <= {"cmake", "kconfig", "depends", "settings", "sysbuild-cmake", "sysbuild-kconfig"}
    assert (top / module["build"]["cmake"] / "CMakeLists.txt").is_file() and (top / module["build"]["kconfig"]).is_file()
    sample = top / module["samples"][0] / "self_test"
    kconfig = (top / module["build"]["kconfig"]).read_text()
    (symbol,) = re.findall(r"^config ([A-Z0-9_]+)$\n\tbool \"[^\"\n]+\"\n\thelp\n(?:\t  .+\n)+\Z", kconfig, re.MULTILINE)
    assert f"CONFIG_{symbol}=y" in (sample / "prj.conf").read_text().splitlines()
    assert f"if(CONFIG_{symbol})" in (top / "zephyr" / "CMakeLists.txt").read_text()
    said = yaml.safe_load((sample / "sample.yaml").read_text())
    assert set(said["sample"]) == {"name", "description"}
    ((name, test),) = said["tests"].items()
    assert re.fullmatch(r"[a-z0-9_]+(\.[a-z0-9_]+)+", name)
    assert test["harness_config"] == {"type": "multi_line", "ordered": True, "regex": SAYS.splitlines()}
    assert test["min_ram"] > 0 and test["min_flash"] > 0 and test["integration_platforms"]


@needs_compilers
@pytest.mark.skipif(shutil.which("cmake") is None, reason="needs cmake")
def test_zephyr_s_sample_builds_with_a_stand_in_for_zephyr(exported: Path, tmp_path: Path) -> None:
    """Its own CMakeLists, with the few functions of Zephyr's that they call as tests/c/stubs has them."""
    sample = exported / "zephyr" / "samples" / "self_test"
    generator = ["-G", "Ninja"] if shutil.which("ninja") else []
    for command in ([*generator, "-S", str(sample), "-B", str(tmp_path), f"-DZephyr_DIR={STUBS}"], ["--build", str(tmp_path)]):
        done = subprocess.run(["cmake", *command], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    assert output(tmp_path / "app") == SAYS


# --- PlatformIO


def test_platformio_takes_the_manifest(exported: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from platformio.package.manifest.parser import ManifestParserFactory
    from platformio.package.manifest.schema import ManifestSchema

    # which it would load from the network
    monkeypatch.setattr(ManifestSchema, "load_spdx_licenses", staticmethod(lambda: {"licenses": [{"licenseId": "Apache-2.0"}]}))
    top = exported / "platformio"
    parsed = ManifestParserFactory.new_from_dir(str(top)).as_dict()
    checked = ManifestSchema().load_manifest(parsed)
    assert (checked["name"], checked["headers"]) == ("dqa_wake_face", ["wake.h", "face.h"])
    build = json.loads((top / "library.json").read_text())["build"]
    assert (top / build["srcDir"]).is_dir() and (top / build["includeDir"] / "dqa.h").is_file()
    (example,) = checked["examples"]
    assert all((top / example["base"] / name).is_file() for name in example["files"])


@needs_board
@pytest.mark.slow
def test_platformio_builds_the_example_for_a_board(exported: Path, tmp_path: Path) -> None:
    """With the platform of dqa's own firmware projects, which downloads nothing."""
    top = shutil.copytree(exported / "platformio", tmp_path / "library")
    example = top / "examples" / "self_test"
    platform = shutil.copytree(resources.path("firmware") / "platform", tmp_path / "platform")
    assert "platform = symlink://${PROJECT_DIR}/platform" in platformio_ini()
    (example / "link.py").write_text(
        f'Import("env")\nenv.Append(CCFLAGS={semihosting.PROCESSOR}, LINKFLAGS={semihosting.PROCESSOR + semihosting.LINK})\n'
    )
    text = (example / "platformio.ini").read_text().replace("platform = native", f"platform = symlink://{platform}")
    (example / "platformio.ini").write_text(f"{text}extra_scripts = link.py\n")
    (example / "src" / "start.c").write_text(semihosting.START)
    done = subprocess.run([sys.executable, "-m", "platformio", "run", "-d", example], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    program = example / ".pio" / "build" / "desk" / "firmware.elf"
    ran = subprocess.run(semihosting.command(program), stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, check=True)
    assert ran.stdout == SAYS


# --- STM32CubeIDE


def test_cubeide_s_settings_name_what_is_there(exported: Path, tmp_path: Path) -> None:
    text = (exported / "cubeide" / "README.md").read_text()
    assert "`../Middlewares/dqa_wake_face/src`" in text
    code = "".join(path.read_text() for path in (exported / "cubeide" / "src").rglob("*.[ch]"))
    symbols = re.findall(r"^\| `([A-Z_]+)", text, re.MULTILINE)
    assert len(symbols) == 3 and all(re.search(rf"ifn?def {name}\b|defined\(?{name}", code) for name in symbols)
    result = export([converted(tmp_path, "tiny")], "cubeide", tmp_path / "tiny.zip")
    with zipfile.ZipFile(result.place) as archive:
        assert archive.testzip() is None
        assert {"dqa_tiny/README.md", "dqa_tiny/src/tiny.c", "dqa_tiny/example/main.c"} <= {*archive.namelist()}
        assert {name.split("/")[0] for name in archive.namelist()} == {"dqa_tiny"}
