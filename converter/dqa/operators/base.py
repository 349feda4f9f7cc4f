"""What every room says of its kind of operator, and what it is handed for that.

Operator is a program's (integers, edges of n + m bits), FloatOperator the float network's of the same kind. The defaults are those of an
operator of one input and one output of one shape, that reads row y to write row y.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, Self

import numpy as np
import numpy.typing as npt

from dqa.errors import ModelError, ProgramError
from dqa.operators.network import Op, Tensor
from dqa.operators.parameters import Constants, Parameters
from dqa.operators.records import Edge, Int8, Requantization, Window

Float32 = npt.NDArray[np.float32]
Floats = npt.NDArray[np.float64]
Shape = tuple[int, ...]
Attributes = dict[str, Any]
Answer = tuple[Attributes, list[int], Float32 | None]
"""Attributes of a graph's Op, the tensor numbers of the inputs that carry data, a bias to add or None."""
Parts = list[Float32 | None]
"""dL/dx for each input, None for constants."""


def require(condition: bool, message: str) -> None:
    """Raises ProgramError where a rule of the format is broken."""
    if not condition:
        raise ProgramError(message)


def check_array(array: npt.NDArray[np.generic], dtype: type[np.generic], shape: Shape, what: str) -> None:
    """Raises ProgramError for an array of another type or shape."""
    require(array.dtype == dtype and array.shape == shape, f"{what} is {array.dtype}{array.shape}; expected {np.dtype(dtype)}{shape}")


# ---- The program's side ----


class Grower(Protocol):
    """A random program under construction in the tests: edges and operators; methods give edge numbers."""

    rng: np.random.Generator
    edges: list[Edge]
    ops: list[Operator]

    def between(self, low: int, high: int) -> int:
        """A number from low to high, both included."""

    def shape(self, edge: int) -> tuple[int, int, int]:
        """Height, width and channels."""

    def edge(self, shape: tuple[int, int, int], like: int | None = None) -> int:
        """A new edge of random storage; `like` gives its range to it."""

    def byte_edge(self, edge: int) -> None:
        """Makes an edge one of all 256 values."""

    def axis(self, size: int, dilated: bool) -> tuple[int, int, int, int, int]:
        """kernel, stride, dilation, padding before, output size of a window along an axis of `size`."""

    def window(self, source: int, dilated: bool) -> tuple[Window, int, int]:
        """A window that fits an edge, rows and columns of its output."""

    def weights(self, *shape: int) -> Int8:
        """Any weights."""

    def coded(self, weights: Int8) -> tuple[Int8, Int8 | None]:
        """The weights (O, ...) and no code book, or values of a book and the book."""

    def requantization(self, edge: int, deviation: float) -> Requantization:
        """Maps sums of about `deviation` to about an edge's range."""


@dataclass(frozen=True, eq=False)
class Operator(ABC):
    """An operator of a program: `inputs` and `output` are edge numbers."""

    name: str
    inputs: tuple[int, ...]
    output: int

    parameter_bytes: ClassVar[int]
    """Size of the parameters in a program (docs/format.md, section 5)."""
    input_count: ClassVar[int | None] = 1
    """None: any."""
    copies: ClassVar[bool] = False
    """It copies values: its inputs and output have one range."""
    by_table: ClassVar[bool] = False
    """It takes its values from one table of 256 entries, by one input value each."""
    coded_weights: ClassVar[bool] = False
    """Its weights may be indices into a code book."""
    instructions_per_mac: ClassVar[float] = 0.0
    """On Cortex-M4, for ordering plans."""
    works_on_input: ClassVar[bool] = False
    """Its work grows with the values of its input, not with those of its output."""

    @classmethod
    @abstractmethod
    def read(cls, name: str, inputs: tuple[int, ...], output: int, parameters: Parameters, source: Edge, target: Edge) -> Self:
        """The operator that its parameters say, from input 0 `source` to `target`. Raises ProgramError for what the format forbids."""

    @abstractmethod
    def write(self, constants: Constants) -> bytes:
        """Places its constants and gives its parameters, `parameter_bytes` bytes."""

    @abstractmethod
    def check(self, inputs: Sequence[Edge], output: Edge) -> None:
        """Raises ProgramError where parameters or shapes break the format."""

    @abstractmethod
    def values(self, inputs: list[Int8], source: Edge, output: Edge) -> Int8:
        """What it writes, (height, width, channels), from the values of its inputs: slow and literal, for the tests to compare with C."""

    @classmethod
    @abstractmethod
    def grow(cls, grower: Grower, source: int) -> int:
        """A random one behind an edge; its output. The tests try every kind with it."""

    @property
    def books(self) -> Int8 | None:
        """The code books of its weights, (16,) or (O, 16); None: it has none."""
        return None

    @property
    def padded(self) -> Window | None:
        """The window whose rows and columns beside the input hold zero points; None: there is none."""
        return None

    def zero_row(self, source: Edge) -> bool:
        """Whether it keeps a row of zero points beside the rows of an input, though no window is padded."""
        return False

    def rows_needed(self, source: Edge, output: Edge) -> int:
        """Rows of an input that one output row needs at most."""
        return 1

    def span(self, edges: Sequence[Edge], index: int, y: int) -> tuple[int, int]:
        """First row and end of the rows of input `index` that output row y needs; neither decreases with y, rows may lie outside."""
        return y, y + 1

    def accumulates(self, source: Edge) -> bool:
        """Whether it takes input rows as they come, into int32 sums, before it writes its only row."""
        return False

    def decoded_weights(self) -> int:
        """Weights of an output channel that it decodes ahead of their use, two channels at a time; 0: none."""
        return 0

    def macs(self, source: Edge, output: Edge) -> int:
        """Multiply-accumulates of one inference; padding counts as computed, as in the executor."""
        return 0


# ---- The float network's side ----


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

    def made(self, shape: Sequence[int]) -> int:
        """A new activation; shape includes the graph's batch of 1."""

    def tensors(self, op: Op) -> list[Tensor]:
        """The graph's tensors of an operator: inputs, then outputs."""

    def builtin(self, kind: str, inputs: Sequence[int], outputs: Sequence[int], options: str = "", version: int = 1, **fields: Any) -> None:
        """An operator; options: class and fields in the schema. Paddings and fused activations are given by name."""


class Format(Protocol):
    """How an activation is stored: real = scales * (value - zero_points), by channel."""

    @property
    def scales(self) -> Floats: ...
    @property
    def zero_points(self) -> Floats: ...
    @property
    def low(self) -> int: ...
    @property
    def high(self) -> int: ...
    @property
    def rounded_by_writer(self) -> npt.NDArray[np.bool_]: ...


class Folded(Protocol):
    """Integer weights (O, ...), real units per accumulator step (O,), bias int32 (O,), code book or None."""

    @property
    def weights(self) -> Int8: ...
    @property
    def scales(self) -> Floats: ...
    @property
    def bias(self) -> npt.NDArray[np.int32]: ...
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
    lowers: ClassVar[bool] = False
    """DQA has an operator for it."""
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

    def why_not(self, op: Op, inputs: Sequence[Tensor], output: Tensor) -> str:
        """Empty if DQA's operator can do it, else the reason it cannot; shapes and the fused activation are already checked."""
        return ""

    def lower(self, given: Lowering) -> Operator:
        """The program's operator."""
        raise TypeError(f"{self.kind} has no DQA operator")

    def passes_to(self, op: Op, inputs: Sequence[Tensor], index: int) -> int:
        """Of what moves values: the channel of the output that channel 0 of input `index` becomes."""
        return 0
