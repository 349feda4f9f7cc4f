"""What an int8 .tflite takes in TensorFlow Lite Micro's interpreter (the Python wheel), printed as bytes of arena.

    python benchmarks/interpreter.py model_int8.tflite

Keras writes nearest-neighbour upsampling by 2 as chains with TILE, which the interpreter lacks: they become RESIZE_NEAREST_NEIGHBOR first,
which computes the same.
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
from pathlib import Path

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

CHAIN = ["EXPAND_DIMS", "TILE", "SHAPE", "STRIDED_SLICE", "CONCATENATION", "RESHAPE"] * 2
ARENA = 8 << 20


def with_resize(data: bytes) -> bytes:
    """The model with every upsampling chain replaced by one operator."""
    model = schema.ModelT.InitFromPackedBuf(data)
    graph = model.subgraphs[0]
    names = {value: name for name, value in vars(schema.BuiltinOperator).items() if isinstance(value, int)}
    kinds = [names[model.operatorCodes[op.opcodeIndex].builtinCode] for op in graph.operators]
    at = 0
    while at + len(CHAIN) <= len(kinds):
        if kinds[at : at + len(CHAIN)] == CHAIN:
            first, last = graph.operators[at], graph.operators[at + len(CHAIN) - 1]
            graph.operators[at : at + len(CHAIN)] = [_resize(model, graph, first.inputs[0], last.outputs[0])]
            kinds[at : at + len(CHAIN)] = ["RESIZE_NEAREST_NEIGHBOR"]
        at += 1
    builder = flatbuffers.Builder(len(data))
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def _resize(model: schema.ModelT, graph: schema.SubGraphT, source: int, target: int) -> schema.OperatorT:
    shape = graph.tensors[source].shape
    size = np.array([2 * shape[1], 2 * shape[2]], np.int32)
    graph.tensors[target].shape = [1, *size.tolist(), shape[3]]
    graph.tensors[target].shapeSignature = None
    model.buffers.append(schema.BufferT(data=np.frombuffer(size.tobytes(), np.uint8)))
    graph.tensors.append(schema.TensorT(shape=[2], type=schema.TensorType.INT32, buffer=len(model.buffers) - 1, name="size"))
    kind = schema.BuiltinOperator.RESIZE_NEAREST_NEIGHBOR
    model.operatorCodes.append(schema.OperatorCodeT(builtinCode=kind, deprecatedBuiltinCode=kind, version=2))
    options = schema.ResizeNearestNeighborOptionsT(alignCorners=False, halfPixelCenters=False)
    return schema.OperatorT(
        opcodeIndex=len(model.operatorCodes) - 1,
        inputs=[source, len(graph.tensors) - 1],
        outputs=[target],
        builtinOptionsType=schema.BuiltinOptions.ResizeNearestNeighborOptions,
        builtinOptions=options,
    )


def arena(data: bytes) -> int:
    """Bytes of arena, of which the interpreter's own structures are those of a 64-bit host."""
    from tflite_micro import runtime

    interpreter = runtime.Interpreter.from_bytes(data, arena_size=ARENA)
    with tempfile.TemporaryFile() as printed:
        saved = os.dup(2)
        os.dup2(printed.fileno(), 2)
        try:
            interpreter.print_allocations()
        finally:
            os.dup2(saved, 2)
            os.close(saved)
        printed.seek(0)
        found = re.search(rb"Arena allocation total (\d+)", printed.read())
    if found is None:
        raise SystemExit("the interpreter does not say what it took")
    return int(found[1])


if __name__ == "__main__":
    print(arena(with_resize(Path(sys.argv[1]).read_bytes())))
