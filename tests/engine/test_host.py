"""The host engine: what it accepts, what it refuses, and the cache of the compiled executor."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from builders.c_tools import flat
from builders.programs import operator_program, random_inputs, random_program
from dqa import program as p
from dqa.engine import compile as engine_compile
from dqa.engine.compile import executor_includes, executor_sources, find_compiler, shared_library
from dqa.engine.host import HostModel
from dqa.errors import DataError, ProgramError, ToolError


def samples(program: p.Program, count: int) -> np.ndarray:
    return np.stack([flat(random_inputs(program, seed)) for seed in range(count)])


def test_threads_give_the_answers_of_one_thread_in_order() -> None:
    program = random_program(5)
    model, inputs = HostModel(p.write(program)), samples(random_program(5), 100)
    one, three = model.run(inputs, jobs=1), model.run(inputs, jobs=3)
    np.testing.assert_array_equal(one.outputs, three.outputs)
    np.testing.assert_array_equal(one.dropped, three.dropped)
    assert (one.outputs != one.outputs[0]).any()
    for i in (0, 17, 99):
        np.testing.assert_array_equal(model.run(inputs[i : i + 1]).outputs[0], one.outputs[i])


def test_dropped_rows_are_summed_over_the_samples() -> None:
    program = next(q for q in map(random_program, range(100)) if HostModel(p.write(q)).run(samples(q, 8)).dropped.any())
    model, inputs = HostModel(p.write(program)), samples(program, 8)
    each = [model.run(inputs[i : i + 1]).dropped for i in range(8)]
    np.testing.assert_array_equal(model.run(inputs).dropped, np.sum(each, axis=0))


def test_progress_counts_every_sample() -> None:
    program = operator_program(p.Kind.ADD)
    steps: list[int] = []
    HostModel(p.write(program)).run(samples(program, 50), progress=steps.append)
    assert sum(steps) == 50 and len(steps) > 1


def test_no_samples_give_no_outputs() -> None:
    program = operator_program(p.Kind.ADD)
    model = HostModel(p.write(program))
    assert model.run(np.zeros((0, model.input_sizes[0]), np.uint8)).outputs.shape == (0, model.output_sizes[0])


def test_int8_inputs_are_taken_as_their_bytes() -> None:
    program = operator_program(p.Kind.CONV_2D)
    model, inputs = HostModel(p.write(program)), samples(program, 3)
    np.testing.assert_array_equal(model.run(inputs).outputs, model.run(inputs.view(np.int8)).outputs)


def test_inputs_of_another_shape_or_type_are_refused() -> None:
    model = HostModel(p.write(operator_program(p.Kind.ADD)))
    size = model.input_sizes[0]
    for inputs in (np.zeros((1, size + 1), np.uint8), np.zeros(size, np.uint8), np.zeros((1, size), np.float32)):
        with pytest.raises(DataError, match="expected uint8 or int8"):
            model.run(inputs)


def test_a_refused_program_says_why() -> None:
    data = bytearray(p.write(operator_program(p.Kind.ADD)))
    data[-1] ^= 1
    with pytest.raises(ProgramError, match="checksum") as caught:
        HostModel(bytes(data))
    assert caught.value.hint
    with pytest.raises(ProgramError, match="truncated"):
        HostModel(b"")


@pytest.fixture
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A cache of its own; compiler and cache are looked for again."""
    directory = tmp_path / "cache"
    monkeypatch.setenv("DQA_CACHE_DIR", str(directory))
    for function in (find_compiler, engine_compile._cache_directory, engine_compile._own_directory):
        function.cache_clear()
    yield directory
    for function in (find_compiler, engine_compile._cache_directory, engine_compile._own_directory):
        function.cache_clear()


def crc_source() -> Path:
    return next(path for path in executor_sources() if path.name == "crc32.c")


def test_a_library_is_compiled_once_and_again_when_its_source_changes(empty_cache: Path, tmp_path: Path) -> None:
    source = tmp_path / "one.c"
    source.write_text("int one(void) { return 1; }\n")
    first = shared_library("one", [source], executor_includes())
    made = first.stat().st_mtime_ns
    assert shared_library("one", [source], executor_includes()) == first
    assert first.stat().st_mtime_ns == made
    source.write_text("int one(void) { return 2; }\n")
    assert shared_library("one", [source], executor_includes()) != first
    assert len(list(empty_cache.glob("one-*.so"))) == 2


def test_an_error_of_the_compiler_is_one_line_and_leaves_nothing_behind(empty_cache: Path, tmp_path: Path) -> None:
    source = tmp_path / "bad.c"
    source.write_text("int one(void) { return x; }\n")
    with pytest.raises(ToolError, match="error"):
        shared_library("bad", [source], [])
    assert list(empty_cache.iterdir()) == []


