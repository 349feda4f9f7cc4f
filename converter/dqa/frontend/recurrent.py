"""The .tflite of a network with recurrent layers as LiteRT runs it: marks (dqa.frontend.keras_recurrent) replaced by loops over the steps.

It holds the file with the marks as metadata, so that it can be read again.
"""

from __future__ import annotations

from collections.abc import Sequence

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

from dqa.errors import ModelError
from dqa.graph.model import Graph, Op, Tensor
from dqa.operators.registry import float_operator
from dqa.tflite.flatbuffer import Table
from dqa.tflite.float_writer import FloatTflite
from dqa.tflite.writer import TfliteBuilder

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
    operators, model.subgraphs[0].operators = model.subgraphs[0].operators, []
    writer = _Writer(TfliteBuilder(model), graph)
    for operator in operators:
        if (op := marks.get(int(operator.outputs[0]))) is None:
            model.subgraphs[0].operators.append(operator)
        else:
            float_operator(op.kind).write(writer, op, op.inputs, op.outputs[0])
    model.buffers.append(schema.BufferT(data=np.frombuffer(data, np.uint8)))
    model.metadata = [*(model.metadata or []), schema.MetadataT(name=METADATA, buffer=len(model.buffers) - 1)]
    builder = flatbuffers.Builder(2 * len(data))
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


class _Writer(FloatTflite):
    """Operators for a file whose tensors have the graph's numbers and shapes."""

    def __init__(self, model: TfliteBuilder, graph: Graph) -> None:
        super().__init__(model, batch=1)
        self.graph = graph

    def made(self, shape: Sequence[int], dtype: str = "float32") -> int:
        return self.exactly(shape, dtype)

    def shape(self, tensor: Tensor) -> list[int]:
        return list(tensor.shape)

    def tensors(self, op: Op) -> list[Tensor]:
        return [self.graph.tensors[index] for index in (*op.inputs, *op.outputs)]

    def inside(self, op: Op, tensor: int) -> None:
        op.attrs["inside"] = tensor
