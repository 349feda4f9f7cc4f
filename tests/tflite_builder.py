"""Writes small float .tflite files for tests, operator by operator, without TensorFlow."""

from __future__ import annotations

from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter

_TYPES = {
    "float32": schema.TensorType.FLOAT32,
    "float16": schema.TensorType.FLOAT16,
    "int32": schema.TensorType.INT32,
    "int8": schema.TensorType.INT8,
    "bool": schema.TensorType.BOOL,
    "resource": schema.TensorType.RESOURCE,
}


def options(name: str, **fields: Any) -> tuple[int, Any]:
    """Builtin options by class name: options("Conv2DOptions", strideW=1)."""
    table = getattr(schema, name + "T")()
    for field, value in fields.items():
        assert hasattr(table, field), field
        setattr(table, field, value)
    return getattr(schema.BuiltinOptions, name), table


class Net:
    """A network under construction; methods give tensor numbers."""

    def __init__(self, *input_shape: int, seed: int = 1) -> None:
        self.model = schema.ModelT()
        self.model.version = 3
        self.model.operatorCodes, self.model.buffers = [], [schema.BufferT()]
        self.graph = schema.SubGraphT()
        self.graph.tensors, self.graph.operators = [], []
        self.model.subgraphs = [self.graph]
        self.random = np.random.default_rng(seed)
        self.input = self.tensor(input_shape)
        self.inputs = [self.input]

    def another_input(self, *shape: int) -> int:
        self.inputs.append(self.tensor(shape))
        return self.inputs[-1]

    def tensor(self, shape: tuple[int, ...], data: np.ndarray | None = None, dtype: str = "float32") -> int:
        tensor = schema.TensorT()
        tensor.shape, tensor.name = list(shape), f"t{len(self.graph.tensors)}"
        tensor.type = _TYPES[data.dtype.name if data is not None else dtype]
        buffer = schema.BufferT()
        if data is not None:
            buffer.data = np.frombuffer(data.tobytes(), np.uint8)
        self.model.buffers.append(buffer)
        tensor.buffer = len(self.model.buffers) - 1
        self.graph.tensors.append(tensor)
        return len(self.graph.tensors) - 1

    def constant(self, data: Any) -> int:
        data = np.asarray(data)
        data = data.astype({"f": np.float32, "i": np.int32}.get(data.dtype.kind, data.dtype)) if data.dtype != np.float16 else data
        return self.tensor(data.shape, data)

    def weights(self, *shape: int) -> int:
        return self.constant(self.random.normal(0, 0.5, shape))

    def shape(self, tensor: int) -> tuple[int, ...]:
        return tuple(self.graph.tensors[tensor].shape)

    def op(
        self, kind: str, inputs: list[int], shape: tuple[int, ...], option: tuple[int, Any] | None = None, dtype: str = "float32"
    ) -> int:
        code = schema.OperatorCodeT()
        number = getattr(schema.BuiltinOperator, kind)
        code.builtinCode, code.deprecatedBuiltinCode, code.version = number, min(number, 127), 1
        self.model.operatorCodes.append(code)
        op = schema.OperatorT()
        op.opcodeIndex, op.inputs = len(self.model.operatorCodes) - 1, inputs
        output = self.tensor(shape, dtype=dtype)
        op.outputs = [output]
        if option is not None:
            op.builtinOptionsType, op.builtinOptions = option
        self.graph.operators.append(op)
        return output

    def conv(self, x: int, out: int, kernel: int = 3, padding: str = "VALID", activation: str = "NONE", stride: int = 1) -> int:
        _, height, width, channels = self.shape(x)
        size = [(n - (kernel if padding == "VALID" else 1)) // stride + 1 for n in (height, width)]
        option = options("Conv2DOptions", padding=_padding(padding), strideH=stride, strideW=stride, **_activation(activation))
        return self.op("CONV_2D", [x, self.weights(out, kernel, kernel, channels), self.weights(out)], (1, *size, out), option)

    def dense(self, x: int, out: int) -> int:
        size = int(np.prod(self.shape(x)))
        return self.op("FULLY_CONNECTED", [x, self.weights(out, size), self.weights(out)], (1, out), options("FullyConnectedOptions"))

    def binary(self, kind: str, a: int, b: int, activation: str = "NONE") -> int:
        shape = np.broadcast_shapes(self.shape(a), self.shape(b))
        return self.op(kind, [a, b], shape, options(kind.capitalize() + "Options", **_activation(activation)))

    def unary(self, kind: str, x: int) -> int:
        return self.op(kind, [x], self.shape(x))

    def reshape(self, x: int, *shape: int) -> int:
        return self.op("RESHAPE", [x, self.constant(list(shape))], shape)

    def tile(self, x: int, *repeats: int) -> int:
        return self.op("TILE", [x, self.constant(list(repeats))], tuple(np.multiply(self.shape(x), repeats)))

    def pad(self, x: int, pairs: list[list[int]]) -> int:
        return self.op("PAD", [x, self.constant(pairs)], tuple(np.add(self.shape(x), np.sum(pairs, axis=1))), options("PadOptions"))

    def build(self, *outputs: int) -> bytes:
        self.graph.inputs, self.graph.outputs = list(self.inputs), list(outputs)
        builder = flatbuffers.Builder(1024)
        builder.Finish(self.model.Pack(builder), b"TFL3")
        return bytes(builder.Output())


def _padding(name: str) -> int:
    return int(getattr(schema.Padding, name))


def _activation(name: str) -> dict[str, int]:
    return {"fusedActivationFunction": int(getattr(schema.ActivationFunctionType, name))}


def run_litert(data: bytes, x: np.ndarray) -> np.ndarray:
    """Every sample's first output, by LiteRT's reference kernels."""
    from ai_edge_litert.interpreter import OpResolverType

    interpreter = Interpreter(model_content=data, experimental_op_resolver_type=OpResolverType.BUILTIN_REF)
    interpreter.allocate_tensors()
    entry, out = interpreter.get_input_details()[0]["index"], interpreter.get_output_details()[0]["index"]
    results = []
    for sample in x:
        interpreter.set_tensor(entry, sample[np.newaxis].astype(np.float32))
        interpreter.invoke()
        results.append(interpreter.get_tensor(out)[0])
    return np.array(results)
