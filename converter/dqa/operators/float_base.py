"""What every room says of its operator in the float network, and what it is handed for that."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import numpy as np

from dqa.errors import ModelError
from dqa.operators.base import Operator
from dqa.operators.bounds import Bounds
from dqa.operators.network import Op, Tensor
from dqa.support.arrays import Bool, Float32, Float64, Int8, Int32, Int64

Shape = tuple[int, ...]
Attributes = dict[str, Any]
Answer = tuple[Attributes, list[int], Float32 | None]
"""Attributes of a graph's Op, the tensor numbers of the inputs that carry data, a bias to add or None."""
Parts = list[Float32 | None]
"""dL/dx for each input, None for constants."""


class Request(Protocol):
    """One operator of a .tflite: constant inputs and options by their slots in the schema. Raises ValueError for what makes no sense."""

    inputs: list[Tensor | None]
    output: Tensor

    def input(self, position: int) -> Tensor:
        """Raises ValueError if it is absent."""

    def integer(self, slot: int, default: int = 0) -> int: ...

    def positive(self, slot: int, default: int, what: str) -> int: ...

    def flag(self, slot: int) -> bool: ...

    def number(self, slot: int, default: float = 0.0) -> float: ...

    def activation(self, slot: int) -> str: ...

    def same_padding(self) -> bool: ...

    def whole_numbers(self, position: int) -> list[int]:
        """A constant integer input, flattened."""


class FloatWriter(Protocol):
    """A float32 .tflite under construction; tensors are the file's numbers, `batch` samples at once."""

    batch: int

    def integers(self, values: Sequence[Any]) -> int:
        """A constant int32 tensor."""

    def made(self, shape: Sequence[int], dtype: str = "float32") -> int:
        """A new activation; shape includes the graph's batch of 1."""

    def exactly(self, shape: Sequence[int], dtype: str = "float32") -> int:
        """A new activation of this shape, batch included."""

    def subgraph(self, entries: Sequence[tuple[Sequence[int], str]], make: Callable[[list[int]], Sequence[int]]) -> int:
        """The number of a new subgraph. entries: shape and type of its inputs; make: writes what gives its outputs, from its inputs."""

    def constant(self, data: Float32) -> int:
        """A constant tensor."""

    def shape(self, tensor: Tensor) -> list[int]:
        """Of an activation in the file, batch first: a series is a map."""

    def tensors(self, op: Op) -> list[Tensor]:
        """The graph's tensors of an operator: inputs, then outputs."""

    def inside(self, op: Op, tensor: int) -> None:
        """An activation inside of an operator, whose range calibration has to know."""

    def builtin(self, kind: str, inputs: Sequence[int], outputs: Sequence[int], options: str = "", version: int = 1, **fields: Any) -> None:
        """An operator; options: class and fields in the schema. Paddings and fused activations are given by name."""


class Format(Protocol):
    """How an activation is stored: real = scales * (value - zero_points), by channel."""

    @property
    def scales(self) -> Float64: ...
    @property
    def zero_points(self) -> Float64: ...
    @property
    def low(self) -> int: ...
    @property
    def high(self) -> int: ...
    @property
    def rounded_by_writer(self) -> Bool: ...


class Folded(Protocol):
    """Integer weights (O, ...), real units per accumulator step (O,), bias int32 (O,), code book or None."""

    @property
    def weights(self) -> Int8: ...
    @property
    def scales(self) -> Float64: ...
    @property
    def bias(self) -> Int32: ...
    @property
    def book(self) -> Int8 | None: ...


@dataclass(frozen=True, eq=False)
class Lowering:
    """An operator of a graph whose formats are decided, to be made one of the program.

    tensors: its inputs. inputs, output: edge numbers, constants left out. sources: formats of `inputs`. folded: the integer weights.
    """

    op: Op
    tensors: tuple[Tensor, ...]
    inputs: tuple[int, ...]
    output: int
    sources: tuple[Format, ...]
    target: Format
    folded: Callable[[], Folded]


