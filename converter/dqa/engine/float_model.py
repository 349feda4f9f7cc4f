"""Writes operators of a float Graph as a float32 .tflite for LiteRT, which runs them an order of magnitude faster than numpy.

Unlike the file the graph was read from, any run of operators can be written, of any batch, with what passes and weight quantization
have changed since.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from ai_edge_litert import schema_py_generated as schema

from dqa.errors import ModelError
from dqa.graph import Graph, Op
from dqa.graph.functions import UNARY_KINDS
from dqa.lowering.tflite_writer import TfliteBuilder

FUSED = {"NONE", "RELU", "RELU6", "RELU_N1_TO_1"}
"""Activations that LiteRT's float kernels fuse."""


def write_float(graph: Graph, ops: Sequence[Op], inputs: Sequence[int], outputs: Sequence[int], batch: int) -> bytes:
    """A .tflite of `ops`, in order, from the tensors `inputs` to `outputs`, each with `batch` samples.

    Raises ModelError for an operator that cannot be written.
    """
    writer = _Writer(graph, batch)
    ends = [writer.tensor(index) for index in inputs]
    for op in ops:
        writer.add(op)
    return writer.model.finish(ends, [writer.tensor(index) for index in outputs], "dqa float")


class _Writer:
    def __init__(self, graph: Graph, batch: int) -> None:
        self.graph, self.batch = graph, batch
        self.model = TfliteBuilder()
        self._numbers: dict[int, int] = {}

    def tensor(self, index: int) -> int:
        """The file's number of a tensor of the graph."""
        if index not in self._numbers:
            tensor = self.graph.tensors[index]
            if tensor.data is not None:
                self._numbers[index] = self.constant(tensor.data.astype(np.float32))
            else:
                self._numbers[index] = self.made(tensor.shape)
        return self._numbers[index]

    def constant(self, data: npt.NDArray[Any]) -> int:
        return self.model.tensor("constant", data.shape, data.dtype.name, data=np.ascontiguousarray(data).tobytes())

    def integers(self, values: Sequence[Any]) -> int:
        return self.constant(np.asarray(values, np.int32))

    def made(self, shape: Sequence[int]) -> int:
        """A new activation; shape includes the graph's batch of 1."""
        return self.model.tensor("activation", [self.batch, *shape[1:]], "float32")

    def add(self, op: Op) -> None:
        handler = _HANDLERS.get(op.kind, _unary if op.kind in UNARY_KINDS else None)
        if handler is None:
            raise ModelError(f"layer '{op.name}': the float runner has no operator {op.kind}", hint="leave it out of the study's models")
        inputs, output = [self.tensor(index) for index in op.inputs], self.tensor(op.outputs[0])
        activation = op.attrs.get("activation", "NONE")
        if activation in FUSED:
            handler(self, op, inputs, output)
        else:
            before = self.made(self.graph.tensors[op.outputs[0]].shape)
            handler(self, op, inputs, before)
            self.model.builtin(activation, [before], [output])


def _fused(op: Op) -> int:
    activation = op.attrs.get("activation", "NONE")
    return int(getattr(schema.ActivationFunctionType, activation if activation in FUSED else "NONE"))


def _axis(op: Op, writer: _Writer, axis: int) -> int:
    """An axis of the NHWC view as one of the tensor itself, which may lack height and width."""
    return axis - (4 - len(writer.graph.tensors[op.inputs[0]].shape))


