"""What every room says of its operator in a program: integers, edges of n + m bits.

The defaults are those of an operator of one input that reads row y to write row y.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Protocol, Self

import numpy as np
import numpy.typing as npt

from dqa.errors import ProgramError
from dqa.operators.parameters import Constants, Parameters
from dqa.operators.records import Edge, Requantization, Window
from dqa.support.arrays import Int8


def require(condition: bool, message: str) -> None:
    """Raises ProgramError where a rule of the format is broken."""
    if not condition:
        raise ProgramError(message)


def check_array(array: npt.NDArray[np.generic], dtype: type[np.generic], shape: tuple[int, ...], what: str) -> None:
    """Raises ProgramError for an array of another type or shape."""
    require(array.dtype == dtype and array.shape == shape, f"{what} is {array.dtype}{array.shape}; expected {np.dtype(dtype)}{shape}")


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

    def coded(self, weights: Int8, *, affine: bool = False) -> tuple[Int8, Int8 | None]:
        """The weights (O, ...) and no code book, or values of a book and the book; affine: of affine codes, too."""

    def requantization(self, edge: int, deviation: float) -> Requantization:
        """Maps sums of about `deviation` to about an edge's range."""


@dataclass(frozen=True, eq=False)
class Operator(ABC):
    """An operator of a program: `inputs` and `output` are edge numbers."""

    name: str
    inputs: tuple[int, ...]
    output: int
    block: int = field(default=0, kw_only=True)
    """One of `blocks`: how much of a row it computes at once where the processor can, in room of `block_bytes`. 0: it has no room."""

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
    pair_weights: ClassVar[bool] = False
    """Its weights may be pairs of outputs."""
    affine_weights: ClassVar[bool] = False
    """Its weights may be affine codes."""
    instructions_per_mac: ClassVar[float] = 0.0
    """On Cortex-M4, for ordering plans."""
    works_on_input: ClassVar[bool] = False
    """Its work grows with the values of its input, not with those of its output."""
    row_by_row: ClassVar[bool] = False
    """It makes row y of rows y of inputs as high as its output, whatever y is."""

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
        """The code books of its weights, (16,) or (O, 16), or the least weights of affine codes, (O, 1); None: it has none."""
        return None

    @property
    def in_pairs(self) -> bool:
        """Whether its weights are stored as pairs of outputs (dqa.operators.pairs)."""
        return False

    def laid_out(self, source: Edge, output: Edge) -> Self:
        """The same with its weights stored as its kernel reads them fastest."""
        return self

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

    def why_ends(self, inputs: Sequence[Edge], output: Edge) -> str:
        """Empty if its rows may go on without end, each made of the rows that `span` says; else why they may not."""
        if not self.row_by_row:
            return "it works on a window as a whole"
        return "" if all(edge.height == output.height for edge in inputs) else "its rows are not those of its inputs"

    def accumulates(self, source: Edge) -> bool:
        """Whether it takes input rows as they come, into what it keeps, before it writes its only row."""
        return False

    def kept_bytes(self, source: Edge, output: Edge) -> int:
        """Bytes, a multiple of 4, that it keeps from row to row beside the rows of its inputs."""
        return 4 * output.channels if self.accumulates(source) else 0

    def decoded_weights(self) -> int:
        """Weights of an output channel that it decodes ahead of their use, two channels at a time; 0: none."""
        return 0

    def blocks(self, source: Edge, output: Edge) -> tuple[int, ...]:
        """The blocks that it may have, the fastest first."""
        return ()

    def block_bytes(self, source: Edge, output: Edge) -> int:
        """Room of its block while it writes a row."""
        return 0

    def part(self, source: Edge, output: Edge) -> str:
        """The part that writes its rows where the processor has the DSP extension, of `PARTS` (dqa.operators.registry); "": its own."""
        return ""

    def macs(self, source: Edge, output: Edge) -> int:
        """Multiply-accumulates of one inference; padding counts as computed, as in the executor."""
        return 0
