"""What was measured of a conversion before it was written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from dqa.evaluation.comparison import Comparison


class Source(StrEnum):
    """The samples that were measured on."""

    APART = "calibration samples set aside"
    VALIDATION = "validation samples"
    CALIBRATION = "the calibration samples themselves, which are too few to set any aside"


@dataclass(frozen=True)
class Measured:
    """metric, float_value: of the first output, where there are labels. outputs: by name, int8 as TensorFlow Lite has it, and the program.

    reference: dB of the program that keeps 8 bits everywhere; least: dB that answers must reach; snr: dB of the program, of its worst
    output. tried: plans that were measured. nearest: the option whose answers hold, where those of the budget that was given do not.
    """

    samples: int
    source: Source
    metric: str | None
    float_value: float | None
    outputs: Mapping[str, tuple[Comparison, Comparison]]
    reference: float
    least: float
    snr: float
    tried: int
    nearest: str = ""

    @property
    def holds(self) -> bool:
        return self.snr >= self.least

    def to_json(self) -> dict[str, Any]:
        return {
            "samples": self.samples,
            "source": self.source.value,
            "metric": self.metric,
            "float_value": self.float_value,
            "outputs": [{"name": name, "int8": int8.to_json(), "dqa": dqa.to_json()} for name, (int8, dqa) in self.outputs.items()],
            "reference_snr": self.reference,
            "least_snr": round(self.least, 2),
            "holds": self.holds,
            "tried": self.tried,
            "nearest": self.nearest or None,
        }
