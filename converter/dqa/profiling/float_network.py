"""How far what each operator made is from what the float network has there."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from dqa.calibration import observe
from dqa.conversion import recipe as recipes
from dqa.errors import RecipeError
from dqa.frontend import load_model
from dqa.lowering.build import edge_order
from dqa.partition.partition import slim
from dqa.partition.split import split
from dqa.program import Program
from dqa.quantization.serialize import from_mapping
from dqa.support.arrays import Float32, Float64, Int8

BEST_DB = 100.0
"""Of values that are the float network's to a hundred-thousandth, and more."""


def signal_to_noise(out: Path, program: Program, values: Sequence[Int8], real: Float32) -> list[float | None]:
    """For each operator of OUT's program 10 log10 of the float network's energy over that of the difference, at most BEST_DB.

    values: of each operator, int8 (H, W, C). real: the float network's input, (1, *shape). None where the float values are all 0.
    Raises RecipeError where OUT's recipe is not that of its program; ModelError, DataError for the float network.
    """
    model, recipe = load_model(out / "float.tflite"), recipes.load(out / "recipe.yaml")
    if not recipe.config.keep_dead:
        model, _ = slim(model)
    cut, edges = split(model, lambda _tensors: {}), recipe.edges
    names, order = cut.graph.activation_names().values(), edge_order(cut.graph)
    if not len(names) == len(edges) == len(program.edges):
        raise RecipeError(f"'{out / 'recipe.yaml'}' is of another program than model.dqa", hint="run dqa convert again")
    # in the same order; names are those of the model that was converted, which float.tflite does not have
    formats = from_mapping(cut.graph, dict(zip(names, edges.values(), strict=True)))
    floats: dict[int, Float64] = {}
    made_by = [order[op.output] for op in program.ops]
    source = {tensor: cut.origin.get(tensor, tensor) for tensor in made_by}  # whose values a copy has
    observe(model, real, list(dict.fromkeys(source.values())), lambda tensor, found: floats.update({tensor: found.astype(np.float64)}))
    ratios: list[float | None] = []
    for tensor, made in zip(made_by, values, strict=True):
        fmt = formats[tensor]
        expected = floats[source[tensor]].reshape(made.shape)
        error = (made - fmt.zero_points) * fmt.scales - expected
        ratios.append(_decibels(float(np.square(expected).sum()), float(np.square(error).sum())))
    return ratios


def _decibels(signal: float, noise: float) -> float | None:
    if signal == 0:
        return None if noise else BEST_DB
    return BEST_DB if noise <= signal * 10 ** (-BEST_DB / 10) else 10 * float(np.log10(signal / noise))
