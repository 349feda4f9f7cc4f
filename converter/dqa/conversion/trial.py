"""Runs what was decided on samples that nothing was decided from, beside the float network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from dqa.calibration import float_outputs
from dqa.conversion.build import Built, build
from dqa.conversion.decisions import Decisions
from dqa.conversion.request import Request
from dqa.conversion.weights import Weighed, weigh
from dqa.data.dataset import Dataset
from dqa.engine.host import HostModel
from dqa.errors import DataError
from dqa.evaluation.comparison import Comparison, compare
from dqa.evaluation.heads import Ends, Head, head_of
from dqa.evaluation.subject import model_inputs
from dqa.support.arrays import Float32
from dqa.support.progress import SilentProgress

SAME = 1e-6
"""Relative difference of answers that float32 may make of equal ones."""


@dataclass(frozen=True, eq=False)
class Answers:
    """comparisons: of each output of a program with the float network's, on the same samples."""

    comparisons: Sequence[Comparison]

    @property
    def snr(self) -> float:
        """dB, of the output that is worst."""
        return min(found.snr for found in self.comparisons)


@dataclass(frozen=True, eq=False)
class Trial:
    """built: a program. answers: to samples it was not made from. more: where these are few, to them and to some it was made from."""

    built: Built
    answers: Answers
    more: Answers


@dataclass(frozen=True, eq=False)
class Judge:
    """request: what programs are made from. samples: what they are run on. used: some that they are made from, to run them on as well."""

    request: Request
    samples: Dataset
    used: Dataset | None = None

    @cached_property
    def expected(self) -> list[Float32]:
        """Of each output, what the float network answers, (N, *shape)."""
        return self._floats(self.samples)

    @cached_property
    def _expected_of_used(self) -> list[Float32]:
        return self._floats(self.used) if self.used is not None else []

    def _floats(self, samples: Dataset) -> list[Float32]:
        mapping, model = self.request.mapping, self.request.model
        return [float_outputs(model, mapping.to_float(samples.x), output=i) for i in range(len(model.graph.outputs))]

    @property
    def varies(self) -> bool:
        """Whether the float network does not answer the same to all samples."""
        return len(self.samples) == 1 or any(bool(np.any(np.ptp(e, axis=0) > SAME * np.abs(e).max())) for e in self.expected)

    @cached_property
    def heads(self) -> list[Head | None]:
        """By output; None where no labels, or none that fit, say what is right. Labels `y` are of the first."""
        model, found = self.request.model, list[Head | None]()
        tensors = [model.graph.tensors[t] for t in model.graph.outputs]
        ends = Ends(model.output_names, [t.shape[1:] for t in tensors], model.entries.rebuilt)
        for place in range(len(tensors)):
            labelled = self.samples.each[place].y is not None if self.samples.each else place == 0 and self.samples.y is not None
            try:
                found.append(head_of(ends, self.samples, place, [self.request.settings.metric]) if labelled else None)
            except DataError:
                found.append(None)
        return found

    def value(self, outputs: Float32, place: int) -> float | None:
        """The metric of answers of one output."""
        head = self.heads[place]
        try:
            return head.value(outputs, self.request.mapping.to_float(self.samples.x)) if head is not None else None
        except DataError:
            return None

    def try_out(self, decisions: Decisions, *, nearest: bool = False) -> Trial:
        """nearest: as TensorFlow Lite has weights, of 8 bits and rounded each by itself, and the float network's biases."""
        request, weighed = self.request, Weighed()
        if nearest:
            request = replace(request, settings=replace(request.settings, weight_bits=8))
        else:
            weighed = weigh(request, decisions, SilentProgress())
        built = build(request, decisions, weighed, SilentProgress())
        assert built.alone is not None
        model = HostModel(built.alone.program_bytes)
        answers = _run(model, built, self.samples, len(self.expected))
        values = [self.value(one, place) for place, one in enumerate(answers)]
        compared = Answers([compare(*row) for row in zip(self.expected, answers, values, strict=True)])
        if self.used is None:
            return Trial(built, compared, compared)
        again = _run(model, built, self.used, len(self.expected))
        pairs = [
            [np.concatenate(two) for two in zip(*row, strict=True)] for row in ((self.expected, self._expected_of_used), (answers, again))
        ]
        return Trial(built, compared, Answers([compare(*row) for row in zip(*pairs, strict=True)]))


def _run(model: HostModel, built: Built, samples: Dataset, outputs: int) -> list[Float32]:
    """What the program answers, by output."""
    found = model.run(model_inputs(built.interface, samples)[1]).outputs
    return [built.interface.answers(found, i) for i in range(outputs)]
