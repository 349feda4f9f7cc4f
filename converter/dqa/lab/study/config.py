"""What a study is: the typed form of STUDY.yaml, and its strict reading.

    dqa_study: 1
    reference: uniform                 the method the others are compared with at equal stored bits; may be left out
    seeds: [0, 1, 2]                   of calibration samples and of every random choice; [0] if left out
    tensors: [block, all]              which activations are quantized; [all] if left out
    models:
      kws:
        model: kws.h5                  a Keras model, or a float32 .tflite
        calibration: calibration.npz   x, and y where a ranking measures accuracy
        test: test.npz                 x and y
        calibration_samples: 512       drawn at random, by seed; the other settings are those of `dqa convert`
        test_samples: 1000             the first so many; all if left out
        input_scale: 0.5847029
        input_zero_point: 83           of several inputs a mapping, as {image: 1/255}
        metric: top1
    grid:
      - method: uniform                a list of values stands for each of them, several lists for all combinations
        bits: [3, 4]
        clip: [max, mse]
        seeds: [0]                     an entry may name its own seeds, tensors and models

Paths are relative to a directory the caller names, by default that of the file.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dqa.errors import RecipeError
from dqa.support import strict_yaml
from dqa.support.settings import METRICS, Numbers, NumbersByInput, numbers_by_input, whole
from dqa.support.strict_yaml import check_known, mapping

VERSION = 1
WHERE = ("block", "all")
"""Block outputs (the sums that end residual blocks), or every activation."""
MAX_SEED = 2**32 - 1
MAX_SAMPLES = 10**9
MAX_ALTERNATIVES = 1000
"""Of one option of one entry."""
NAME = re.compile(r"[a-z0-9][a-z0-9_.-]{0,39}")
SECTIONS = ("dqa_study", "reference", "seeds", "tensors", "models", "grid")
MODEL_KEYS = ("model", "calibration", "test", "calibration_samples", "test_samples", "input_scale", "input_zero_point", "metric", "output")
ENTRY_KEYS = ("method", "models", "tensors", "seeds")

OptionValue = bool | int | float | str


@dataclass(frozen=True)
class StudyModel:
    """A model with its data. Paths are absolute or relative to the working directory; test_samples None: all. output: the name of the
    one of several that is measured; None: the first that has labels."""

    name: str
    model: Path
    calibration: Path
    test: Path
    calibration_samples: int = 512
    test_samples: int | None = None
    input_scale: Numbers | NumbersByInput = 1.0
    input_zero_point: Numbers | NumbersByInput = 0.0
    metric: str | None = None
    output: str | None = None


@dataclass(frozen=True)
class Entry:
    """One method with the values of each of its options, on some models, tensors and seeds."""

    method: str
    options: Mapping[str, tuple[OptionValue, ...]]
    models: tuple[str, ...]
    tensors: tuple[str, ...]
    seeds: tuple[int, ...]


@dataclass(frozen=True)
class StudyConfig:
    models: Mapping[str, StudyModel]
    entries: tuple[Entry, ...]
    reference: str | None = None
    name: str = field(default="study", compare=False)


def load(path: Path, data: Path | None = None) -> StudyConfig:
    """Reads STUDY.yaml; `data` is where its relative paths begin, by default its own directory.

    Raises RecipeError, naming the file and the key, for whatever does not fit.
    """
    return strict_yaml.parsed(path, "study", lambda text: parse(text, data or path.parent, path.stem), "examples are in examples/study")


def parse(text: str, root: Path, name: str = "study") -> StudyConfig:
    """A study from YAML text, its relative paths below `root`. Raises RecipeError."""
    data = mapping("study", strict_yaml.load(text))
    check_known("study", data, SECTIONS)
    if data.get("dqa_study") != VERSION or isinstance(data.get("dqa_study"), bool):
        raise RecipeError(
            f"dqa_study: expected {VERSION}, got {data.get('dqa_study')!r:.40}", hint=f"its first line must be 'dqa_study: {VERSION}'"
        )
    models = {key: _model(key, value, root) for key, value in mapping("models", data.get("models")).items()}
    if not models:
        raise RecipeError("models: expected at least one")
    seeds = _seeds("seeds", data.get("seeds", [0]))
    tensors = _names("tensors", data.get("tensors", ["all"]), WHERE)
    rows = data.get("grid")
    if not isinstance(rows, list) or not rows:
        raise RecipeError(f"grid: expected a list of methods, got {rows!r:.40}", hint="for example: - {method: uniform, bits: [3, 4]}")
    entries = tuple(_entry(f"grid[{i}]", row, tuple(models), tensors, seeds) for i, row in enumerate(rows))
    reference = data.get("reference")
    if reference is not None and reference not in {entry.method for entry in entries}:
        raise RecipeError(f"reference: {reference!r:.40} is not a method of the grid")
    return StudyConfig(models, entries, reference, name)


def _model(name: str, value: object, root: Path) -> StudyModel:
    if not NAME.fullmatch(name):
        raise RecipeError(f"models: a name is small letters, digits, '_', '.' and '-', at most 40, got {name!r:.60}")
    where = f"models.{name}"
    data = mapping(where, value)
    check_known(where, data, MODEL_KEYS)
    paths = {}
    for key in ("model", "calibration", "test"):
        if not isinstance(data.get(key), str) or not data[key]:
            raise RecipeError(f"{where}.{key}: expected a path, got {data.get(key)!r:.40}")
        paths[key] = root / data[key]
    metric = data.get("metric")
    if metric is not None and metric not in METRICS:
        raise RecipeError(f"{where}.metric: expected one of {', '.join(METRICS)}, got {metric!r:.40}")
    output = data.get("output")
    if output is not None and not isinstance(output, str):
        raise RecipeError(f"{where}.output: expected the name of an output, got {output!r:.40}")
    test_samples = data.get("test_samples")
    return StudyModel(
        name,
        **paths,
        calibration_samples=whole(f"{where}.calibration_samples", data.get("calibration_samples", 512), 1, MAX_SAMPLES),
        test_samples=None if test_samples is None else whole(f"{where}.test_samples", test_samples, 1, MAX_SAMPLES),
        input_scale=numbers_by_input(f"{where}.input_scale", data.get("input_scale", 1.0), positive=True),
        input_zero_point=numbers_by_input(f"{where}.input_zero_point", data.get("input_zero_point", 0.0)),
        metric=metric,
        output=output,
    )


def _entry(where: str, value: object, models: tuple[str, ...], tensors: tuple[str, ...], seeds: tuple[int, ...]) -> Entry:
    data = mapping(where, value)
    method = data.get("method")
    if not isinstance(method, str):
        raise RecipeError(f"{where}.method: expected the name of a method, got {method!r:.40}")
    return Entry(
        method,
        {key: _values(f"{where}.{key}", given) for key, given in data.items() if key not in ENTRY_KEYS},
        _names(f"{where}.models", data["models"], models) if "models" in data else models,
        _names(f"{where}.tensors", data["tensors"], WHERE) if "tensors" in data else tensors,
        _seeds(f"{where}.seeds", data["seeds"]) if "seeds" in data else seeds,
    )


def _values(where: str, value: object) -> tuple[OptionValue, ...]:
    """One or several values of an option, in the order given; a value given twice counts once."""
    values = _list(where, value)
    for item in values:
        if not isinstance(item, OptionValue) or (isinstance(item, float) and not math.isfinite(item)):
            raise RecipeError(f"{where}: expected numbers, names, true or false, got {item!r:.40}")
    return tuple({(type(item), item): item for item in values}.values())


def _names(where: str, value: object, allowed: tuple[str, ...]) -> tuple[str, ...]:
    names = _list(where, value)
    for name in names:
        if name not in allowed:
            raise RecipeError(f"{where}: expected of {', '.join(allowed)}, got {name!r:.40}")
    return tuple(dict.fromkeys(names))


def _seeds(where: str, value: object) -> tuple[int, ...]:
    return tuple(dict.fromkeys(whole(where, item, 0, MAX_SEED) for item in _list(where, value)))


def _list(where: str, value: object) -> list[Any]:
    values = value if isinstance(value, list) else [value]
    if not 1 <= len(values) <= MAX_ALTERNATIVES:
        raise RecipeError(f"{where}: expected 1 to {MAX_ALTERNATIVES} values, got {len(values)}")
    return values
