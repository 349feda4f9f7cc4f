"""Runs an emitted .tflite in the real interpreter of TensorFlow Lite Micro, from the Python wheel, with the executor's C in it.

The interpreter runs in a process of its own (tflm_worker): a crash in there is an error here.
"""

from __future__ import annotations

import platform
import struct
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from functools import cache
from importlib import metadata
from pathlib import Path
from threading import Timer
from types import TracebackType
from typing import IO

import numpy as np
import numpy.typing as npt

from dqa.engine.compile import executor_includes, executor_sources, shared_library
from dqa.engine.tflm_worker import FRAME, MODEL
from dqa.errors import DataError, DqaError, ProgramError, ToolError
from dqa.operators.lut import Lut
from dqa.program import Edge, Layout, Port, Program, Storage, scratch_bytes, write
from dqa.support import processes, resources
from dqa.support.arrays import Int8, UInt8
from dqa.tflite.reader import Contents, read_contents
from dqa.tflite.writer import write_tflite

WHEEL = "0.dev20260925222358"
"""The version of tflite-micro whose structures tflm_shim.c knows."""

HINT = f"pip install tflite-micro=={WHEEL}; its wheels are for Linux on x86-64"
_OVERHEAD = 1 << 18
"""Arena bytes for the interpreter's own structures, generously."""
_BATCH = 16
"""Samples in a request."""
_TIMEOUT_S = 600
"""For a request; an interpreter that is wrong about them may also hang."""


class UnavailableError(ToolError):
    """This system has no interpreter: the wheel is an extra, and not for every one."""


@cache
def _library() -> Path:
    """The compiled DQA operator. Raises ToolError; UnavailableError where the wheel is missing or its structures are not known."""
    if not sys.platform.startswith("linux") or platform.machine() != "x86_64":
        raise UnavailableError("TensorFlow Lite Micro's interpreter runs on Linux on x86-64 only", hint="use --target host")
    try:
        version = metadata.version("tflite-micro")
    except metadata.PackageNotFoundError:
        raise UnavailableError("the package tflite-micro is not installed", hint=HINT) from None
    if version != WHEEL:
        raise UnavailableError(f"tflite-micro {version} is installed; expected {WHEEL}", hint=HINT)
    adapter = resources.path("firmware") / "lib" / "dqa_tflm"
    sources = [*executor_sources(), adapter / "src" / "dqa_tflm_core.c", Path(__file__).with_name("tflm_shim.c")]
    return shared_library("dqa_tflm", sources, [*executor_includes(), adapter / "include"])


class _RefusedError(Exception):
    """The interpreter answered with an error."""


class _Process:
    """An interpreter in a process of its own, which ends with the thread that started it, at the latest (processes.child)."""

    def __init__(self) -> None:
        command = [sys.executable, "-P", str(Path(__file__).with_name("tflm_worker.py")), str(_library())]
        self._open = ExitStack()
        self._said: IO[bytes] = self._open.enter_context(tempfile.TemporaryFile())  # noqa: SIM115
        started = processes.child(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._said)
        self._process = self._open.enter_context(started)

    def request(self, kind: bytes, payload: bytes) -> bytes:
        """The payload of the answer. Raises _RefusedError for an error, ToolError if the process ended or took too long."""
        source, sink = self._process.stdout, self._process.stdin
        assert source is not None
        assert sink is not None
        watchdog = Timer(_TIMEOUT_S, self._process.kill)
        watchdog.start()
        try:
            sink.write(FRAME.pack(kind, len(payload)) + payload)
            sink.flush()
            head = source.read(FRAME.size)
            kind, length = FRAME.unpack(head)
            answer = source.read(length)
        except (OSError, struct.error):
            raise self._ended() from None
        finally:
            watchdog.cancel()
        if len(answer) != length:
            raise self._ended()
        if kind == b"e":
            raise _RefusedError(answer.decode(errors="replace"))
        return answer

    def _ended(self) -> ToolError:
        status = self._process.wait()
        self._said.seek(0)
        lines = self._said.read().decode(errors="replace").strip().splitlines()
        why = f"by signal {-status}" if status < 0 else f"with status {status}"
        last = f": {lines[-1]}" if lines else ""
        return ToolError(f"TensorFlow Lite Micro's interpreter ended {why}{last}", hint=HINT)

    def close(self) -> None:
        self._open.close()


def _load(process: _Process, tflite: bytes, program: Program, arena_size: int | None) -> int | None:
    """Puts a model of one program into the interpreter; returns the arena bytes it uses, if it says."""
    ends = sum(edge.capacity for edge in (*program.inputs, *program.outputs))
    size = program.external.arena_size + ends + _OVERHEAD if arena_size is None else arena_size
    return _put(process, tflite, size, program.input_count, program.output_count)


