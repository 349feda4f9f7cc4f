"""Reads the DQA programs out of a .tflite that nobody has checked yet."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from dqa.errors import ProgramError
from dqa.program import Edge, Program, Storage, read
from dqa.tflite.custom_options import OPERATOR_NAME, custom_options
from dqa.tflite.flatbuffer import FlatbufferError, Table
from dqa.tflite.schema import CUSTOM, OPERATORS
from dqa.tflite.writer import ALIGNMENT, SCHEMA_VERSION, TYPES

HINT = "the file is damaged or was not written by dqa; convert the model again"


@dataclass(frozen=True, eq=False)
class Group:
    """A DQA operator: its program, and the numbers of its input and output tensors."""

    program_bytes: bytes
    program: Program
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Contents:
    """What a .tflite of dqa holds.

    groups: its DQA operators, in order. builtins: how many other operators there are. kinds: the kinds of these, each once, by the names of
    the schema. inputs, outputs: bytes of each input and output of the model. activations: elements of all tensors that are not constant.
    """

    groups: tuple[Group, ...]
    builtins: int
    kinds: tuple[str, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    activations: int


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise ProgramError(message)


class _Reader:
    """One model; the slots are those of the TFLite schema."""

    def __init__(self, data: bytes) -> None:
        _require(len(data) >= 8 and data[4:8] == b"TFL3", "not a .tflite file")
        self.address = np.frombuffer(data, np.uint8).ctypes.data
        model = Table.root(data)
        _require(model.integer(0, "<I") == SCHEMA_VERSION, "not a .tflite of schema version 3")
        subgraphs, self.buffers = model.tables(2), model.tables(4)
        _require(len(subgraphs) == 1, f"{len(subgraphs)} subgraphs; expected one")
        self.tensors, self.operators = subgraphs[0].tables(0), subgraphs[0].tables(3)
        self.inputs, self.outputs = subgraphs[0].integers(1), subgraphs[0].integers(2)
        # the older of the two fields of a code is a byte
        self.codes = [(max(code.integer(0, "<b"), code.integer(3)), code.string(1)) for code in model.tables(1)]
        _require(all(0 <= i < len(self.tensors) for i in (*self.inputs, *self.outputs)), "a tensor that does not exist")
        for op in self.operators:
            absent = () if self._is_dqa(op) else (-1,)  # builtins may lack an input
            inputs = (i for i in op.integers(1) if i not in absent)
            _require(all(0 <= i < len(self.tensors) for i in (*inputs, *op.integers(2))), "a tensor that does not exist")

    def contents(self) -> Contents:
        found = tuple(self._group(op) for op in self.operators if self._is_dqa(op))
        _require(bool(found), "no DQA operator")
        inputs, outputs = (tuple(map(self._end_bytes, ends)) for ends in (self.inputs, self.outputs))
        changing = {i for op in self.operators for i in op.integers(2)}.union(self.inputs)
        elements = sum(math.prod(self.tensors[i].integers(0)) for i in changing)
        kinds = sorted({self._kind(op) for op in self.operators if not self._is_dqa(op)})
        return Contents(found, len(self.operators) - len(found), tuple(kinds), inputs, outputs, elements)

    def _is_dqa(self, op: Table) -> bool:
        index = op.integer(0, "<I")
        _require(index < len(self.codes), "an operator code that does not exist")
        return self.codes[index] == (CUSTOM, OPERATOR_NAME)

    def _kind(self, op: Table) -> str:
        code, name = self.codes[op.integer(0, "<I")]
        _require(code in OPERATORS and code != CUSTOM, f"operator {name or code}, which TensorFlow Lite does not have")
        return OPERATORS[code]

    def _group(self, op: Table) -> Group:
        *inputs, constant = op.integers(1) or [-1]
        outputs = op.integers(2)
        _require(constant >= 0, "a DQA operator without a program")
        program_bytes = self._constant(constant)
        program = read(program_bytes)
        options = op.array(5).tobytes()
        _require(options == custom_options(program_bytes, program), "the custom options are not those of the program")
        _require((len(inputs), len(outputs)) == (program.input_count, program.output_count), "too many or too few tensors")
        for edge, tensor in zip((*program.inputs, *program.outputs), (*inputs, *outputs), strict=True):
            self._check_end(edge, tensor)
        return Group(program_bytes, program, tuple(inputs), tuple(outputs))

    def _constant(self, number: int) -> bytes:
        """The bytes of a constant uint8 tensor."""
        tensor = self.tensors[number]
        buffer = tensor.integer(2, "<I")
        _require(0 < buffer < len(self.buffers), "the program's tensor has no buffer")
        data = self.buffers[buffer].array(0)
        matches = tensor.integer(1, "<b") == TYPES["uint8"] and tensor.integers(0) == [len(data)]
        _require(matches, f"the program's tensor is not of {len(data)} bytes as its buffer is")
        start = data.ctypes.data - self.address
        _require(start % ALIGNMENT == 0, f"the program does not begin at a multiple of {ALIGNMENT} bytes")  # it is run where it lies
        return data.tobytes()

    def _end_bytes(self, number: int) -> int:
        """The bytes of an input or output of the model."""
        shape = self.tensors[number].integers(0)
        matches = self.tensors[number].integer(1, "<b") in TYPES.values() and all(n > 0 for n in shape)
        _require(matches, f"tensor {number}, an end of the model, is not of int8 or uint8")
        return math.prod(shape)

    def _check_end(self, edge: Edge, number: int) -> None:
        tensor = self.tensors[number]
        kind = TYPES["uint8" if edge.storage is Storage.RAW_UINT8 else "int8"]
        shape = tensor.integers(0)
        matches = tensor.integer(1, "<b") == kind and all(n > 0 for n in shape) and math.prod(shape) == edge.values
        _require(matches, f"tensor {number} has not the type and size of the program's {edge.name}")
        _require(tensor.integer(2, "<I") < len(self.buffers), f"tensor {number} has a buffer that does not exist")


def read_contents(data: bytes) -> Contents:
    """What a .tflite holds; its DQA operators have options and tensors that fit their programs. Builtins are TensorFlow Lite's to check.

    Raises ProgramError for a file that is no .tflite, is corrupt, or has no DQA operator.
    """
    try:
        return _Reader(data).contents()
    except FlatbufferError as error:
        raise ProgramError(f"corrupt .tflite: {error}", hint=HINT) from None
    except ProgramError as error:
        raise ProgramError(f"corrupt .tflite: {error.message}", hint=HINT) from None


def read_groups(data: bytes) -> list[Group]:
    """The DQA operators of a .tflite, in order. Raises ProgramError as read_contents."""
    return list(read_contents(data).groups)


def read_tflite(data: bytes) -> bytes:
    """The program of a .tflite of one DQA operator. Raises ProgramError as read_contents, or where there are other operators."""
    contents = read_contents(data)
    if len(contents.groups) != 1 or contents.builtins:
        found = f"{len(contents.groups)} DQA operators and {contents.builtins} others"
        raise ProgramError(f"the .tflite holds {found}; expected one program alone", hint=HINT)
    return contents.groups[0].program_bytes
