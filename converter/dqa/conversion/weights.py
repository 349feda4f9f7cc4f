"""Weighs the layers: the weights and biases with which they compute, made for the formats that were decided."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from dqa.calibration import observe
from dqa.conversion.decisions import Decisions
from dqa.conversion.request import Request
from dqa.quantization.weights import bias_correction
from dqa.quantization.weights.chosen import choose_weights, in_real_units
from dqa.quantization.weights.levels import LayerWeights
from dqa.support.arrays import Float32, Float64
from dqa.support.progress import Progress

SAMPLES = 256
"""Calibration samples that suffice for the inputs of a layer of 4-bit weights: each gives as many as the layer has positions."""


@dataclass(frozen=True, eq=False)
class Weighed:
    """By the output tensor of a layer. layers: integer weights; None: the nearest. biases: float64 (O,), that replace the
    float network's."""

    layers: Mapping[int, LayerWeights] | None = None
    biases: Mapping[int, Float64] = field(default_factory=dict)


def weigh(request: Request, decisions: Decisions, progress: Progress) -> Weighed:
    """Deterministic: a recipe holds biases, but no weights. Raises DataError, ModelError."""
    settings, part, formats = request.settings, decisions.cut.part, decisions.formats
    layers, biases = None, decisions.biases
    if settings.weight_rounding == "compensated":
        with progress.task("Choosing weights", None):
            count = SAMPLES if settings.weight_bits < 8 else bias_correction.samples(part)
            layers = choose_weights(part, formats, _given(request, decisions, count), settings.weight_bits)
    if settings.bias_correction and request.recipe is None:
        with progress.task("Correcting biases", None):
            given = _given(request, decisions, bias_correction.samples(part))
            biases = bias_correction.corrected_biases(part, formats, given, in_real_units(part, formats, layers or {}))
    if layers is not None:
        layers = {tensor: replace(chosen, bias=biases.get(tensor, chosen.bias)) for tensor, chosen in layers.items()}
    return Weighed(layers, biases)


def _given(request: Request, decisions: Decisions, count: int) -> dict[int, Float32]:
    """What comes into the part of the network that DQA computes, for at most `count` samples, by tensor number."""
    cut = decisions.cut
    seen = {t: cut.origin.get(t, t) for t in cut.part.inputs}
    parts: dict[int, list[Float32]] = {t: [] for t in seen.values()}
    observe(request.model, request.samples(count), list(parts), lambda tensor, values: parts[tensor].append(values))
    return {t: np.concatenate(parts[source]) for t, source in seen.items()}