def _put(process: _Process, tflite: bytes, arena_size: int, inputs: int, outputs: int) -> int | None:
    used = process.request(b"m", MODEL.pack(arena_size, inputs, outputs) + tflite)
    return int(used) if used else None


def _room(contents: Contents) -> int:
    """Arena bytes that are enough: builtins keep up to an int32 accumulator for each element beside the element."""
    return sum(group.program.external.arena_size for group in contents.groups) + 8 * contents.activations + _OVERHEAD


def _run(process: _Process, samples: UInt8, outputs: int) -> Int8:
    answer = process.request(b"i", samples.tobytes())
    if len(answer) != len(samples) * outputs:
        raise ToolError(f"TensorFlow Lite Micro's interpreter gave {len(answer)} bytes; expected {len(samples) * outputs}", hint=HINT)
    return np.frombuffer(answer, np.int8).reshape(len(samples), outputs)


def _self_test(process: _Process) -> None:
    """Runs a table of four values. Raises ToolError if the interpreter is not laid out as the shim expects."""
    ends = tuple(Edge(name, 1, 1, 4, Storage.RAW_INT8, 8, 0, -128, 0, 4) for name in ("in", "out"))
    op = Lut("table", (0,), 1, np.arange(127, -129, -1, dtype=np.int8))
    size = scratch_bytes(ends, op)
    program = Program(ends, (op,), 1, 1, Layout(8 + size, (0, 4), (8,), (None,)), Layout(size, (None, None), (0,), (None,)))
    samples = np.array([[-128, -1, 0, 127], [1, 2, 3, 4]], np.int8)
    try:
        port = Port("x", (1, 1, 4), "int8", (1.0,), (0.0,))
        _load(process, write_tflite(write(program), program, [port], [port]), program, None)
        passed = np.array_equal(_run(process, samples.view(np.uint8), 4), -1 - samples)
    except (_RefusedError, ToolError) as error:
        raise ToolError(f"self-test of tflite-micro {WHEEL} failed: {error}", hint=HINT) from None
    if not passed:
        raise ToolError(f"self-test of tflite-micro {WHEEL} failed: wrong numbers", hint=HINT)


class TflmModel:
    """A .tflite of dqa in the interpreter.

    arena_used: bytes of arena the interpreter uses on this host (its pointers are larger than a board's), None if it does not say.
    arena_size: bytes to give it, by default enough.
    Raises ProgramError if the file is corrupt or refused, ToolError if the interpreter is missing, another one, or fails its self-test.
    """

    def __init__(self, tflite: bytes, arena_size: int | None = None) -> None:
        contents = read_contents(tflite)
        self._input_bytes, self._output_bytes = sum(contents.inputs), sum(contents.outputs)
        size = _room(contents) if arena_size is None else arena_size
        self._process = _Process()
        try:
            _self_test(self._process)
            self.arena_used = _put(self._process, tflite, size, len(contents.inputs), len(contents.outputs))
        except _RefusedError as error:
            self._process.close()
            hint = "convert the model again" if arena_size is None else f"give it a larger arena than {arena_size} bytes"
            raise ProgramError(f"TensorFlow Lite Micro refused the model: {error}", hint=hint) from None
        except DqaError:
            self._process.close()
            raise

    def run(self, inputs: npt.NDArray[np.generic], progress: Callable[[int], None] | None = None) -> Int8:
        """The outputs (N, bytes of all outputs) of inputs (N, bytes of all inputs), uint8 or int8, as HostModel.run.

        progress is called with the number of samples just done. Raises DataError for inputs of another shape or type.
        """
        if inputs.dtype not in (np.uint8, np.int8) or inputs.ndim != 2 or inputs.shape[1] != self._input_bytes:
            raise DataError(f"inputs are {inputs.dtype}{inputs.shape}; expected uint8 or int8 (samples, {self._input_bytes})")
        samples = np.ascontiguousarray(inputs).view(np.uint8)
        outputs = np.empty((len(samples), self._output_bytes), np.int8)
        for start in range(0, len(samples), _BATCH):
            batch = samples[start : start + _BATCH]
            try:
                outputs[start : start + _BATCH] = _run(self._process, batch, self._output_bytes)
            except _RefusedError as error:
                raise ToolError(f"TensorFlow Lite Micro failed: {error}") from None
            if progress is not None:
                progress(len(batch))
        return outputs

    def close(self) -> None:
        """Ends the interpreter."""
        self._process.close()

    def __enter__(self) -> TflmModel:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self.close()
