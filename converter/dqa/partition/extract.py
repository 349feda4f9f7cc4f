"""Takes the operators that stay TFLite builtins out of the float .tflite, as a model of their own.

The graph's operators may stand for several of the file (a fused activation, a reshape that was dropped), so what is taken is everything
in the file between an operator's inputs and its outputs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from dqa.errors import ModelError
from dqa.graph import Graph, Op
from dqa.partition.partition import builtins


@dataclass(frozen=True, eq=False)
class Extract:
    """A float model of the builtins, not yet packed.

    model: one subgraph; tensors are named by `tensor_name`. inputs, outputs: its ends, by number in the file.
    ranged: all its float activations, by number in the file. layers: the graph's operators its own belong to,
    by the name of a tensor they write.
    """

    model: Any
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    ranged: tuple[int, ...]
    layers: dict[str, Op]


def tensor_name(number: int) -> str:
    """The name of the file's tensor in the extract; names in files need not be unique."""
    return f"t{number}"


def extract(tflite: bytes, graph: Graph, origin: Mapping[int, int]) -> Extract:
    """The builtins of `graph`, which was read from `tflite`.

    origin: the file's tensor for the graph's tensors that are not in the file. Raises ModelError for operators that cannot be told apart.
    """
    try:
        file = schema.ModelT.InitFromPackedBuf(tflite)
    except Exception as error:  # the front end has not looked at options it does not know; here they are unpacked
        raise ModelError(f"the model has damaged operator options: {error}", hint="convert or download the file again") from error
    return _Extraction(file, graph, origin).extract()


class _Extraction:
    def __init__(self, file: Any, graph: Graph, origin: Mapping[int, int]) -> None:
        self.file = file
        self.source = self.file.subgraphs[0]
        self.producers = {int(t): number for number, op in enumerate(self.source.operators) for t in op.outputs}
        self.ops = [op for op, _ in builtins(graph)]
        activations = [t for op in self.ops for t in op.inputs if not graph.tensors[t].is_constant]
        self.read = {origin.get(t, t) for t in activations}
        self.written = {t for op in self.ops for t in op.outputs}
        own = {id(op) for op in self.ops}
        elsewhere = {t for op in graph.ops if id(op) not in own for t in op.inputs} | set(graph.outputs)
        self.outputs = tuple(t for op in self.ops for t in op.outputs if t in elsewhere)

    def extract(self) -> Extract:
        layers: dict[int, Op] = {}  # the file's operator -> the graph's
        for op in self.ops:
            self._walk(op, layers)
        places = sorted(layers)
        operators = [self.source.operators[place] for place in places]
        used = sorted({int(t) for op in operators for t in [*op.inputs, *op.outputs] if t >= 0})
        model = schema.ModelT(version=3, operatorCodes=[], buffers=[schema.BufferT()], signatureDefs=[], description="builtins")
        tensors = [self._tensor(model, number) for number in used]
        numbers = {number: place for place, number in enumerate(used)} | {-1: -1}
        made = {int(t) for op in operators for t in op.outputs}
        inputs = tuple(t for t in used if t in self.read and t not in made)
        subgraph = schema.SubGraphT(
            tensors=tensors,
            operators=[self._operator(model, op, numbers) for op in operators],
            inputs=[numbers[t] for t in inputs],
            outputs=[numbers[t] for t in self.outputs],
            name="main",
        )
        model.subgraphs = [subgraph]
        ranged = (t for t in used if t in made or t in self.read)
        is_float = schema.TensorType.FLOAT32
        return Extract(
            model,
            inputs,
            self.outputs,
            tuple(t for t in ranged if self.source.tensors[t].type == is_float),
            {tensor_name(int(t)): layers[place] for place in places for t in self.source.operators[place].outputs},
        )

    def _walk(self, op: Op, layers: dict[int, Op]) -> None:
        """Finds the file's operators that compute an operator of the graph, from its outputs back to what is computed elsewhere."""
        open_ends = list(op.outputs)
        while open_ends:
            tensor = open_ends.pop()
            place = self.producers.get(tensor)
            if place is None:
                raise ModelError(f"layer '{op.name}' ({op.kind}) reads what no operator of the file gives", hint="report this model")
            if place in layers:
                continue
            layers[place] = op
            source = self.source.operators[place]
            if any(int(t) in self.read - self.written for t in source.outputs):
                raise ModelError(f"layer '{op.name}' ({op.kind}) cannot be parted from the operators around it", hint="report this model")
            open_ends += [t for t in map(int, source.inputs) if t >= 0 and t not in self.read and self._constant(t) is None]

    def _constant(self, number: int) -> bytes | None:
        """The bytes of a constant, as float32 where the file widens half precision at run time."""
        place = self.producers.get(number)
        if place is None:
            data = self.file.buffers[self.source.tensors[number].buffer].data
            return None if data is None or len(data) == 0 else np.asarray(data, np.uint8).tobytes()
        op = self.source.operators[place]
        if _builtin(self.file.operatorCodes[op.opcodeIndex]) != schema.BuiltinOperator.DEQUANTIZE:
            return None
        half = self._constant(int(op.inputs[0]))
        return None if half is None else np.frombuffer(half, np.float16).astype(np.float32).tobytes()

    def _tensor(self, model: Any, number: int) -> Any:
        old = self.source.tensors[number]
        data = self._constant(number)
        model.buffers.append(schema.BufferT(data=None if data is None else np.frombuffer(data, np.uint8)))
        return schema.TensorT(
            shape=np.asarray(old.shape if old.shape is not None else [], np.int32),
            type=old.type,
            buffer=len(model.buffers) - 1,
            name=tensor_name(number),
            hasRank=old.hasRank,
        )

    def _operator(self, model: Any, old: Any, numbers: Mapping[int, int]) -> Any:
        code = self.file.operatorCodes[old.opcodeIndex]
        number = _builtin(code)
        model.operatorCodes.append(
            schema.OperatorCodeT(
                deprecatedBuiltinCode=min(number, 127), builtinCode=number, customCode=code.customCode, version=code.version
            )
        )
        return schema.OperatorT(
            opcodeIndex=len(model.operatorCodes) - 1,
            inputs=[numbers[int(t)] for t in old.inputs],
            outputs=[numbers[int(t)] for t in old.outputs],
            builtinOptionsType=old.builtinOptionsType,
            builtinOptions=old.builtinOptions,
            builtinOptions2Type=old.builtinOptions2Type,
            builtinOptions2=old.builtinOptions2,
            customOptions=old.customOptions,
        )


def _builtin(code: Any) -> int:
    """The number of a builtin operator; files of before 2020 have it in the other field."""
    return max(int(code.builtinCode), int(code.deprecatedBuiltinCode))
