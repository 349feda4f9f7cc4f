"""Runs programs with the executor's own C, in parallel threads; each call leaves Python's lock while it runs."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from functools import cache
from itertools import accumulate
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from dqa.engine.compile import executor_includes, executor_sources, shared_library
from dqa.errors import DataError, ProgramError, ToolError
from dqa.program import LayoutName
from dqa.support.arrays import Int8, Int64, UInt8, UInt32

_LAYOUTS: tuple[LayoutName | Literal["continuous"], ...] = ("internal", "external", "pushed", "continuous")
"""By their numbers in dqa.h."""
_BATCH = 16
"""Samples a thread takes at a time."""


class _Model(ctypes.Structure):
    """dqa_model of dqa.h."""

    _fields_ = (
        ("bytes", ctypes.c_void_p),
        ("operators", ctypes.c_void_p),
        ("size", ctypes.c_uint32),
        ("edge_count", ctypes.c_uint16),
        ("op_count", ctypes.c_uint16),
        ("input_count", ctypes.c_uint8),
        ("output_count", ctypes.c_uint8),
        ("layout", ctypes.c_uint8),
        ("mark", ctypes.c_uint8),
        ("arena_size", ctypes.c_uint32),
    )


@cache
def _library() -> ctypes.CDLL:
    return load_library(shared_library("dqa", executor_sources(), executor_includes()))


def load_library(path: Path) -> ctypes.CDLL:
    """The executor compiled at `path`; ToolError if it cannot be loaded."""
    try:
        library = ctypes.CDLL(str(path))
    except OSError as error:
        raise ToolError(f"the compiled executor cannot be loaded: {error}", hint=f"delete '{path}' and try again") from error
    model, pointer = ctypes.POINTER(_Model), ctypes.c_void_p
    library.dqa_load.argtypes = [model, pointer, ctypes.c_size_t, pointer, ctypes.c_int]
    library.dqa_run.argtypes = [model, pointer, ctypes.c_size_t, pointer, pointer, pointer]
    library.dqa_begin.argtypes = [model, pointer, ctypes.c_size_t]
    library.dqa_push_row.argtypes = [model, pointer, pointer]
    library.dqa_input.argtypes = library.dqa_output.argtypes = [model, pointer, ctypes.c_uint]
    library.dqa_input.restype = library.dqa_output.restype = pointer
    library.dqa_input_size.argtypes = library.dqa_output_size.argtypes = [model, ctypes.c_uint]
    library.dqa_input_size.restype = library.dqa_output_size.restype = ctypes.c_uint32
    library.dqa_status_name.argtypes = [ctypes.c_int]
    library.dqa_status_name.restype = ctypes.c_char_p
    return library


def status_name(status: int) -> str:
    """What the executor calls a status."""
    return str(_library().dqa_status_name(status).decode())


@dataclass(frozen=True, eq=False)
class HostResult:
    """outputs (N, bytes of all outputs); dropped (edges,): rows whose errors did not fit their map, summed over the samples."""

    outputs: Int8
    dropped: Int64


class HostModel:
    """A program that the executor accepted.

    Raises ProgramError with the executor's status if it refuses the program, or if the program is without this layout.
    layout: "internal": inputs and outputs lie in the arena; "external": both outside of it, as in TensorFlow Lite Micro;
    "pushed": the input's rows are handed over one by one. The answers are the same. "continuous": for `HostStream`.
    """

    def __init__(self, program: bytes, layout: LayoutName | Literal["continuous"] = "internal", library: ctypes.CDLL | None = None) -> None:
        """library: the executor, another than the usual one."""
        self.library = library = library or _library()
        self._program = np.frombuffer(program, np.uint8).copy()
        self.model = _Model()
        operators = ctypes.addressof(ctypes.c_void_p.in_dll(library, "dqa_all_operators"))
        status = library.dqa_load(self.model, self._program.ctypes.data, len(program), operators, _LAYOUTS.index(layout))
        if status:
            raise ProgramError(f"the program was refused: {status_name(status)}", hint="convert the model again")
        self._layout = layout
        self.input_sizes = tuple(library.dqa_input_size(self.model, i) for i in range(self.model.input_count))
        self.output_sizes = tuple(library.dqa_output_size(self.model, i) for i in range(self.model.output_count))

    @property
    def arena_size(self) -> int:
        """Bytes of RAM a run needs, in this layout."""
        return int(self.model.arena_size)

    def run(self, inputs: npt.NDArray[np.generic], jobs: int | None = None, progress: Callable[[int], None] | None = None) -> HostResult:
        """Runs every sample.

        inputs (N, bytes of all inputs, one after the other) uint8 or int8: the bytes as the program's inputs store them.
        jobs: threads, by default one per processor. progress is called with the number of samples just done.
        Raises DataError for inputs of another shape or type.
        """
        samples = self._samples(inputs)
        outputs = np.empty((len(samples), sum(self.output_sizes)), np.int8)
        dropped = np.zeros(self.model.edge_count, np.int64)
        with ThreadPoolExecutor(max(1, jobs or _processors())) as pool:
            starts = range(0, len(samples), _BATCH)
            batches = [pool.submit(self._run_batch, samples[i : i + _BATCH], outputs[i : i + _BATCH]) for i in starts]
            try:
                for batch in as_completed(batches):
                    rows, done = batch.result()
                    dropped += rows
                    if progress is not None:
                        progress(done)
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise
        return HostResult(outputs, dropped)

    def _samples(self, inputs: npt.NDArray[np.generic]) -> UInt8:
        size = sum(self.input_sizes)
        if inputs.dtype not in (np.uint8, np.int8) or inputs.ndim != 2 or inputs.shape[1] != size:
            raise DataError(f"inputs are {inputs.dtype}{inputs.shape}; expected uint8 or int8 (samples, {size})")
        return np.ascontiguousarray(inputs).view(np.uint8)

    def _run_batch(self, samples: UInt8, outputs: Int8) -> tuple[UInt32, int]:
        arena = np.zeros(-(-self.arena_size // 8) or 1, np.uint64).view(np.uint8)
        dropped = np.zeros(self.model.edge_count, np.uint32)
        for sample, output in zip(samples, outputs, strict=True):
            status = self._run_sample(arena, sample, output, dropped)
            if status:
                raise ToolError(f"the executor failed: {status_name(status)}")
        return dropped, len(samples)

    def _run_sample(self, arena: UInt8, sample: UInt8, output: Int8, dropped: UInt32) -> int:
        """Copies inputs into the arena where they lie there, else passes their places; copies outputs out of the arena or their memory."""
        library, base = self.library, arena.ctypes.data
        sources, targets = _addresses(sample, self.input_sizes), _addresses(output, self.output_sizes)
        own = [np.empty(-(-size // 8), np.uint64) for size in self.output_sizes if self._layout == "external"]
        for i, size in enumerate(self.input_sizes if self._layout == "internal" else ()):
            ctypes.memmove(library.dqa_input(self.model, base, i), sources[i], size)
        ends = (ctypes.c_void_p * len(sources))(*sources), (ctypes.c_void_p * len(own))(*(memory.ctypes.data for memory in own))
        status = int(library.dqa_run(self.model, base, self.arena_size, *ends, dropped.ctypes.data))
        for i, size in enumerate(self.output_sizes if status == 0 else ()):  # after an error there are none
            ctypes.memmove(targets[i], own[i].ctypes.data if own else library.dqa_output(self.model, base, i), size)
        return status


def _addresses(parts: npt.NDArray[np.generic], sizes: tuple[int, ...]) -> list[int]:
    """The address of each part when they lie one after the other."""
    return list(accumulate(sizes, initial=parts.ctypes.data))[:-1]


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
