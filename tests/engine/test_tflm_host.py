"""TensorFlow Lite Micro's interpreter gives byte for byte what the host engine gives, and its failures are clear errors."""

from __future__ import annotations

import platform
import sys
from collections.abc import Iterator
from importlib import metadata
from importlib.util import find_spec

import numpy as np
import numpy.typing as npt
import pytest
from ai_edge_litert import schema_py_generated as schema

from builders.ports import ports_of
from builders.programs import operator_program, random_inputs, random_program
from dqa import program as p
from dqa.engine import tflm_host
from dqa.engine.host import HostModel
from dqa.engine.tflm_host import TflmModel, _load, _Process, _RefusedError, _run
from dqa.errors import DataError, ProgramError, ToolError
from dqa.tflite.writer import TfliteBuilder, write_tflite

pytestmark = pytest.mark.skipif(
    find_spec("tflite_micro") is None or not sys.platform.startswith("linux") or platform.machine() != "x86_64",
    reason="needs the package tflite-micro (extra [tflm]; Linux on x86-64)",
)


def tflite_of(program: p.Program) -> bytes:
    ports = ports_of(program)
    return write_tflite(p.write(program), program, ports.inputs, ports.outputs)


def samples_of(program: p.Program, count: int) -> npt.NDArray[np.uint8]:
    """(count, bytes of all inputs)"""
    samples = [random_inputs(program, seed) for seed in range(count)]
    return np.stack([np.concatenate([array.reshape(-1).view(np.uint8) for array in sample]) for sample in samples])


@pytest.fixture(scope="module")
def process() -> Iterator[_Process]:
    running = _Process()
    yield running
    running.close()


@pytest.mark.parametrize("kind", p.Kind, ids=lambda kind: kind.name)
def test_every_operator_gives_the_bytes_of_the_host(kind: p.Kind, process: _Process) -> None:
    for seed in range(5):
        assert_equal(operator_program(kind, seed), process)


@pytest.mark.parametrize("block", range(5))
def test_random_programs_give_the_bytes_of_the_host(block: int, process: _Process) -> None:
    for seed in range(20 * block, 20 * block + 20):
        assert_equal(random_program(seed), process)


def assert_equal(program: p.Program, process: _Process) -> None:
    samples = samples_of(program, 3)
    assert _load(process, tflite_of(program), program, None)
    expected = HostModel(p.write(program)).run(samples, jobs=1).outputs
    assert np.array_equal(_run(process, samples, expected.shape[1]), expected)


def test_a_model_runs_many_samples_and_reports_progress_and_arena() -> None:
    program = random_program(5)
    samples = samples_of(program, 40)
    steps: list[int] = []
    with TflmModel(tflite_of(program)) as model:
        outputs = model.run(samples, steps.append)
        assert model.arena_used
        assert model.arena_used > program.external.arena_size
        with pytest.raises(DataError):
            model.run(samples[:, :-1])
    assert sum(steps) == 40
    assert np.array_equal(outputs, HostModel(p.write(program)).run(samples).outputs)


def test_a_corrupt_file_is_refused_before_the_interpreter_sees_it() -> None:
    data = bytearray(tflite_of(operator_program(p.Kind.MEAN)))
    data[data.index(b"DQAO") + 8] ^= 1
    with pytest.raises(ProgramError, match="custom options"):
        TflmModel(bytes(data))


@pytest.mark.parametrize(
    ("field", "expected"),
    [(0, "custom options"), (4, "custom options"), (6, "custom options"), (8, "size"), (12, "not the one"), (16, "not the one")],
)
def test_the_operator_itself_checks_its_options(field: int, expected: str, process: _Process) -> None:
    program = operator_program(p.Kind.MEAN)
    data = bytearray(tflite_of(program))
    data[data.index(b"DQAO") + field] ^= 1
    with pytest.raises(_RefusedError, match=expected):
        _load(process, bytes(data), program, None)


def test_the_operator_itself_checks_its_program(process: _Process) -> None:
    program = operator_program(p.Kind.MEAN)
    data = bytearray(tflite_of(program))
    data[data.index(b"DQAP") + 100] ^= 1
    with pytest.raises(_RefusedError, match="checksum"):
        _load(process, bytes(data), program, None)


@pytest.mark.parametrize("wrong", ["shape", "type", "count"])
def test_the_operator_itself_checks_its_tensors(wrong: str, process: _Process) -> None:
    program = operator_program(p.Kind.MEAN)
    builder, values = TfliteBuilder(), program.inputs[0].values
    given = builder.tensor("in", [1, values - (wrong == "shape")], "int8")
    result = builder.tensor("out", [1, program.outputs[0].values], "int8")
    if wrong == "type":
        builder._graph.tensors[given].type = schema.TensorType.INT16
    builder.dqa(p.write(program), program, [given, given] if wrong == "count" else [given], [result])
    with pytest.raises(_RefusedError, match="the tensors are not those of the program"):
        _load(process, builder.finish([given], [result], ""), program, None)


def test_an_arena_that_is_too_small_is_an_error() -> None:
    data = tflite_of(operator_program(p.Kind.CONV_2D))
    with TflmModel(data) as model:
        used = model.arena_used
    assert used
    with pytest.raises(ProgramError, match="refused") as caught:
        TflmModel(data, arena_size=used * 3 // 4)
    assert "larger arena" in caught.value.hint


def test_a_crash_inside_the_interpreter_is_a_clear_error() -> None:
    with pytest.raises(ToolError, match="signal 11"):  # it writes past an arena that has no room for its own structures
        TflmModel(tflite_of(operator_program(p.Kind.CONV_2D)), arena_size=64)


def test_an_interpreter_that_ends_is_a_clear_error() -> None:
    program = operator_program(p.Kind.LUT)
    model = TflmModel(tflite_of(program))
    model._process._process.kill()
    with pytest.raises(ToolError, match="signal 9"):
        model.run(samples_of(program, 1))
    model.close()


def test_another_version_of_the_wheel_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metadata, "version", lambda name: "0.dev20261023182759")
    tflm_host._library.cache_clear()
    with pytest.raises(ToolError, match=r"0\.dev20261023182759") as caught:
        TflmModel(tflite_of(operator_program(p.Kind.LUT)))
    assert tflm_host.WHEEL in caught.value.hint
    tflm_host._library.cache_clear()