class FloatOperator:
    """A kind of the float network, by TFLite's name; as it is, one of which nothing is known."""

    weighted: ClassVar[bool] = False
    """Its inputs are x, weights, bias (WeightedOperator)."""
    moves: ClassVar[bool] = False
    """It moves values: input and output share scales, channel by channel, and the range."""
    by_table: ClassVar[bool] = False
    """One table of 256 entries runs it: one scale for all channels on both sides."""
    computes: ClassVar[bool] = False
    """It gives new values (a study quantizes those)."""
    fuses: ClassVar[bool] = False
    """A clamp behind it can be its fused activation."""
    free_shape: ClassVar[bool] = False
    """Its output may have any shape of the right size."""
    parts: ClassVar[bool] = False
    """It has several outputs."""
    turns: ClassVar[bool] = True
    """It may work on maps whose rows and columns are in each other's place, with attributes that are `turned`."""
    lowers: ClassVar[bool] = False
    """DQA has an operator for it."""
    marks: ClassVar[bool] = False
    """A custom operator of this name is the front end's own; its inputs are x and constants."""
    becomes: ClassVar[str] = ""
    """It is read as this kind, with the constants that its attribute `constants` holds behind its inputs."""
    states: ClassVar[tuple[int, ...]] = ()
    """Places of inputs that are variables of the file, which begin with zeros."""
    aligned: ClassVar[bool] = False
    """Channels go through it one beside the other, from `passes_to` on."""
    keeps_sign: ClassVar[bool] = False
    """Without an activation it gives nothing negative where its inputs are not."""

    positive: bool = False
    """It never gives anything negative."""
    fixed_output: tuple[float, float] | None = None
    """Scale and zero point of its 8-bit output where they are always the same."""

    def __init__(self, kind: str) -> None:
        self.kind = kind

    def read(self, request: Request) -> Answer:
        """What options and constant inputs say. Raises ValueError, saying what is wrong, where they make no sense."""
        return {}, [request.input(0).index], None

    def shape(self, op: Op, inputs: Sequence[Tensor]) -> Shape | None:
        """Shape of the output; it may differ from the tensor's in dimensions of size 1. None: not known.

        Raises ValueError if the inputs do not fit.
        """
        return None

    def run(self, op: Op, inputs: list[Float32]) -> Float32:
        """The output, (N, ...), of inputs (N, ...) and constants. Raises ValueError if it cannot be run."""
        raise ValueError(f"operator {op.kind} ('{op.name}') cannot be run here")

    def gradient(self, op: Op, inputs: list[Float32], out: Float32, gradient: Float32) -> Parts:
        """dL/dx for its inputs, from dL/d(out) before the fused activation. Raises ValueError if it has no derivative here."""
        raise ValueError(f"operator {op.kind} ('{op.name}') has no derivative here")

    def write(self, writer: FloatWriter, op: Op, inputs: list[int], output: int) -> None:
        """Writes it for LiteRT. Raises ModelError if it cannot be written."""
        raise ModelError(f"layer '{op.name}': the float runner has no operator {op.kind}", hint="leave it out of the study's models")

    def never_negative(self, op: Op) -> bool:
        """Whether it never gives anything negative."""
        return self.positive

    def turned(self, attrs: Attributes) -> Attributes:
        """The attributes with rows and columns in each other's place, for maps that are turned so; weights (O, H, W, I) are turned too."""
        return attrs

    def why_not(self, op: Op, inputs: Sequence[Tensor], output: Tensor) -> str:
        """Empty if DQA's operator can do it, else the reason it cannot; shapes and the fused activation are already checked."""
        return ""

    def bounds(self, op: Op, inputs: Sequence[Bounds], tensors: Sequence[Tensor]) -> Bounds:
        """Of the output without its fused activation. inputs: of those that are no constants. tensors: all inputs, then the output."""
        return Bounds.unknown(tensors[-1].shape[-1])

    def tied(self, op: Op, tensors: Sequence[Tensor], index: int) -> Int64 | None:
        """(C, n): the channels of the output that each channel of input `index` alone makes there, so that they can be left out together.

        None where more goes into them, or nothing is known. tensors: inputs, then the output.
        """
        return self.passes_to(op, tensors[:-1], index) + np.arange(tensors[index].hwc[2]).reshape(-1, 1) if self.aligned else None

    def lower(self, given: Lowering) -> Operator:
        """The program's operator."""
        raise TypeError(f"{self.kind} has no DQA operator")

    def channel_sources(self, op: Op, inputs: Sequence[Tensor], index: int, channels: int) -> Int64 | None:
        """Of what moves values: the channel of input `index` that each of the output's `channels` is of, -1 where it is of another input;
        None: any may be of any."""
        own = inputs[index].hwc[2]
        if self.free_shape and own != channels:
            return None
        found = np.arange(channels) - self.passes_to(op, inputs, index)
        return np.where((found >= 0) & (found < own), found, -1)

    def passes_to(self, op: Op, inputs: Sequence[Tensor], index: int) -> int:
        """Of what moves values: the channel of the output that channel 0 of input `index` becomes."""
        return 0
