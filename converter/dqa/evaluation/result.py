"""What an evaluation found, and what each sample was answered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from dqa.data.dataset import Dataset
from dqa.evaluation import metrics
from dqa.evaluation.by_class import Classes, Worst, by_class, worst
from dqa.evaluation.heads import Head
from dqa.evaluation.subject import Subject
from dqa.support.arrays import Float32
from dqa.support.version import __version__


@dataclass(frozen=True, eq=False)
class OutputResult:
    """Of one output: value, the metric of the converted model (None if a limited run has too few samples for it), float_value that of the
    float model on the same samples.

    output: its name, where the model has several. outputs: its real numbers, (N, *shape). answers: per sample, see `answers_of`.
    details: further figures of the metric. classes: of top1 and miou, each by itself. worst: the samples that are answered worst, of top1
    and mse.
    """

    metric: str
    value: float | None
    outputs: Float32
    answers: list[float]
    details: dict[str, float]
    output: str | None = None
    float_value: float | None = None
    classes: Classes | None = None
    worst: tuple[Worst, ...] = ()

    def head(self) -> dict[str, Any]:
        """As plain data: the figures."""
        return {"metric": self.metric, "value": self.value, "output": self.output}

    def rest(self) -> dict[str, Any]:
        """As plain data: what is behind the figures."""
        return {
            **self.details,
            "classes": self.classes.to_json() if self.classes is not None else None,
            "worst": [one.to_json() for one in self.worst] or None,
            "answers": self.answers,
        }

    def of_one(self) -> dict[str, Any]:
        """As plain data, all of it; what there is not is absent."""
        return _present({**OutputResult.head(self), "float_value": self.float_value, **self.rest()})


@dataclass(frozen=True, eq=False, kw_only=True)
class EvaluateResult(OutputResult):
    """What one evaluation found; None where the target cannot tell. What is of one output is that of the one measured, or of the first.

    by_output: of several outputs with labels each, by name; empty where one was measured.
    agreement: samples whose output bytes equal the host's, of how many; on boards a model with TFLite builtins is
    compared with TensorFlow Lite Micro's interpreter, None without it. stored_bits: RAM bits per stored activation.
    link: what happened between host and board and was mended, by kind (dqa.device.evaluate.DeviceResult).
    runtime: of a board. ram, flash: bytes. instructions: of one inference, simulated boards. microseconds: of one inference, real boards.
    program_sha256, model_sha256, data_sha256: of what ran, of the file it was converted from, of the .npz. notes: what a user should know.
    """

    samples: int
    target: str
    stored_bits: float
    by_output: Mapping[str, OutputResult] = field(default_factory=dict)
    agreement: tuple[int, int] | None = None
    runtime: str | None = None
    dropped_rows: int | None = None
    ram: dict[str, int] | None = None
    flash: dict[str, int] | None = None
    instructions: int | None = None
    microseconds: float | None = None
    program_sha256: str | None = None
    model_sha256: str | None = None
    data_sha256: str | None = None
    notes: tuple[str, ...] = ()
    link: dict[str, int] | None = None

    @property
    def each(self) -> Sequence[OutputResult]:
        """Of each output that was measured."""
        return tuple(self.by_output.values()) or (self,)

    def to_json(self) -> dict[str, Any]:
        """The evaluation as plain data; what the target could not give is absent."""
        result: dict[str, Any] = {
            "dqa": __version__,
            "program_sha256": self.program_sha256,
            "model_sha256": self.model_sha256,
            "data_sha256": self.data_sha256,
            **self.head(),
            "samples": self.samples,
            "target": self.target,
            "runtime": self.runtime,
            "agreement": {"equal": self.agreement[0], "of": self.agreement[1]} if self.agreement else None,
            "stored_bits": round(self.stored_bits, 4),
            "float_value": self.float_value,
            "dropped_rows": self.dropped_rows,
            "ram": self.ram,
            "flash": self.flash,
            "instructions": self.instructions,
            "microseconds": self.microseconds,
            "link": self.link,
            **self.rest(),
            "outputs": [one.of_one() for one in self.by_output.values()] or None,
        }
        return _present(result)


def _present(values: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value is not None}


def measured(head: Head, outputs: Float32, floats: Float32, subject: Subject, names: Sequence[str] | None) -> OutputResult:
    """Of the answers (N, ...) of the program and of the float network to all samples. names: of the classes; None: those of the data."""
    metric, dataset = head.metric, head.dataset
    return OutputResult(
        metric=metric,
        value=head.value(outputs, subject.real, limited=subject.limited),
        outputs=outputs,
        answers=answers_of(metric, outputs, subject.real, dataset),
        details=details(metric, outputs, floats, dataset),
        output=head.name if len(subject.interface.outputs) > 1 else None,
        float_value=head.value(floats, subject.real, limited=subject.limited),
        classes=by_class(metric, outputs, floats, dataset, names),
        worst=tuple(worst(metric, outputs, dataset, subject.real)),
    )


def answers_of(metric: str, outputs: Float32, real: Float32, dataset: Dataset) -> list[float]:
    """One number per sample: the class (top1), the score (auc), the pixel accuracy (miou) or the mean of the outputs' squares (mse)."""
    if metric == "top1":
        return [int(c) for c in outputs.reshape(len(outputs), -1).argmax(axis=1)]
    if metric == "auc":
        return [float(s) for s in metrics.anomaly_scores(outputs, real)]
    if metric == "miou" and dataset.y is not None:
        known = (dataset.y >= 0) & (dataset.y < metrics.pixel_labels(outputs))
        hits = (metrics.pixel_classes(outputs) == dataset.y) & known
        return [float(h.sum() / max(k.sum(), 1)) for h, k in zip(hits, known, strict=True)]
    return [float(np.square(o, dtype=np.float64).mean()) for o in outputs]


def details(metric: str, outputs: Float32, floats: Float32, dataset: Dataset) -> dict[str, float]:
    """Pixel accuracy beside mIoU."""
    if metric != "miou" or dataset.y is None:
        return {}
    pairs = (("pixel_accuracy", outputs), ("float_pixel_accuracy", floats))
    return {name: metrics.pixel_accuracy(metrics.confusion(values, dataset.y, dataset.name)) for name, values in pairs}
