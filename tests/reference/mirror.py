"""The executor in numpy: slow, literal, written from docs/format.md and not from the C, which the tests hold against it.

What each operator computes is `values` in its room (dqa.operators), written in the same way.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dqa.errors import DataError
from dqa.program import Edge, Program, Storage
from reference.maps import store

Int8 = npt.NDArray[np.int8]


@dataclass(frozen=True)
class MirrorResult:
    """One run: outputs as stored bytes, and of every edge the values its readers see and the rows dropped."""

    outputs: list[npt.NDArray[np.generic]]
    edges: list[Int8]
    dropped: list[int]


def _input_values(edge: Edge, data: npt.NDArray[np.generic]) -> Int8:
    dtype = np.dtype(np.uint8 if edge.storage is Storage.RAW_UINT8 else np.int8)
    if data.dtype != dtype or data.size != edge.values:
        raise DataError(f"input '{edge.name}' is {data.dtype} of {data.size} values; expected {dtype} of {edge.values}")
    signed = data.astype(np.int16) - (128 if edge.storage is Storage.RAW_UINT8 else 0)
    return signed.astype(np.int8).reshape(edge.height, edge.width, edge.channels)


def _output_bytes(edge: Edge, values: Int8) -> npt.NDArray[np.generic]:
    return (values.astype(np.int16) + 128).astype(np.uint8) if edge.storage is Storage.RAW_UINT8 else values


def run(program: Program, inputs: Sequence[npt.NDArray[np.generic]]) -> MirrorResult:
    """Runs once on raw inputs (int8 or uint8, as their edges say). Raises DataError for inputs that do not fit."""
    if len(inputs) != program.input_count:
        raise DataError(f"{len(inputs)} inputs; expected {program.input_count}")
    values: dict[int, Int8] = {i: _input_values(program.edges[i], data) for i, data in enumerate(inputs)}
    dropped = [0] * len(program.edges)
    for op in program.ops:
        output = program.edges[op.output]
        written = op.values([values[i] for i in op.inputs], program.edges[op.inputs[0]], output)
        values[op.output], dropped[op.output] = store(output, written)
    outputs = [_output_bytes(edge, values[program.input_count + i]) for i, edge in enumerate(program.outputs)]
    return MirrorResult(outputs, [values[i] for i in range(len(program.edges))], dropped)
