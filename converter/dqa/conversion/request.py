"""What a conversion starts from: model, samples, settings and recipe, read and checked against each other."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from dqa.conversion import no_data
from dqa.conversion import recipe as recipes
from dqa.conversion.recipe import Recipe
from dqa.data import dataset as datasets
from dqa.data.answers import of_output
from dqa.data.given import Source, sha256
from dqa.errors import InputError, RecipeError
from dqa.frontend import FloatModel, ModelSource, load_model
from dqa.frontend.continuous import slide
from dqa.frontend.dead_channels import DeadChannels
from dqa.frontend.load import may_be_quantized
from dqa.partition.partition import slim
from dqa.support.arrays import Float32
from dqa.support.progress import Progress
from dqa.support.settings import ConvertConfig

APART, FEWEST, MOST_APART = 4, 12, 256
"""Every fourth calibration sample is set aside to measure on, of twelve or more; of many a part is enough."""


@dataclass(frozen=True, eq=False)
class Request:
    """settings: the recipe's, where there is one. dataset: the calibration data; None: the recipe holds what was decided from them.

    validation: other data, to measure the program on. stand_in: the calibration data are patterns, there are no others (`no_data`).
    dead: what was taken out of the network, since it cannot matter; None: nothing.
    recipe: a recipe that holds decisions; None: they are to be made. calibration_sha256: of the data decisions are made from.
    """

    model: FloatModel
    settings: ConvertConfig
    dataset: datasets.Dataset | None
    recipe: Recipe | None
    calibration_sha256: str | None
    validation: datasets.Dataset | None = None
    stand_in: bool = False
    dead: DeadChannels | None = None

    def apart(self) -> tuple[Request, datasets.Dataset | None]:
        """The request, and samples that it does not decide from: those beyond the number that it may, or else every `APART`-th, which it
        then goes without; None where there are too few to do without."""
        assert self.dataset is not None
        chosen = datasets.subset(len(self.dataset), self.settings.calibration_samples)
        rest = np.setdiff1d(np.arange(len(self.dataset)), chosen)
        if len(rest) >= MOST_APART:
            return self, self.dataset.pick(rest[datasets.subset(len(rest), MOST_APART)])
        if len(chosen) < FEWEST:
            return self, None
        away = chosen[APART - 1 :: APART]
        left = self.dataset.pick(np.setdiff1d(chosen, away))
        return replace(self, dataset=left), self.dataset.pick(away[datasets.subset(len(away), MOST_APART)])

    def samples(self, most: int | None = None) -> Float32:
        """At most `most` of the calibration samples (None: as many as the settings allow) as the model takes them, evenly spread."""
        assert self.dataset is not None
        limit = self.settings.calibration_samples
        chosen = datasets.subset(len(self.dataset.x), limit if most is None else min(limit, most))
        return self.mapping.to_float(self.dataset.x[chosen])

    def some(self, most: int) -> datasets.Dataset:
        """At most `most` of the calibration samples, evenly spread."""
        assert self.dataset is not None
        return self.dataset.pick(datasets.subset(len(self.dataset), min(self.settings.calibration_samples, most)))

    @property
    def dtypes(self) -> list[np.dtype[Any]]:
        """Of the calibration data of each input."""
        assert self.dataset is not None
        return [part.dtype for part in self.dataset.take(1).parts(self.model.entries)]

    @property
    def mapping(self) -> datasets.InputMapping:
        return datasets.InputMapping.of_all(self.model.entries, self.settings.input_scale, self.settings.input_zero_point)


def read(
    model: ModelSource,
    calibration: Source | None,
    config: ConvertConfig | None,
    recipe: Path | None,
    progress: Progress,
    validation: Source | None = None,
) -> Request:
    """Raises ModelError, DataError, RecipeError, ToolError, and InputError where something is missing."""
    saved = recipes.load(recipe) if recipe is not None else None
    if saved is not None and config is not None:
        raise RecipeError("settings are given twice, by the recipe and beside it", hint="edit the recipe's config section instead")
    settings = saved.config if saved is not None else config or ConvertConfig()
    undecided = saved is None or not saved.edges
    if calibration is None and undecided and not may_be_quantized(model):
        raise _missing()
    if calibration is None and not undecided and settings.weight_rounding == "compensated":
        raise InputError(
            "weights are rounded with calibration data, with a recipe as well",
            hint="give --calibration X.npz, or weight_rounding: nearest in the recipe",
        )
    if calibration is not None:
        datasets.check_readable(calibration)  # before the model, which takes longer
    with progress.task("Reading the model", None):
        found = load_model(model)
    for place in range(len(found.output_names)):
        of_output(settings.metric, found.output_names, place, "metric")
    found, dead = (found, None) if settings.keep_dead else slim(found)
    if settings.continuous:
        slide(found.graph)
    if calibration is None and undecided:
        if found.quantized is None:
            raise _missing()
        if found.entries.several:
            raise InputError("a model with several inputs needs calibration data", hint="give --calibration X.npz with x0, x1, ...")
        patterns, settings = no_data.patterns(found, no_data.settings_without_data(settings))
        return Request(found, settings, patterns, None, None, stand_in=True, dead=dead)
    request = Request(found, settings, None, None, sha256(calibration) if calibration is not None else None, dead=dead)
    if calibration is not None:
        file = datasets.DataFile(calibration, labels=False, entries=found.entries)
        file.check_shape(found.entries.shape)
        labelled = datasets.with_labels(file.load(), calibration, found.entries, found.output_names)
        request = replace(request, dataset=labelled)
        request.mapping.check_channels(found.entries.shape[-1])
    if validation is not None:
        other = datasets.DataFile(validation, entries=found.entries, outputs=found.output_names)
        other.check_shape(found.entries.shape)
        request = replace(request, validation=other.load())
    if saved is None or not saved.edges:
        return request
    saved.check_inputs(found.sha256, request.calibration_sha256)
    return replace(request, recipe=saved, calibration_sha256=saved.calibration_sha256)


def _missing() -> InputError:
    return InputError(
        "calibration data is missing",
        hint="give --calibration X.npz with an array 'x' (in Python also arrays), or a recipe that a conversion wrote",
    )
