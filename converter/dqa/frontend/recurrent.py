"""The .tflite of a network with recurrent layers as LiteRT runs it: marks (dqa.frontend.keras_recurrent) replaced by their steps.

It holds the file with the marks as metadata, so that it can be read again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

from dqa.errors import ModelError
from dqa.graph.model import Graph, Op, Tensor
from dqa.operators.registry import float_operator
from dqa.support.arrays import Array
from dqa.tflite.flatbuffer import Table

METADATA = "dqa marks"


def marked(data: bytes) -> bytes | None:
    """The file with marks that `runnable` made this one from; None if it did not. Raises FlatbufferError for a corrupt file."""
    model = Table.root(data)
    buffers = model.tables(4)
    for entry in model.tables(6):
        if entry.string(0) == METADATA and entry.integer(1, "<I") < len(buffers):
            return buffers[entry.integer(1, "<I")].array(0).tobytes()
    return None


def runnable(data: bytes, graph: Graph, name: str) -> bytes:
    """data: the file that `graph` was read from, as read. Tensors keep their numbers; new ones come behind them.

    Raises ModelError, calling the file `name`, where it is damaged.
    """
    marks = {op.outputs[0]: op for op in graph.ops if float_operator(op.kind).marks}
    if not marks:
        return data
    try:
        model = schema.ModelT.InitFromPackedBuf(data)
    except Exception as error:  # the front end has not looked at options it does not know; here they are unpacked
        raise ModelError(f"{name}: has damaged operator options: {error}", hint="convert or download the file again") from error
    subgraph = model.subgraphs[0]
    found = []
    for operator in subgraph.operators:
        op = marks.get(int(operator.outputs[0]))
        if op is None:
            found.append(operator)
        else:
            steps = _Steps(model, graph)
            float_operator(op.kind).write(steps, op, op.inputs, op.outputs[0])
            found += steps.operators
    subgraph.operators = found
    model.buffers.append(schema.BufferT(data=np.frombuffer(data, np.uint8)))
    model.metadata = [*(model.metadata or []), schema.MetadataT(name=METADATA, buffer=len(model.buffers) - 1)]
    builder = flatbuffers.Builder(2 * len(data))
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


class _Steps:
    """Operators for a file (dqa.operators.float_base.FloatWriter); its tensors have the graph's numbers."""

    batch = 1

    def __init__(self, model: Any, graph: Graph) -> None:
        self.model, self.graph = model, graph
        self.operators: list[Any] = []

    def integers(self, values: Sequence[Any]) -> int:
        return self.constant(np.asarray(values, np.int32))

    def constant(self, data: Array) -> int:
        self.model.buffers.append(schema.BufferT(data=np.frombuffer(np.ascontiguousarray(data).tobytes(), np.uint8)))
        return self._tensor(data.shape, data.dtype.name, len(self.model.buffers) - 1)

    def made(self, shape: Sequence[int], dtype: str = "float32", *, as_it_is: bool = False) -> int:
        return self._tensor(shape, dtype)

    def made_integers(self, shape: Sequence[int]) -> int:
        return self._tensor(shape, "int32")

    def shape(self, tensor: Tensor) -> list[int]:
        return list(tensor.shape)

    def tensors(self, op: Op) -> list[Tensor]:
        return [self.graph.tensors[index] for index in (*op.inputs, *op.outputs)]

    def inside(self, op: Op, tensors: Sequence[int]) -> None:
        """Together they are one tensor, the operator's attribute `inside`."""
        shape = self.model.subgraphs[0].tensors[tensors[0]].shape
        op.attrs["inside"] = self.made((shape[0], len(tensors), *shape[1:]))
        self.builtin("PACK", tensors, [op.attrs["inside"]], "PackOptions", valuesCount=len(tensors), axis=1)

    def builtin(self, kind: str, inputs: Sequence[int], outputs: Sequence[int], options: str = "", version: int = 1, **fields: Any) -> None:
        number, codes = getattr(schema.BuiltinOperator, kind), self.model.operatorCodes
        known = [place for place, code in enumerate(codes) if (code.builtinCode, code.version) == (number, version)]
        if not known:
            codes.append(schema.OperatorCodeT(deprecatedBuiltinCode=min(number, 127), builtinCode=number, version=version))
        operator = schema.OperatorT(opcodeIndex=(known or [len(codes) - 1])[0], inputs=list(inputs), outputs=list(outputs))
        if options:
            table = getattr(schema, f"{options}T")()
            for name, value in fields.items():
                setattr(table, name, getattr(schema.ActivationFunctionType, value) if name == "fusedActivationFunction" else value)
            operator.builtinOptionsType, operator.builtinOptions = getattr(schema.BuiltinOptions, options), table
        self.operators.append(operator)

    def _tensor(self, shape: Sequence[int], dtype: str, buffer: int = 0) -> int:
        tensors, kind = self.model.subgraphs[0].tensors, getattr(schema.TensorType, dtype.upper())
        tensors.append(schema.TensorT(shape=list(shape), type=kind, buffer=buffer, name="step", hasRank=True))
        return len(tensors) - 1
