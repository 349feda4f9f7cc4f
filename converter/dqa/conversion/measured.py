"""What was measured of a conversion before it was written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from dqa.errors import InputError, UnmetError
from dqa.evaluation.comparison import Comparison
from dqa.evaluation.metrics import HIGHER_IS_BETTER


class Source(StrEnum):
    """The samples that were measured on."""

    APART = "calibration samples set aside"
    VALIDATION = "validation samples"
    CALIBRATION = "the calibration samples themselves, which are too few to set any aside"


@dataclass(frozen=True)
class MeasuredOutput:
    """metric, float_value: where there are labels that fit. int8: as TensorFlow Lite has it. dqa: the program."""

    metric: str | None
    float_value: float | None
    int8: Comparison
    dqa: Comparison

    def to_json(self) -> dict[str, Any]:
        metric = {"metric": self.metric, "float_value": self.float_value} if self.metric is not None else {}
        return {**metric, "int8": self.int8.to_json(), "dqa": self.dqa.to_json()}


@dataclass(frozen=True)
class Measured:
    """outputs: by name.

    reference: dB of the program that keeps 8 bits everywhere; least: dB that answers must have; snr: dB of the program; sure: of that,
    95 % sure; all of the output that is the least above what it must have. holds: whether the answers of each output do, on further samples
    too where those set aside are few.
    tried: plans that were measured. plans: arena and dB of each, and whether it was taken. nearest: an option whose answers hold, where
    those of the budget that was given do not. varies: whether the float network's answers do.
    """

    samples: int
    source: Source
    outputs: Mapping[str, MeasuredOutput]
    reference: float
    least: float
    snr: float
    sure: float
    holds: bool
    tried: int
    nearest: str = ""
    varies: bool = True
    plans: tuple[tuple[int, float, bool], ...] = ()

    @property
    def first(self) -> MeasuredOutput:
        """The first output."""
        return next(iter(self.outputs.values()))

    @property
    def labelled(self) -> MeasuredOutput:
        """The first output that has a metric; the first, where none has."""
        return next((found for found in self.outputs.values() if found.metric is not None), self.first)

    @property
    def metric(self) -> str | None:
        """Of the first output that has one."""
        return self.labelled.metric

    @property
    def float_value(self) -> float | None:
        """Of the same."""
        return self.labelled.float_value

    def to_json(self) -> dict[str, Any]:
        return {
            "samples": self.samples,
            "source": self.source.value,
            "metric": self.metric,
            "float_value": self.float_value,
            "outputs": [{"name": name, **found.to_json()} for name, found in self.outputs.items()],
            "reference_snr": self.reference,
            "least_snr": round(self.least, 2),
            "holds": self.holds,
            "tried": self.tried,
            "nearest": self.nearest or None,
            "plans": [{"arena": arena, "snr": snr, "taken": taken} for arena, snr, taken in sorted(self.plans)],
        }


@dataclass(frozen=True)
class Required:
    """What the answers must reach on the samples that are measured on, or nothing is written.

    agreement: 0..1, of the first output with the float network's. metric: of the first output that has one.
    """

    agreement: float | None = None
    metric: float | None = None

    def check(self, measured: Measured | None) -> None:
        """Raises UnmetError where they do not, InputError where that cannot be told."""
        for name, wanted in (("agreement", self.agreement), ("metric", self.metric)):
            if wanted is None:
                continue
            head = None if measured is None else measured.first if name == "agreement" else measured.labelled
            found = getattr(head.dqa, name) if head is not None else None
            if measured is None or found is None:
                hint = (
                    "give validation data with labels"
                    if name == "metric"
                    else "it is of networks that DQA runs whole, of outputs of classes"
                )
                raise InputError(f"require_{name}: the {name} of this conversion cannot be measured", hint=hint)
            higher = name == "agreement" or HIGHER_IS_BETTER[measured.metric or ""]
            if found < wanted if higher else found > wanted:
                what = "agreement with the float network" if name == "agreement" else f"{measured.metric}"
                raise UnmetError(
                    f"{what} {found:.4g} on {measured.samples} {measured.source.value}, {wanted:.4g} is required",
                    hint="nothing was written; give more RAM or bits, more calibration samples, or ask for less",
                )
