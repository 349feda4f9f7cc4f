"""What every activation method of the study offers: settings -> fit on calibration samples -> apply to batches."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol

from dqa.support.arrays import Float32

CONSUMER_SAMPLES = 64

SCALE_BITS = 32
"""A step, a level or a breakpoint is a float32."""


@dataclass(frozen=True, eq=False)
class Calibration:
    """What a method may know of one tensor before it runs.

    values     float32 (N, ..., C): the tensor's values on the calibration samples, channels last, N >= 1
    order      its channels in ascending importance, None where nothing was ranked
    consumers  what the operators that read the tensor make of its values on the first CONSUMER_SAMPLES samples: any array;
               None where not available
    seed       of what a method draws at random
    """

    values: Float32
    order: Sequence[int] | None = None
    consumers: Callable[[Float32], Float32] | None = None
    seed: int = 0

    @property
    def channels(self) -> int:
        return int(self.values.shape[-1])


@dataclass(frozen=True, eq=False)
class Stored:
    """One batch as it comes back from storage: float32 values of x's shape, and the bits it took, in-band tables included."""

    values: Float32
    bits: float


class Quantizer(Protocol):
    """A method fitted to one tensor. `table_bits`: what is fixed at conversion (steps, code books): flash, not among the stored bits."""

    @property
    def table_bits(self) -> int: ...

    def apply(self, x: Float32) -> Stored:
        """Stores and reads back a batch, float32 (B, ..., C). Methods that adapt at run time do so over the batch."""


class Method(Protocol):
    """The settings of a method: a frozen dataclass whose fields are the options of the study's YAML.

    uses_order, uses_consumers: which parts of Calibration `fit` needs.
    """

    name: ClassVar[str]
    uses_order: ClassVar[bool]
    uses_consumers: ClassVar[bool]

    @property
    def bits(self) -> float: ...

    def fit(self, calibration: Calibration) -> Quantizer:
        """Raises ValueError where Calibration lacks what the method needs."""


def rows(x: Float32) -> Float32:
    """x (..., C) as (values per channel, C)."""
    return x.reshape(-1, x.shape[-1])
