"""Operators of a float network in a .tflite for LiteRT: what all writers of them have (dqa.operators.float_base.FloatWriter)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from dqa.support.arrays import Array
from dqa.tflite.writer import TfliteBuilder

FUSED = {"NONE", "RELU", "RELU6", "RELU_N1_TO_1"}
"""Activations that LiteRT's float kernels fuse."""


class FloatTflite:
    """batch: samples at once."""

    def __init__(self, model: TfliteBuilder, batch: int) -> None:
        self.model, self.batch = model, batch

    def constant(self, data: Array) -> int:
        return self.model.tensor("constant", data.shape, data.dtype.name, data=np.ascontiguousarray(data).tobytes())

    def integers(self, values: Sequence[Any]) -> int:
        return self.constant(np.asarray(values, np.int32))

    def exactly(self, shape: Sequence[int], dtype: str = "float32") -> int:
        """A new activation of this shape, batch included."""
        return self.model.tensor("activation", shape, dtype)

    def subgraph(self, entries: Sequence[tuple[Sequence[int], str]], make: Callable[[list[int]], Sequence[int]]) -> int:
        return self.model.subgraph(entries, make)

    def builtin(self, kind: str, inputs: Sequence[int], outputs: Sequence[int], options: str = "", version: int = 1, **fields: Any) -> None:
        """An operator; options: class and fields in the schema. Paddings and fused activations are given by name."""
        table = getattr(schema, f"{options}T")() if options else None
        for name, value in fields.items():
            if name == "fusedActivationFunction":
                value = getattr(schema.ActivationFunctionType, value if value in FUSED else "NONE")
            setattr(table, name, getattr(schema.Padding, value) if name == "padding" else value)
        self.model.builtin(kind, inputs, outputs, table, version=version)
