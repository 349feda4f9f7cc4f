"""Writes a .tflite whose operators are DQA programs: a custom operator `DQA` with the program as a constant tensor.

A DQA operator takes its inputs and, last, the program (uint8, aligned to 16 bytes in the file); it gives the program's outputs.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

from dqa.errors import ProgramError
from dqa.program import Edge, Port, Program, Storage
from dqa.program.words import layer_words
from dqa.tflite.custom_options import OPERATOR_NAME, custom_options

SCHEMA_VERSION = 3
ALIGNMENT = 16
TYPES = {
    "int8": schema.TensorType.INT8,
    "uint8": schema.TensorType.UINT8,
    "int32": schema.TensorType.INT32,
    "float32": schema.TensorType.FLOAT32,
    "bool": schema.TensorType.BOOL,
}


class AlignedBuffer(schema.BufferT):  # type: ignore[misc]
    """A buffer aligned to 16 bytes: the generated Python code forgets the schema's force_align."""

    def Pack(self, builder: flatbuffers.Builder) -> int:
        vector = None
        if self.data is not None:
            builder.StartVector(1, len(self.data), ALIGNMENT)
            builder.head -= len(self.data)
            builder.Bytes[builder.head : builder.head + len(self.data)] = self.data
            vector = builder.EndVector()
        schema.BufferStart(builder)
        if vector is not None:
            schema.BufferAddData(builder, vector)
        return int(schema.BufferEnd(builder))


class TfliteBuilder:
    """Grows a model, tensor by tensor and operator by operator: one subgraph, and those that its operators run.

    model: one to go on with, a ModelT of one subgraph; None: a new one.
    """

    def __init__(self, model: Any = None) -> None:
        new = schema.ModelT(version=SCHEMA_VERSION, operatorCodes=[], buffers=[AlignedBuffer()])
        new.subgraphs = [schema.SubGraphT(tensors=[], operators=[], name="main")]
        self._model = new if model is None else model
        self._graph = self._model.subgraphs[0]
        self._programs = 0
        codes = enumerate(self._model.operatorCodes)
        self._codes: dict[tuple[int, str | None, int], int] = {
            (max(code.builtinCode, code.deprecatedBuiltinCode), code.customCode, code.version): place for place, code in codes
        }

    def subgraph(self, entries: Sequence[tuple[Sequence[int], str]], make: Callable[[list[int]], Sequence[int]]) -> int:
        """The number of a new subgraph. entries: shape and type of its inputs; make: appends what gives its outputs, from its inputs."""
        before, self._graph = self._graph, schema.SubGraphT(tensors=[], operators=[], name="part")
        inputs = [self.tensor("entry", shape, dtype) for shape, dtype in entries]
        self._graph.inputs, self._graph.outputs = inputs, list(make(inputs))
        self._model.subgraphs.append(self._graph)
        self._graph = before
        return len(self._model.subgraphs) - 1

    def tensor(self, name: str, shape: Sequence[int], dtype: str, *, data: bytes | None = None, port: Port | None = None) -> int:
        """The number of a new tensor; `data` makes it a constant, `port` gives it scales and zero points."""
        buffer = 0
        if data is not None:
            buffer = len(self._model.buffers)
            self._model.buffers.append(AlignedBuffer(data=data))
        quantization = _quantization(port) if port is not None else None
        tensor = schema.TensorT(shape=list(shape), type=TYPES[dtype], buffer=buffer, name=name, quantization=quantization)
        self._graph.tensors.append(tensor)
        return len(self._graph.tensors) - 1

    def custom(self, name: str, inputs: Sequence[int], outputs: Sequence[int], options: bytes) -> None:
        """Appends a custom operator."""
        code = self._code(schema.BuiltinOperator.CUSTOM, name)
        packed = np.frombuffer(options, np.uint8)
        self._graph.operators.append(schema.OperatorT(opcodeIndex=code, inputs=list(inputs), outputs=list(outputs), customOptions=packed))

    def builtin(self, kind: str, inputs: Sequence[int], outputs: Sequence[int], options: Any = None, version: int = 1) -> None:
        """Appends a builtin operator by its name (CONV_2D, ...); `options` is a table of the schema (Conv2DOptionsT, ...)."""
        operator = schema.OperatorT(
            opcodeIndex=self._code(getattr(schema.BuiltinOperator, kind), None, version), inputs=list(inputs), outputs=list(outputs)
        )
        if options is not None:
            table = type(options).__name__.removesuffix("T")
            operator.builtinOptionsType, operator.builtinOptions = getattr(schema.BuiltinOptions, table), options
        self._graph.operators.append(operator)

    def dqa(self, program_bytes: bytes, program: Program, inputs: Sequence[int], outputs: Sequence[int]) -> None:
        """Appends a DQA operator that runs a program, and what the program's own operators are as metadata."""
        constant = self.tensor("dqa_program", [len(program_bytes)], "uint8", data=program_bytes)
        self.custom(OPERATOR_NAME, [*inputs, constant], outputs, custom_options(program_bytes, program))
        for number, op in enumerate(program.ops):
            self.metadata(f"dqa {self._programs}.{number} {op.name}", layer_words(program, op))
        self._programs += 1

    def metadata(self, name: str, text: str) -> None:
        """Appends what viewers show beside the model: ASCII, less than 256 characters."""
        self._model.buffers.append(schema.BufferT(data=np.frombuffer(text.encode("ascii"), np.uint8)))
        self._model.metadata = [*(self._model.metadata or []), schema.MetadataT(name=name, buffer=len(self._model.buffers) - 1)]

    def adopt_tensor(self, tensor: Any, name: str, data: bytes | None) -> int:
        """The number of a copy of another model's tensor, with its quantization; `data` makes it a constant."""
        number = self.tensor(name, tensor.shape if tensor.shape is not None else [], "int8", data=data)
        self._graph.tensors[number].type, self._graph.tensors[number].quantization = tensor.type, tensor.quantization
        return number

    def adopt_operator(self, operator: Any, code: Any, inputs: Sequence[int], outputs: Sequence[int]) -> None:
        """Appends a copy of another model's builtin operator, with its options."""
        copy = schema.OperatorT(
            opcodeIndex=self._code(code.builtinCode, None, code.version),
            inputs=list(inputs),
            outputs=list(outputs),
            builtinOptionsType=operator.builtinOptionsType,
            builtinOptions=operator.builtinOptions,
            builtinOptions2Type=operator.builtinOptions2Type,
            builtinOptions2=operator.builtinOptions2,
        )
        self._graph.operators.append(copy)

    def finish(self, inputs: Sequence[int], outputs: Sequence[int], description: str) -> bytes:
        """The file."""
        self._graph.inputs, self._graph.outputs = list(inputs), list(outputs)
        self._model.description = description
        builder = flatbuffers.Builder(1024)
        builder.Finish(self._model.Pack(builder), b"TFL3")
        return bytes(builder.Output())

    def _code(self, builtin: int, name: str | None, version: int = 1) -> int:
        key = (builtin, name, version)
        if key not in self._codes:
            self._codes[key] = len(self._codes)
            code = schema.OperatorCodeT(deprecatedBuiltinCode=min(builtin, 127), builtinCode=builtin, customCode=name, version=version)
            self._model.operatorCodes.append(code)
        return self._codes[key]