def _padding(op: Op, writer: _Writer, kernel: tuple[int, int]) -> int | None:
    """TFLite's word for an operator's pads, None if it has none."""
    attrs = op.attrs
    pads = [(attrs["pad_top"], attrs["pad_bottom"]), (attrs["pad_left"], attrs["pad_right"])]
    if pads == [(0, 0), (0, 0)]:
        return int(schema.Padding.VALID)
    same = []
    sides = zip(writer.graph.tensors[op.inputs[0]].hwc[:2], kernel, ("h", "w"), strict=True)
    for size, length, side in sides:
        stride, reach = attrs[f"stride_{side}"], (length - 1) * attrs.get(f"dilation_{side}", 1) + 1
        total = max((-(-size // stride) - 1) * stride + reach - size, 0)
        same.append((total // 2, total - total // 2))
    return int(schema.Padding.SAME) if pads == same else None


def _padded(writer: _Writer, op: Op, x: int, kernel: tuple[int, int]) -> tuple[int, int]:
    """The input of a convolution and its padding; pads TFLite has no word for become an operator of their own."""
    padding = _padding(op, writer, kernel)
    if padding is not None:
        return x, padding
    attrs, (height, width, channels) = op.attrs, writer.graph.tensors[op.inputs[0]].hwc
    top, bottom, left, right = (attrs[f"pad_{side}"] for side in ("top", "bottom", "left", "right"))
    padded = writer.made((1, height + top + bottom, width + left + right, channels))
    pads = writer.integers([(0, 0), (top, bottom), (left, right), (0, 0)])
    writer.model.builtin("PAD", [x, pads], [padded], schema.PadOptionsT())
    return padded, int(schema.Padding.VALID)


def _conv_2d(writer: _Writer, op: Op, inputs: list[int], output: int) -> None:
    kernel = writer.graph.tensors[op.inputs[1]].shape[1:3]
    x, padding = _padded(writer, op, inputs[0], (kernel[0], kernel[1]))
    a = op.attrs
    strides = {"strideH": a["stride_h"], "strideW": a["stride_w"], "padding": padding, "fusedActivationFunction": _fused(op)}
    dilation = {"dilationHFactor": a.get("dilation_h", 1), "dilationWFactor": a.get("dilation_w", 1)}
    if op.kind == "CONV_2D":
        writer.model.builtin("CONV_2D", [x, *inputs[1:]], [output], schema.Conv2DOptionsT(**strides, **dilation))
    else:
        multiplier = writer.graph.tensors[op.inputs[1]].shape[3] // writer.graph.tensors[op.inputs[0]].hwc[2]
        options = schema.DepthwiseConv2DOptionsT(**strides, **dilation, depthMultiplier=multiplier)
        writer.model.builtin(op.kind, [x, *inputs[1:]], [output], options, version=2)


def _pool(writer: _Writer, op: Op, inputs: list[int], output: int) -> None:
    a = op.attrs
    padding = _padding(op, writer, (a["kernel_h"], a["kernel_w"]))
    if padding is None:
        raise ModelError(f"layer '{op.name}': a pool with pads that are neither SAME nor VALID", hint="report this model")
    options = schema.Pool2DOptionsT(
        padding=padding,
        strideH=a["stride_h"],
        strideW=a["stride_w"],
        filterHeight=a["kernel_h"],
        filterWidth=a["kernel_w"],
        fusedActivationFunction=_fused(op),
    )
    writer.model.builtin(op.kind, inputs, [output], options)


def _fully_connected(writer: _Writer, op: Op, inputs: list[int], output: int) -> None:
    writer.model.builtin(op.kind, inputs, [output], schema.FullyConnectedOptionsT(fusedActivationFunction=_fused(op)))


def _binary(writer: _Writer, op: Op, inputs: list[int], output: int) -> None:
    options = getattr(schema, f"{op.kind.capitalize()}OptionsT")(fusedActivationFunction=_fused(op))
    writer.model.builtin(op.kind, inputs, [output], options)


def _concatenation(writer: _Writer, op: Op, inputs: list[int], output: int) -> None:
    options = schema.ConcatenationOptionsT(axis=_axis(op, writer, op.attrs["axis"]), fusedActivationFunction=_fused(op))
    writer.model.builtin(op.kind, inputs, [output], options)


def _pad(writer: _Writer, op: Op, inputs: list[int], output: int) -> None:
    dimensions = len(writer.graph.tensors[op.inputs[0]].shape)
    pads = op.attrs["paddings"][-dimensions:]
    writer.model.builtin("PAD", [inputs[0], writer.integers([(0, 0), *pads[1:]])], [output], schema.PadOptionsT())


def _mean(writer: _Writer, op: Op, inputs: list[int], output: int) -> None:
    axes = writer.integers([_axis(op, writer, axis) for axis in op.attrs["axes"]])
    keep = len(writer.graph.tensors[op.outputs[0]].shape) == len(writer.graph.tensors[op.inputs[0]].shape)
    writer.model.builtin("MEAN", [inputs[0], axes], [output], schema.ReducerOptionsT(keepDims=keep))


def _resize(writer: _Writer, op: Op, inputs: list[int], output: int) -> None:
    _, width, channels = writer.graph.tensors[op.inputs[0]].hwc
    rows, columns = op.attrs["rows"], op.attrs["columns"]
    tall = writer.made((1, len(rows), width, channels))
    writer.model.builtin("GATHER", [inputs[0], writer.integers(rows)], [tall], schema.GatherOptionsT(axis=1))
    writer.model.builtin("GATHER", [tall, writer.integers(columns)], [output], schema.GatherOptionsT(axis=2))


def _reshape(writer: _Writer, op: Op, inputs: list[int], output: int) -> None:
    shape = [writer.batch, *writer.graph.tensors[op.outputs[0]].shape[1:]]
    writer.model.builtin("RESHAPE", [inputs[0], writer.integers(shape)], [output], schema.ReshapeOptionsT(newShape=shape))


def _softmax(writer: _Writer, op: Op, inputs: list[int], output: int) -> None:
    writer.model.builtin("SOFTMAX", inputs, [output], schema.SoftmaxOptionsT(beta=op.attrs["beta"]))


def _tile(writer: _Writer, op: Op, inputs: list[int], output: int) -> None:
    writer.model.builtin("TILE", [inputs[0], writer.integers(op.attrs["repeats"])], [output], schema.TileOptionsT())


def _unary(writer: _Writer, op: Op, inputs: list[int], output: int) -> None:
    if op.kind == "SWISH":
        gate = writer.made(writer.graph.tensors[op.outputs[0]].shape)
        writer.model.builtin("LOGISTIC", inputs, [gate])
        writer.model.builtin("MUL", [inputs[0], gate], [output], schema.MulOptionsT())
    elif op.kind == "LEAKY_RELU":
        writer.model.builtin(op.kind, inputs, [output], schema.LeakyReluOptionsT(alpha=op.attrs["alpha"]))
    elif op.kind == "GELU":
        writer.model.builtin(op.kind, inputs, [output], schema.GeluOptionsT(approximate=op.attrs["approximate"]))
    else:
        writer.model.builtin(op.kind, inputs, [output])


_HANDLERS: dict[str, Callable[[_Writer, Op, list[int], int], None]] = {
    "CONV_2D": _conv_2d,
    "DEPTHWISE_CONV_2D": _conv_2d,
    "AVERAGE_POOL_2D": _pool,
    "MAX_POOL_2D": _pool,
    "FULLY_CONNECTED": _fully_connected,
    "CONCATENATION": _concatenation,
    "RESIZE_NEAREST_NEIGHBOR": _resize,
    "SOFTMAX": _softmax,
    "PAD": _pad,
    "MEAN": _mean,
    "TILE": _tile,
    **dict.fromkeys(("ADD", "SUB", "MUL", "DIV"), _binary),
    **dict.fromkeys(("RESHAPE", "SQUEEZE", "EXPAND_DIMS"), _reshape),
}