@pytest.mark.parametrize("program", ["true", "false"])
def test_a_compiler_that_makes_nothing_is_an_error(
    program: str, empty_cache: Path, one: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CC", program)
    with pytest.raises(ToolError, match=f"{program}' failed"):
        shared_library("one", [one], [])


def test_a_missing_compiler_is_named_with_a_hint(empty_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(empty_cache))
    monkeypatch.delenv("CC", raising=False)
    with pytest.raises(ToolError, match="no C compiler") as caught:
        find_compiler()
    assert "gcc" in caught.value.hint
    monkeypatch.setenv("CC", "no-such-cc")
    with pytest.raises(ToolError, match="no-such-cc"):
        find_compiler()


def test_a_cache_that_cannot_be_made_is_replaced_by_a_private_one(empty_cache: Path) -> None:
    empty_cache.write_text("a file where the directory should be")
    library = shared_library("crc", [crc_source()], executor_includes())
    assert library.exists() and empty_cache not in library.parents


LOADS = """
import ctypes, sys
from pathlib import Path
from dqa.engine.compile import shared_library
path = shared_library("one", [Path(sys.argv[1])], [])
print(path, ctypes.CDLL(str(path)).one())
"""


def load_one(source: Path, cache: Path) -> subprocess.CompletedProcess[str]:
    """Compiles a function that gives 1, or finds it in the cache, and calls it, in a process of its own."""
    variables = os.environ | {"DQA_CACHE_DIR": str(cache)}
    return subprocess.run([sys.executable, "-c", LOADS, str(source)], capture_output=True, text=True, env=variables)


@pytest.fixture
def one(tmp_path: Path) -> Path:
    source = tmp_path / "one.c"
    source.write_text("int one(void) { return 1; }\n")
    return source


@pytest.mark.parametrize("damage", ["cut", "page", "empty", "byte", "no digest", "other digest", "folder"])
def test_a_library_that_is_not_whole_is_made_again_and_never_loaded(damage: str, one: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    assert load_one(one, cache).returncode == 0
    library, digest = next(cache.glob("*.so")), next(cache.glob("*.sha256"))
    whole = library.read_bytes()
    if damage in ("cut", "page", "empty"):
        os.truncate(library, {"cut": len(whole) - 1, "page": 4096, "empty": 0}[damage])
    elif damage == "byte":
        library.write_bytes(whole[:100] + bytes([whole[100] ^ 255]) + whole[101:])
    elif damage == "folder":
        library.unlink()
        (library / "in").mkdir(parents=True)
    else:
        digest.write_bytes(b"\xff") if damage == "other digest" else digest.unlink()
    done = load_one(one, cache)
    assert (done.returncode, done.stdout.split()[-1:]) == (0, ["1"]), done.stderr
    if damage != "folder":
        assert library.read_bytes() == whole
        assert sorted(path.name for path in cache.iterdir()) == sorted([library.name, digest.name])


@pytest.mark.parametrize("home", ["", "/proc/no/home", "relative"])
@pytest.mark.parametrize("xdg", ["", "/proc/no/cache", "relative"])
def test_the_cache_does_without_a_home(home: str, xdg: str, one: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    # HOME is set, if to nothing: without it the system names the home of the user who runs the tests
    variables = {name: value for name, value in os.environ.items() if name not in ("DQA_CACHE_DIR", "XDG_CACHE_HOME")}
    variables |= {"HOME": home, "TMPDIR": str(scratch)} | ({"XDG_CACHE_HOME": xdg} if xdg else {})
    done = subprocess.run([sys.executable, "-c", LOADS, str(one)], capture_output=True, text=True, env=variables)
    assert (done.returncode, done.stdout.split()[-1:]) == (0, ["1"]), done.stderr
    assert done.stdout.startswith(str(scratch))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one.c", "scratch"] and not list(scratch.iterdir())


def test_a_user_whom_the_system_does_not_know_has_a_cache_too(empty_cache: Path, one: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def home() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("DQA_CACHE_DIR")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(Path, "home", home)
    assert shared_library("one", [one], []).exists() and not empty_cache.exists()


def test_processes_that_make_the_same_library_at_once_all_load_it(one: Path, tmp_path: Path) -> None:
    variables = os.environ | {"DQA_CACHE_DIR": str(tmp_path / "cache")}
    command = [sys.executable, "-c", LOADS, str(one)]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=variables) for _ in range(4)]
    assert [process.communicate()[0].split()[-1] for process in running] == ["1"] * 4
    assert len(list((tmp_path / "cache").iterdir())) == 2