def _quantization(port: Port) -> Any:
    """The port's mapping as TFLite says it, None where it cannot: its zero points are integers."""
    zero_points = np.array(port.zero_point)
    if not np.array_equal(zero_points, np.rint(zero_points)):
        return None
    count = max(len(port.scale), len(port.zero_point))
    return schema.QuantizationParametersT(
        scale=np.broadcast_to(np.array(port.scale, np.float32), count).tolist(),
        zeroPoint=np.broadcast_to(zero_points.astype(np.int64), count).tolist(),
        quantizedDimension=len(port.shape) if count > 1 else 0,
    )


def _check_port(edge: Edge, port: Port) -> None:
    dtype = "uint8" if edge.storage is Storage.RAW_UINT8 else "int8"
    if port.dtype != dtype or math.prod(port.shape) != edge.values:
        raise ProgramError(f"port '{port.name}' is {port.dtype} of {port.shape}; the program has {dtype} of {edge.values} values")


def write_tflite(
    program_bytes: bytes, program: Program, inputs: Sequence[Port], outputs: Sequence[Port], meta: Mapping[str, str] | None = None
) -> bytes:
    """A .tflite of one DQA operator; `program_bytes` is write(program), `meta` goes into its description.

    Raises ProgramError where ports and program do not belong together.
    """
    if (len(inputs), len(outputs)) != (program.input_count, program.output_count):
        raise ProgramError("not one port for each input and output of the program")
    for edge, port in zip((*program.inputs, *program.outputs), (*inputs, *outputs), strict=True):
        _check_port(edge, port)
    model = TfliteBuilder()
    tensors = [model.tensor(port.name, [1, *port.shape], port.dtype, port=port) for port in (*inputs, *outputs)]
    ends = tensors[: len(inputs)], tensors[len(inputs) :]
    model.dqa(program_bytes, program, *ends)
    return model.finish(*ends, describe(meta or {}))


def describe(meta: Mapping[str, str]) -> str:
    """The description of a file."""
    return "; ".join(["dqa", *(f"{key}: {value}" for key, value in sorted(meta.items()))])
