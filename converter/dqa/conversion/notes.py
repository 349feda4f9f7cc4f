"""What a user should know of a conversion that succeeded: what it costs, and what of the data looks wrong."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from dqa.conversion.decisions import Decisions
from dqa.conversion.measured import Measured
from dqa.conversion.no_data import NOTE
from dqa.conversion.request import MOST_APART, Request
from dqa.support.arrays import Array, Float64

FEW = 10
"""Calibration samples that are too few to know ranges from."""
ENOUGH = 20
"""Samples from which on a metric at the level of chance means something."""
UNLIKE = 16
"""Ratio of the ranges of two features from which on a scale for both costs one of them four bits."""
MOST_NAMED = 4


def notes_of(request: Request, decisions: Decisions, measured: Measured | None) -> list[str]:
    """One line each; none for what is as it should be."""
    found = list(_of_data(request, decisions)) if request.dataset is not None and request.recipe is None else []
    return [*found, *(_of_answers(decisions, measured) if measured is not None else [])]


def _of_data(request: Request, decisions: Decisions) -> Iterator[str]:
    yield from request.model.notes
    if (quantized := request.model.quantized) is not None:
        yield "the file is quantized: float is what its integers stand for, and may be less than the network they were made from"
        if (integers := quantized.entries.get(request.model.graph.inputs[0])) and not request.stand_in:
            kind, scale, zero = integers
            yield f"its own input is {kind} of scale {scale:.6g} and zero point {zero}; here it is (x - Z) * S as --input-scale says"
    if request.stand_in:
        yield NOTE
        return
    dataset = request.some(MOST_APART)
    if len(dataset) <= FEW:
        yield f"only {len(dataset)} calibration samples: what others do can only be guessed; give a hundred or more"
    y = dataset.y
    if y is not None and not dataset.labels_are_per_group and y.dtype.kind in "iu" and y.size == len(y) > 1 and np.all(y == y.flat[0]):
        yield f"all calibration samples are of class {y.flat[0]}: give samples of every class"
    entries = request.model.entries
    for tensor, entry, x in zip(decisions.cut.graph.inputs, entries.items, dataset.parts(entries), strict=True):
        scales = decisions.formats[tensor].scales if tensor in decisions.formats else np.ones(1)
        yield from _of_input(f"input '{entry.name}'" if entries.several else "x", x, scales)


def _of_input(name: str, x: Array, scales: Float64) -> Iterator[str]:
    if x.dtype in (np.uint8, np.int8) and (reach := int(x.max()) - int(x.min())) < 32:
        yield f"{name} takes only values from {x.min()} to {x.max()}, {reach + 1} of 256: is it scaled right?"
    if x.dtype.kind == "f" and np.all(scales == scales[0]):
        yield from _unlike(name, x)


def _unlike(name: str, x: Array) -> Iterator[str]:
    """Features that share a scale with much wider ones."""
    ends = tuple(range(x.ndim - 1))
    ranges = np.asarray(x.max(axis=ends), np.float64) - np.asarray(x.min(axis=ends), np.float64)
    narrow = np.flatnonzero((ranges > 0) & (ranges * UNLIKE < ranges.max()))
    if len(narrow):
        names = ", ".join(map(str, narrow[:MOST_NAMED])) + (", ..." if len(narrow) > MOST_NAMED else "")
        yield (
            f"channels {names} of {name} have less than 1/{UNLIKE} of the range of channel {int(ranges.argmax())}, and this model's input "
            "needs one scale for all: scale the features alike before training"
        )


def _of_answers(decisions: Decisions, measured: Measured) -> Iterator[str]:
    if not measured.varies:
        yield "the float network answers the same to all samples: check --input-scale and x"
    elif measured.samples >= ENOUGH:
        graph = decisions.cut.graph
        for (name, found), tensor in zip(measured.outputs.items(), graph.outputs, strict=True):
            classes = int(np.prod(graph.tensors[tensor].shape[1:]))
            chance = {"top1": 1.5 / max(classes, 1), "auc": 0.55}.get(found.metric or "", -1.0)
            if found.float_value is not None and found.float_value <= chance:
                of = f" of '{name}'" if len(measured.outputs) > 1 else ""
                yield (
                    f"the float network itself reaches a {found.metric}{of} of {found.float_value:.4g}, about chance: is the input what it "
                    "was trained on? (--input-scale, --input-zero-point)"
                )
    program, int8 = measured.first.dqa, measured.first.int8
    if measured.varies and not measured.holds:
        same = (
            f", same answer {program.agreement:.1%}, int8 {int8.agreement:.1%}" if program.agreement is not None and int8.agreement else ""
        )
        remedy = f"{measured.nearest} holds" if measured.nearest else "the plan without --bits and --ram holds"
        losses = f"{measured.snr:.1f} dB, 8 bits everywhere {measured.reference:.1f} dB{same}"
        yield f"the answers lose more than the tolerance: {losses}; {remedy}"
