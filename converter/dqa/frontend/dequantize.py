"""Reads a quantized .tflite as the float network that it stands for: x = scale * (q - zero point), at every tensor.

Post-training quantization and quantization-aware training give such files, with int8 (uint8, int16) activations or with int8 weights alone
(https://www.tensorflow.org/lite/performance/quantization_spec). The float network keeps the file's tensor numbers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

from dqa.errors import ModelError
from dqa.support.arrays import Array, Float32
from dqa.tflite import schema as names
from dqa.tflite.flatbuffer import Table
from dqa.tflite.writer import AlignedBuffer

HINT = "give the float model that was quantized: the Keras file, or a .tflite converted without optimizations"
_TYPES: dict[int, np.dtype[Any]] = {
    schema.TensorType.INT8: np.dtype(np.int8),
    schema.TensorType.UINT8: np.dtype(np.uint8),
    schema.TensorType.INT16: np.dtype(np.int16),
    schema.TensorType.INT32: np.dtype(np.int32),
    schema.TensorType.INT64: np.dtype(np.int64),
}
_FLOAT = schema.TensorType.FLOAT32
_IDENTITIES = {schema.BuiltinOperator.QUANTIZE, schema.BuiltinOperator.DEQUANTIZE, schema.BuiltinOperator.FAKE_QUANT}
_SUMS = {
    schema.BuiltinOperator.CONV_2D: (0, 1, 2),
    schema.BuiltinOperator.DEPTHWISE_CONV_2D: (0, 1, 2),
    schema.BuiltinOperator.FULLY_CONNECTED: (0, 1, 2),
    schema.BuiltinOperator.TRANSPOSE_CONV: (2, 1, 3),
}
"""Operators with a bias: the places of input, weights and bias. A bias without a scale has that of the sums."""
_SIX = 6.0


@dataclass(frozen=True)
class Quantized:
    """What a quantized file says of its activations.

    ranges: lowest and highest real value of each, by tensor number. entries: type, scale and zero point of the inputs that are of
    integers, by tensor number.
    """

    ranges: dict[int, tuple[float, float]]
    entries: dict[int, tuple[str, float, int]]


def is_quantized(data: bytes) -> bool:
    """Whether a tensor of the file holds quantized values. Raises FlatbufferError for what is corrupt."""
    return any(table.integer(1, "<b") in names.QUANTIZED_TYPES for graph in Table.root(data).tables(2) for table in graph.tables(0))


def dequantize(data: bytes, source: str) -> tuple[bytes, Quantized]:
    """The float .tflite of a quantized one that LiteRT has run, and what that said of its activations.

    Raises ModelError, naming `source`, for quantization that cannot be read as scales and zero points.
    """
    try:
        model = schema.ModelT.InitFromPackedBuf(data)
        work = _Dequantizer(model, source)
        found = work.run()
        builder = flatbuffers.Builder(1024)
        builder.Finish(model.Pack(builder), b"TFL3")
    except ModelError:
        raise
    except Exception as error:  # the generated code says what is damaged in many ways
        raise ModelError(f"{source}: damaged quantization or options: {error}", hint="convert or download the file again") from error
    return bytes(builder.Output()), found


class _Dequantizer:
    def __init__(self, model: Any, source: str) -> None:
        self.model, self.source = model, source
        self.graph = model.subgraphs[0]
        self.tensors = self.graph.tensors
        self.scales = {number: _parameters(tensor) for number, tensor in enumerate(self.tensors)}
        self.buffers = list(model.buffers)

    def run(self) -> Quantized:
        operators = self.graph.operators
        for op in operators:
            self._bias_scale(op)
            self._clamp(op)
        entries = {int(number): entry for number in self.graph.inputs if (entry := self._entry(int(number))) is not None}
        ranges = {number: found for number, tensor in enumerate(self.tensors) if (found := self._range(number, tensor)) is not None}
        for number, tensor in enumerate(self.tensors):
            self._widen(number, tensor)
        self._drop_identities()
        self.model.buffers = [
            AlignedBuffer(data=_bytes(buffer.data)) if _bytes(buffer.data) else AlignedBuffer() for buffer in self.buffers
        ]
        return Quantized(ranges, entries)

    def _error(self, what: str) -> ModelError:
        return ModelError(f"{self.source}: {what}", hint=HINT)

    def _name(self, number: int) -> str:
        name = self.tensors[number].name
        return name.decode("utf-8", "replace") if isinstance(name, bytes) else str(name)

    def _kind(self, op: Any) -> int:
        code = self.model.operatorCodes[op.opcodeIndex]
        return max(int(code.builtinCode), int(code.deprecatedBuiltinCode))

    def _data(self, number: int) -> Array | None:
        tensor = self.tensors[number]
        raw = _bytes(self.model.buffers[tensor.buffer].data)
        shape = [int(size) for size in tensor.shape] if tensor.shape is not None else []
        if not raw:
            return None
        if tensor.type == schema.TensorType.INT4:
            pairs = np.frombuffer(raw, np.int8)
            both = np.stack([pairs << 4 >> 4, pairs >> 4], -1).reshape(-1)
            return both[: int(np.prod(shape))].reshape(shape)
        return np.frombuffer(raw, _TYPES[tensor.type].newbyteorder("<")).reshape(shape)

    def _bias_scale(self, op: Any) -> None:
        places = _SUMS.get(self._kind(op))
        if places is None or len(op.inputs) <= places[2] or (bias := int(op.inputs[places[2]])) < 0:
            return
        if self.scales[bias] is not None or self.tensors[bias].type not in (schema.TensorType.INT32, schema.TensorType.INT64):
            return
        x, weights = self.scales[int(op.inputs[places[0]])], self.scales[int(op.inputs[places[1]])]
        if x is None or weights is None:
            raise self._error(f"bias '{self._name(bias)}' is of integers without a scale")
        self.scales[bias] = x[0] * weights[0], np.zeros(1), 0

    def _clamp(self, op: Any) -> None:
        """Where a sum's lowest code is 0, it is clamped there: a ReLU that the file need not spell out."""
        options, output = op.builtinOptions, int(op.outputs[0])
        kinds = (*_SUMS, schema.BuiltinOperator.ADD)
        if self._kind(op) not in kinds or getattr(options, "fusedActivationFunction", None) != schema.ActivationFunctionType.NONE:
            return
        found = self._range(output, self.tensors[output])
        if found is not None and found[0] == 0:
            six = abs(found[1] - _SIX) < _SIX / 1000
            functions = schema.ActivationFunctionType
            options.fusedActivationFunction = functions.RELU6 if six else functions.RELU

    def _entry(self, number: int) -> tuple[str, float, int] | None:
        tensor, found = self.tensors[number], self.scales[number]
        if tensor.type == _FLOAT or tensor.type not in _TYPES or found is None:
            return None
        return _TYPES[tensor.type].name, float(found[0][0]), int(found[1][0])

    def _range(self, number: int, tensor: Any) -> tuple[float, float] | None:
        found = self.scales[number]
        if found is None or tensor.type not in _TYPES or _bytes(self.model.buffers[tensor.buffer].data):
            return None
        limits = np.iinfo(_TYPES[tensor.type].name)
        scale, zero = float(found[0][0]), float(found[1][0])
        return (limits.min - zero) * scale, (limits.max - zero) * scale

    def _widen(self, number: int, tensor: Any) -> None:
        quantized = tensor.type in names.QUANTIZED_TYPES
        found = self.scales[number]
        if not quantized and (found is None or tensor.type not in _TYPES):
            tensor.quantization = None
            return
        if tensor.type not in _TYPES and tensor.type != schema.TensorType.INT4:
            raise self._error(f"tensor '{self._name(number)}' is {names.TYPES[tensor.type]}, which is not read")
        if found is None:
            raise self._error(f"tensor '{self._name(number)}' is {names.TYPES[tensor.type]} without a scale")
        if tensor.isVariable:
            raise self._error(f"tensor '{self._name(number)}' is a state that the network keeps")
        data = self._data(number)
        tensor.type, tensor.quantization = _FLOAT, None
        if data is not None:
            tensor.buffer = len(self.buffers)
            self.buffers.append(schema.BufferT(data=np.frombuffer(_real(data, *found).tobytes(), np.uint8)))

    def _drop_identities(self) -> None:
        """What only changes the type of a value is gone: its readers read what it read."""
        same: dict[int, int] = {}
        kept = []
        for op in self.graph.operators:
            op.inputs = np.array([same.get(int(t), int(t)) for t in op.inputs], np.int32)
            if self._kind(op) in _IDENTITIES and not self._half(int(op.inputs[0])):
                same[int(op.outputs[0])] = int(op.inputs[0])
            else:
                kept.append(op)
        self.graph.operators = kept
        self.graph.outputs = np.array([same.get(int(t), int(t)) for t in self.graph.outputs], np.int32)
        for signature in self.model.signatureDefs or []:
            for end in signature.outputs or []:
                end.tensorIndex = same.get(end.tensorIndex, end.tensorIndex)

    def _half(self, number: int) -> bool:
        return bool(self.tensors[number].type == schema.TensorType.FLOAT16)


def _bytes(data: Any) -> bytes:
    return b"" if data is None or len(data) == 0 else np.asarray(data, np.uint8).tobytes()


def _parameters(tensor: Any) -> tuple[Array, Array, int] | None:
    """Scales, zero points, and the axis they run along; None: the tensor has none."""
    found = tensor.quantization
    if found is None or found.scale is None or len(found.scale) == 0:
        return None
    scale = np.asarray(found.scale, np.float64)
    if not np.all(np.isfinite(scale) & (scale >= 0)):
        raise ModelError(f"scales of '{tensor.name}' are not positive numbers", hint=HINT)
    zero = np.zeros(1) if found.zeroPoint is None or len(found.zeroPoint) == 0 else np.asarray(found.zeroPoint, np.float64)
    return scale, zero, int(found.quantizedDimension)


def _real(data: Array, scale: Array, zero: Array, axis: int) -> Float32:
    def along(values: Array) -> Array:
        return values.reshape([-1 if place == axis else 1 for place in range(data.ndim)]) if len(values) > 1 else values

    return np.asarray((data.astype(np.float64) - along(zero)) * along(scale), np.float32)
