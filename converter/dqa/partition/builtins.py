"""The operators that stay TFLite builtins, quantized to int8 by the library ai-edge-quantizer."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

from dqa.calibration.quiet import quiet_stderr
from dqa.errors import ModelError, ToolError
from dqa.graph import Graph
from dqa.lowering.supported import why_not
from dqa.operators.registry import float_operator
from dqa.partition.extract import Extract, tensor_name
from dqa.partition.partition import builtins
from dqa.quantization.calibrated import BorderFormat
from dqa.quantization.formats import Reason
from dqa.tflite.schema import OPERATORS, TYPES

Range = tuple[float, float]
PACKAGE = "ai-edge-quantizer"
_FLOAT = schema.TensorType.FLOAT32


@dataclass(frozen=True, eq=False)
class QuantizedBuiltins:
    """An int8 model of the builtins: its subgraph, the constants of its tensors, and its operator codes.

    ends: number in this model of the graph's tensors that cross its border, by number in the graph. formats: their formats.
    """

    subgraph: Any
    constants: Mapping[int, bytes]
    codes: list[Any]
    ends: Mapping[int, int]
    formats: Mapping[int, BorderFormat]


def quantize(part: Extract, ranges: Mapping[int, Range], graph: Graph, origin: Mapping[int, int]) -> QuantizedBuiltins:
    """Weights to int8 per channel, activations to int8 by their ranges: lowest and highest value of each tensor of part.ranged.

    graph, origin: as for `extract`. The same arguments give the same result.
    Raises ModelError, naming the layer, where an operator cannot be int8; ToolError if ai-edge-quantizer is not installed.
    """
    data = _run(part, ranges)
    model = schema.ModelT.InitFromPackedBuf(data)
    subgraph = model.subgraphs[0]
    _check_integers(part, model, graph)
    read = {origin.get(t, t): t for op, _ in builtins(graph) for t in op.inputs if not graph.tensors[t].is_constant}
    ends = {read[t]: int(number) for t, number in zip(part.inputs, subgraph.inputs, strict=True)}
    ends |= {t: int(number) for t, number in zip(part.outputs, subgraph.outputs, strict=True)}
    constants = {}
    for number, tensor in enumerate(subgraph.tensors):
        buffer = model.buffers[tensor.buffer]
        if buffer.data is not None and len(buffer.data):
            constants[number] = np.asarray(buffer.data, np.uint8).tobytes()
        elif buffer.offset > 1:  # constants of large models come after the flatbuffer
            constants[number] = data[buffer.offset : buffer.offset + buffer.size]
    formats = {t: _format(graph, t, subgraph.tensors[number]) for t, number in ends.items()}
    return QuantizedBuiltins(subgraph, constants, model.operatorCodes, ends, formats)


def _run(part: Extract, ranges: Mapping[int, Range]) -> bytes:
    try:
        from ai_edge_quantizer import quantizer, recipe
    except ImportError:
        names = ", ".join(sorted({op.kind for op in part.layers.values()}))
        hint = 'pip install "dqa-convert[builtins]"'
        raise ToolError(f"operators that stay TFLite builtins ({names}) need the package {PACKAGE}", hint=hint) from None
    builder = flatbuffers.Builder(1024)
    builder.Finish(part.model.Pack(builder), b"TFL3")
    seen = {tensor_name(t): {"min": _array(low), "max": _array(high)} for t, (low, high) in ranges.items()}
    try:
        with warnings.catch_warnings(), quiet_stderr():
            warnings.simplefilter("ignore")
            worker = quantizer.Quantizer(bytearray(builder.Output()), recipe.static_wi8_ai8())
            return bytes(worker.quantize(seen, enable_progress_bar=False, enable_progress_report=False).quantized_model)
    except Exception as error:  # whatever the library does not expect of a model
        names = ", ".join(dict.fromkeys(f"'{op.name}' ({op.kind})" for op in part.layers.values()))
        raise ModelError(f"cannot convert {names}: {PACKAGE} says: {error}", hint="docs/models.md lists what is supported") from error


def _array(value: float) -> Any:
    return np.array([value], np.float32)


def _check_integers(part: Extract, model: Any, graph: Graph) -> None:
    """Refuses a model in which an operator still works on floats."""
    subgraph = model.subgraphs[0]
    for op in subgraph.operators:
        kind = OPERATORS[model.operatorCodes[op.opcodeIndex].builtinCode]
        # The quantizer surrounds an operator it leaves in floats with these.
        if kind not in ("QUANTIZE", "DEQUANTIZE") and any(subgraph.tensors[t].type == _FLOAT for t in [*op.inputs, *op.outputs] if t >= 0):
            layer = part.layers.get(subgraph.tensors[op.outputs[0]].name.decode())
            reason = f" ({why_not(graph, layer)})" if layer is not None and float_operator(kind).lowers else ""
            raise ModelError(
                f"cannot convert layer '{layer.name if layer else '?'}' ({kind}): neither DQA{reason} nor {PACKAGE} has it at int8",
                hint="docs/models.md lists what is supported",
            )


def _format(graph: Graph, tensor: int, quantized: Any) -> BorderFormat:
    if quantized.type != schema.TensorType.INT8 or len(quantized.quantization.scale) != 1:
        producer = graph.producer(tensor)
        layer = f"layer '{producer.name}' ({producer.kind})" if producer is not None else f"tensor '{graph.tensors[tensor].name}'"
        kind = TYPES.get(quantized.type, quantized.type)
        raise ModelError(f"cannot convert {layer}: its output is {kind}; DQA operators read INT8", hint="see docs/models.md")
    channels = graph.tensors[tensor].hwc[2]
    scale, zero = float(quantized.quantization.scale[0]), float(quantized.quantization.zeroPoint[0])
    return BorderFormat("int8", np.full(channels, scale), np.full(channels, zero), Reason.BORDER)
