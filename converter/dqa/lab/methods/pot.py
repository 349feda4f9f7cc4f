"""Powers of two, as the DQA authors' baseline computes them (gicLAB/eDQA, resnet_pad_saw_pot.py)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from dqa.lab.methods.base import Calibration, Stored
from dqa.lab.methods.checks import check_bits
from dqa.support.arrays import Float32

EPSILON = np.float32(1e-8)


@dataclass(frozen=True)
class PotMethod:
    """sign(x) * max|x| * 2^-e, e = round(-log2(|x| / max|x|)) in 0 .. 2^(bits-1) - 1; the maximum is that of the tensor over the batch.

    An exact 0 stays 0, which the n bits that are counted have no code for: the authors count it so.
    """

    name: ClassVar[str] = "pot"
    uses_order: ClassVar[bool] = False
    uses_consumers: ClassVar[bool] = False

    bits: int

    def __post_init__(self) -> None:
        check_bits(self.bits, 2, 8)

    def fit(self, calibration: Calibration) -> PotQuantizer:
        return PotQuantizer(self.bits)


@dataclass(frozen=True)
class PotQuantizer:
    """Nothing is fixed at calibration."""

    bits: int

    @property
    def table_bits(self) -> int:
        return 0

    def apply(self, x: Float32) -> Stored:
        size = np.maximum(np.abs(x), EPSILON)
        top = size.max() + EPSILON
        exponent = np.minimum(np.abs(np.rint(np.log2(size / top))), (1 << (self.bits - 1)) - 1)
        return Stored(np.asarray(np.sign(x) * np.exp2(-exponent) * top, np.float32), float(self.bits * x.size))
