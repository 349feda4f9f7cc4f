"""Runs a program once with the executor's own C and keeps what every operator makes."""

from __future__ import annotations

import ctypes
import zlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from dqa.engine.compile import executor_includes, executor_sources, shared_library
from dqa.engine.host import HostModel, load_library
from dqa.program import LayoutName, read
from dqa.support.arrays import Int8, UInt8


@dataclass(frozen=True, eq=False)
class OperatorValues:
    """What an operator made: int8 (height, width, channels), before it was stored; microseconds: of its time, on this machine."""

    values: Int8
    microseconds: float

    @property
    def crc(self) -> int:
        """CRC-32 of all rows, as profiling firmware gives it."""
        return zlib.crc32(self.values.tobytes())


@dataclass(frozen=True, eq=False)
class HostProfile:
    """outputs int8 (bytes of all outputs,); operators in the program's order."""

    outputs: Int8
    operators: tuple[OperatorValues, ...]


@cache
def _library() -> ctypes.CDLL:
    sources = [*executor_sources(), Path(__file__).with_name("profile_host.c")]
    library = load_library(shared_library("dqa-profile", sources, executor_includes(), ["-DDQA_PROFILE"]))
    library.dqa_profile_open.argtypes = [ctypes.c_void_p] * 3
    return library


def profile(program: bytes, sample: UInt8, layout: LayoutName = "internal") -> HostProfile:
    """One inference of `sample` (bytes of all inputs,). Not for several threads at once.

    Raises ProgramError where the program is refused, DataError for a sample of another size, ToolError where it cannot run.
    """
    library, parsed = _library(), read(program)
    shapes = [(edge.height, edge.width, edge.channels) for edge in (parsed.edges[op.output] for op in parsed.ops)]
    values = [np.zeros(shape, np.int8) for shape in shapes]
    times, rows = np.zeros(len(values), np.uint64), np.zeros(len(values), np.uint32)
    places = (ctypes.c_void_p * len(values))(*(array.ctypes.data for array in values))
    library.dqa_profile_open(places, times.ctypes.data, rows.ctypes.data)
    result = HostModel(program, layout, library).run(sample.reshape(1, -1), jobs=1)
    operators = (OperatorValues(made, float(time) / 1e3) for made, time in zip(values, times, strict=True))
    return HostProfile(result.outputs[0], tuple(operators))
