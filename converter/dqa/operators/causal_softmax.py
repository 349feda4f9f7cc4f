"""CAUSAL_SOFTMAX: over the first channels of each pixel, one more with each row or column: attention that sees no later step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from struct import pack
from typing import Self

import numpy as np

from dqa.operators.base import Grower, require
from dqa.operators.float_base import FloatWriter, Lowering
from dqa.operators.network import Op
from dqa.operators.parameters import Constants, Parameters
from dqa.operators.records import Edge
from dqa.operators.softmax import FloatSoftmax, Softmax
from dqa.support.arrays import Bool, Float32, Int8

_MASKED = -1e30


@dataclass(frozen=True, eq=False)
class CausalSoftmax(Softmax):
    """seen: channels of the first row, or column, 1..65535; rows 1: one more with each row, 0: with each column. The others get 0."""

    seen: int
    rows: int

    parameter_bytes = 8

    @classmethod
    def read(cls, name: str, inputs: tuple[int, ...], output: int, parameters: Parameters, source: Edge, target: Edge) -> Self:
        table = parameters.uint16((256,), "table")
        return cls(name, inputs, output, table, *parameters.fields("<HH"))

    def write(self, constants: Constants) -> bytes:
        return super().write(constants) + pack("<HH", self.seen, self.rows)

    def check(self, inputs: Sequence[Edge], output: Edge) -> None:
        super().check(inputs, output)
        require(1 <= self.seen <= 0xFFFF and self.rows in (0, 1), f"{self.seen} channels are seen, rows is {self.rows}")

    def values(self, inputs: list[Int8], source: Edge, output: Edge) -> Int8:
        x = inputs[0].astype(np.int64)
        sees = visible(x.shape[0], x.shape[1], x.shape[2], self.seen, self.rows)
        largest = np.where(sees, x, -128).max(axis=2, keepdims=True)
        e = np.where(sees, self.table.astype(np.int64)[np.maximum(largest - x, 0)], 0)
        total = e.sum(axis=2, keepdims=True)
        share: Int8 = (np.minimum(255, (e * 256 + total // 2) // total) - 128).astype(np.int8)
        return np.where(sees, share, np.int8(-128))

    @classmethod
    def grow(cls, grower: Grower, source: int) -> int:
        out = grower.edge(grower.shape(source))
        grower.byte_edge(out)
        table = np.round(65535 * np.exp(-np.arange(256) * grower.rng.uniform(0.005, 0.5))).astype(np.uint16)
        grower.ops.append(cls("causal", (source,), out, table, grower.between(1, 5), grower.between(0, 1)))
        return out

    def why_ends(self, inputs: Sequence[Edge], output: Edge) -> str:
        return "it counts steps from the first one"


def visible(height: int, width: int, channels: int, seen: int, rows: int) -> Bool:
    """(H, W, C): whether a pixel sees a channel."""
    step = np.arange(height)[:, np.newaxis] if rows else np.arange(width)[np.newaxis]
    return np.broadcast_to(np.arange(channels) < step[:, :, np.newaxis] + seen, (height, width, channels))


class FloatCausalSoftmax(FloatSoftmax):
    """Attributes: beta, seen, rows."""

    turns = False

    def _visible(self, op: Op, shape: Sequence[int]) -> Bool:
        return visible(shape[0], shape[1], shape[2], op.attrs["seen"], op.attrs["rows"])

    def run(self, op: Op, inputs: list[Float32]) -> Float32:
        x = inputs[0]
        sees = self._visible(op, (x.shape[1], x.shape[2] if x.ndim == 4 else 1, x.shape[-1])).reshape(1, *x.shape[1:])
        return super().run(op, [np.where(sees, x, np.float32(_MASKED))])

    def write(self, writer: FloatWriter, op: Op, inputs: list[int], output: int) -> None:
        source = writer.tensors(op)[0]
        mask = np.where(self._visible(op, source.hwc), 0, _MASKED).astype(np.float32)
        masked = writer.made(source.shape)
        hidden = writer.constant(mask.reshape(1, *writer.shape(source)[1:]))
        writer.builtin("ADD", [inputs[0], hidden], [masked], "AddOptions")
        writer.builtin("SOFTMAX", [masked], [output], "SoftmaxOptions", beta=op.attrs["beta"])

    def lower(self, given: Lowering) -> CausalSoftmax:
        plain, attrs = super().lower(given), given.op.attrs
        return CausalSoftmax(plain.name, plain.inputs, plain.output, plain.table, attrs["seen"], attrs["rows"])


PROGRAM = CausalSoftmax
FLOATS = (FloatCausalSoftmax("CAUSAL_SOFTMAX"),)
