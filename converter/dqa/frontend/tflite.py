"""Reads a float32 .tflite into a Graph, operator by operator, before any pass.

What is checked here: the flatbuffer's structure, types, sizes of constants, tensor numbers, the order of the operators,
and that every operator's output has the shape its inputs and options give.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence

import numpy as np

from dqa.errors import ModelError
from dqa.frontend.largest import scores_of
from dqa.frontend.names import layer_name
from dqa.frontend.options import Request
from dqa.frontend.signature import Signature, read_signature
from dqa.graph.edit import add_constant
from dqa.graph.model import Graph, Op, Tensor
from dqa.graph.shapes import output_shape
from dqa.operators.registry import FLOATS, float_operator
from dqa.support.arrays import Array
from dqa.support.limits import MAX_ENDS
from dqa.tflite import schema
from dqa.tflite.flatbuffer import FlatbufferError, Table

MAX_ELEMENTS = 1 << 28
IDENTIFIER = b"TFL3"
CORRUPT_HINT = "the file is corrupt or not made by a TensorFlow Lite converter"
UNSUPPORTED_HINT = "docs/models.md lists what is supported: replace the layer by others"
FREEZE_HINT = "give the Keras file, or freeze the model: convert it with TFLiteConverter.from_keras_model or from_saved_model"
WHOLE = ("INT32", "INT64", "BOOL")
WHOLE_HINT = "end the model with the scores, or with an argmax over their last axis: the device takes the largest"
FLOAT_HINT = "give the float32 model: the Keras file, or a .tflite converted without optimizations"


def read_model(
    data: bytes, source: str, layers: Collection[str] = (), outputs: Sequence[str] = (), *, marks: bool = False
) -> tuple[Graph, Signature | None]:
    """The network of a .tflite, its outputs in the order of its signature, and that signature if it has one that fits.

    layers, outputs: what the model that the file was converted from calls its layers and its outputs, for messages.
    marks: custom operators may be those of dqa.frontend.keras_recurrent.
    Raises ModelError, naming `source`, if the file is corrupt or not a float32 network with batch 1.
    """
    if data[4:8] != IDENTIFIER:
        raise ModelError(f"{source}: not a TensorFlow Lite model", hint="a .tflite has 'TFL3' at its bytes 4..7")
    try:
        reader = _Reader(data, source, layers, outputs, marks)
        return reader.graph(), reader.signature
    except FlatbufferError as error:
        raise corrupt(source, error) from error


def corrupt(source: str, error: FlatbufferError) -> ModelError:
    """What is said of a file whose structure is damaged."""
    return ModelError(f"{source}: corrupt TensorFlow Lite model: {error}", hint="convert or download the file again")


class _Reader:
    def __init__(self, data: bytes, source: str, layers: Collection[str], outputs: Sequence[str], marks: bool) -> None:
        self.source, self.layers, self.output_names, self.marks = source, layers, outputs, marks
        self.model = Table.root(data)
        self.buffers = self.model.tables(4)
        subgraphs = self.model.tables(2)
        if len(subgraphs) != 1:
            raise self._error(
                f"has {len(subgraphs)} subgraphs, expected 1",
                "models with control flow (if, while) cannot be converted; of recurrent layers give the Keras file",
            )
        self.subgraph = subgraphs[0]
        self.signature: Signature | None = None
        self.tensors: dict[int, Tensor] = {}
        self.types: dict[int, int] = {}
        self.variables = set[int]()

    def graph(self) -> Graph:
        for index, table in enumerate(self.subgraph.tables(0)):
            self.tensors[index] = self._tensor(index, table)
        inputs, outputs = self.subgraph.integers(1), self.subgraph.integers(2)
        self.signature = read_signature(self.model, inputs, outputs)
        if self.signature is not None:
            outputs = list(self.signature.outputs.values())
            inputs = list(self.signature.inputs.values())
        self._check_inputs(inputs)
        graph = Graph(self.tensors, [], inputs, outputs)
        codes = [self._operator_name(table) for table in self.model.tables(1)]
        ready = {index for index, tensor in self.tensors.items() if tensor.is_constant} | set(inputs)
        for number, table in enumerate(self.subgraph.tables(3)):
            op = self._operator(graph, number, table, codes, ready)
            ready.update(op.outputs)
            if op.kind == "DEQUANTIZE" and (data := self.tensors[op.inputs[0]].data) is not None:
                self.tensors[op.outputs[0]].data = data  # half-precision weights, read as float32 already
            else:
                graph.ops.append(op)
        if missing := [index for index in outputs if index not in ready]:
            raise self._error(f"output tensor {missing[0]} is written by no operator")
        self._to_scores(graph)
        self._check_outputs(inputs, graph.outputs)
        return graph

    def _to_scores(self, graph: Graph) -> None:
        """Outputs that name the largest of some scores become these."""
        for place, output in enumerate(graph.outputs):
            try:
                scores = scores_of(graph, output)
            except ValueError as error:
                raise self._error(f"output '{self._output_name(place, output)}' is an argmax {error}", WHOLE_HINT) from error
            if scores is not None:
                graph.outputs[place] = scores
                graph.argmax = (*graph.argmax, place)

    def _error(self, what: str, hint: str = CORRUPT_HINT) -> ModelError:
        return ModelError(f"{self.source}: {what}", hint=hint)

    def _tensor(self, index: int, table: Table) -> Tensor:
        name = table.string(3) or f"tensor_{index}"
        kind = table.integer(1, "<b")
        self.types[index] = kind
        if schema.TYPES.get(kind) in ("RESOURCE", "VARIANT"):
            raise self._error(f"'{name}' is a variable of TensorFlow that the file does not hold: the model is not frozen", FREEZE_HINT)
        if kind not in schema.NUMPY_TYPES:
            what = "quantized" if kind in schema.QUANTIZED_TYPES else "not float32"
            raise self._error(f"the model is {what}: tensor '{name}' is {schema.TYPES.get(kind, kind)}", FLOAT_HINT)
        if table.flag(5):
            self.variables.add(index)
        if table.table(6) is not None:
            raise self._error(f"tensor '{name}' is sparse", "models with sparse weights cannot be converted")
        shape = tuple(table.integers(0))
        if any(size < 1 for size in shape) or math.prod(shape) > MAX_ELEMENTS:
            raise self._error(f"tensor '{name}' has shape {shape}")
        return Tensor(index, name, shape, self._constant(name, shape, kind, table.integer(2, "<I")))

    def _constant(self, name: str, shape: tuple[int, ...], kind: int, buffer: int) -> Array | None:
        if buffer >= len(self.buffers):
            raise self._error(f"tensor '{name}' refers to buffer {buffer} of {len(self.buffers)}")
        if self.buffers[buffer].integer(1, "<Q") > 1:
            raise self._error(f"the weights of '{name}' lie outside the flatbuffer", "models of more than 2 GB cannot be converted")
        raw = self.buffers[buffer].array(0)
        if raw.size == 0:
            return None
        dtype = schema.NUMPY_TYPES[kind]
        if raw.size != math.prod(shape) * dtype.itemsize:
            raise self._error(f"constant '{name}' has {raw.size} bytes, its shape {shape} needs {math.prod(shape) * dtype.itemsize}")
        data: Array = raw.view(dtype).reshape(shape)
        if data.dtype.kind != "f":
            return data
        if not np.isfinite(data).all():
            raise self._error(f"constant '{name}' holds NaN or infinity", "train or export the model again")
        return data.astype(np.float32)

    def _output_name(self, place: int, output: int) -> str:
        known = self.output_names or (list(self.signature.outputs) if self.signature is not None else [])
        return known[place] if place < len(known) else self.tensors[output].name

    def _check_inputs(self, inputs: list[int]) -> None:
        if not 1 <= len(inputs) <= MAX_ENDS or len(set(inputs)) != len(inputs):
            raise self._error(f"the model has {len(inputs)} inputs, expected 1 to {MAX_ENDS}", "pack values into fewer inputs")
        for index in inputs:
            self._check_end("input", index, "")

    def _check_outputs(self, inputs: list[int], outputs: list[int]) -> None:
        if not outputs:
            raise self._error("the model has no output")
        known = self.output_names or (list(self.signature.outputs) if self.signature is not None else [f"tensor {i}" for i in outputs])
        for index in outputs:
            names = " and ".join(f"'{name}'" for name, tensor in zip(known, outputs, strict=False) if tensor == index)
            if index in inputs:
                raise self._error(f"output {names} is the input itself", "build the model without that output")
            if outputs.count(index) > 1:
                raise self._error(f"outputs {names} are the same", "build the model with one of them")
        for place, index in enumerate(outputs):
            self._check_end("output", index, known[place] if place < len(known) else "")

    def _check_end(self, what: str, index: int, own: str) -> None:
        if index not in self.tensors or self.tensors[index].is_constant:
            raise self._error(f"{what} tensor {index} does not exist or is a constant")
        tensor = self.tensors[index]
        where = f"{what} '{own or tensor.name}'"
        if schema.TYPES[self.types[index]] != "FLOAT32":
            kind = schema.TYPES[self.types[index]]
            raise self._error(f"{where} is {kind}, expected FLOAT32", WHOLE_HINT if what == "output" and kind in WHOLE else FLOAT_HINT)
        if len(tensor.shape) > 4:
            raise self._error(f"{where} has shape {tensor.shape}, of more than 4 dimensions", UNSUPPORTED_HINT)
        if not tensor.shape or tensor.shape[0] != 1:
            raise self._error(f"{where} has shape {tensor.shape}, expected a batch of 1", "export the model with batch size 1")

    def _operator_name(self, code: Table) -> str:
        number = max(code.integer(0, "<b"), code.integer(3))
        if number == schema.CUSTOM:
            name = code.string(1) or "unnamed"
            return name if self.marks and float_operator(name).marks else f"CUSTOM:{name}"
        return schema.OPERATORS.get(number, f"OPERATOR_{number}")

    def _operator(self, graph: Graph, number: int, table: Table, codes: list[str], ready: set[int]) -> Op:
        opcode = table.integer(0, "<I")
        if opcode >= len(codes):
            raise self._error(f"operator {number} refers to operator code {opcode} of {len(codes)}")
        kind = codes[opcode]
        inputs, outputs = table.integers(1), table.integers(2)
        begins_with = float_operator(kind).states
        for place, index in enumerate(inputs):
            if index in self.variables and place in begins_with:
                continue  # a state, which begins with zeros
            if index in self.variables:
                raise self._error(f"tensor '{self.tensors[index].name}' is a variable", "models with state cannot be converted")
            if index != -1 and index not in ready:
                raise self._error(f"operator {number} ({kind}) reads tensor {index} before it is written")
        if not outputs or any(index not in self.tensors or index in ready for index in outputs) or len(set(outputs)) != len(outputs):
            raise self._error(f"operator {number} ({kind}) writes tensors {outputs}, which are missing or written already")
        op = Op(kind, self.tensors[outputs[0]].name, [index for index in inputs if index != -1], outputs)
        if kind in FLOATS and (len(outputs) == 1 or FLOATS[kind].parts):
            if not inputs or inputs[0] == -1:
                raise self._error(f"operator {number} ({kind}) has no input")
            options = table.table(4)
            request = Request([None if i == -1 else self.tensors[i] for i in inputs], self.tensors[outputs[0]], options)
            try:
                op.attrs, kept, bias = FLOATS[kind].read(request)
                op.inputs = kept
                if bias is not None:
                    op.inputs = [*kept, add_constant(graph, f"{op.name}/bias", bias)]
                for data in op.attrs.pop("constants", ()):
                    op.inputs.append(add_constant(graph, f"{op.name}/weights", data))
                op.kind = FLOATS[kind].becomes or kind
                expected = output_shape(op, graph)
            except (ValueError, IndexError, ZeroDivisionError, OverflowError) as error:
                raise self._refusal(op, number, str(error)) from error
            actual = self.tensors[outputs[0]].shape
            if expected is not None and _essence(op.kind, expected) != _essence(op.kind, actual):
                raise self._error(f"{self._layer(op, number)} has output shape {actual}, expected {expected}")
        return op

    def _layer(self, op: Op, number: int) -> str:
        layer = layer_name(op.name, self.layers) or op.name.split(";")[0]
        return f"layer '{layer}' (operator {number}, {op.kind})"

    def _refusal(self, op: Op, number: int, why: str) -> ModelError:
        """More dimensions than DQA has are a reason of their own: what the operator does with them is not."""
        shapes = [self.tensors[index].shape for index in (*op.inputs, *op.outputs) if not self.tensors[index].is_constant]
        if large := [shape for shape in shapes if len(shape) > 4]:
            return self._error(f"{self._layer(op, number)} works on shape {large[0]}, of more than 4 dimensions", UNSUPPORTED_HINT)
        return self._error(f"{self._layer(op, number)}: {why}", UNSUPPORTED_HINT if self.layers else CORRUPT_HINT)


def _essence(kind: str, shape: tuple[int, ...]) -> list[int]:
    """What two shapes must have in common: dimensions other than 1, or just the size where the operator changes the shape."""
    return [math.prod(shape)] if float_operator(kind).free_shape else [size for size in shape if size != 1]
