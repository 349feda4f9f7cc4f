"""The recipe: settings and decisions of a conversion as YAML. Converting again with it gives the same bytes.

Only `config` need be there; a recipe written by hand, for use with any model, holds nothing else:

    dqa_recipe: 1
    config: {bits: 4, extra_bits: 2, important: 0.4, input_scale: 1/255}
    model: {sha256: ...}           the model file the decisions were made for
    calibration: {sha256: ...}     the data they were made from
    versions: {dqa: 0.1.0, ...}    what made them
    edges: {NAME: {...}}           what was decided for each edge; the keys are those of dqa.quantization
    phases: [0, 0, 1]              the phase of each operator; absent: each has one
    biases: {NAME: [0.1, ...]}     corrected biases of the layer that writes an edge
    builtins: {t3: [-1, 2.5]}      with TFLite builtins: the range of each tensor they read or write, by its number in the float .tflite
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from itertools import pairwise
from pathlib import Path
from typing import Any

import yaml

from dqa.errors import RecipeError
from dqa.support import strict_yaml
from dqa.support.settings import ConvertConfig, refuse_renamed
from dqa.support.strict_yaml import check_known, mapping

VERSION = 1
MAX_VALUE = 1e30
"""Of an activation; scales are float32."""
SECTIONS = ("dqa_recipe", "config", "model", "calibration", "versions", "edges", "phases", "builtins", "biases")


@dataclass(frozen=True)
class Recipe:
    """Settings, and, if a conversion wrote them, the hashes of its inputs and its decisions. Sections that are absent are empty."""

    config: ConvertConfig
    model_sha256: str | None = None
    calibration_sha256: str | None = None
    versions: Mapping[str, str] = field(default_factory=dict)
    edges: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    builtins: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    phases: tuple[int, ...] | None = None
    biases: Mapping[str, tuple[float, ...]] = field(default_factory=dict)

    def check_inputs(self, model_sha256: str, calibration_sha256: str | None) -> None:
        """Refuses (RecipeError) decisions that were made for another model or from other calibration data."""
        for name, wanted, got in (
            ("model", self.model_sha256, model_sha256),
            ("calibration", self.calibration_sha256, calibration_sha256),
        ):
            if wanted is not None and got is not None and wanted != got:
                raise RecipeError(
                    f"the recipe was made with another {name} file (sha256 {wanted[:12]}..., this one has {got[:12]}...)",
                    hint="keep only the recipe's dqa_recipe and config sections to use its settings here",
                )


def load(path: Path) -> Recipe:
    """Reads a recipe; whatever does not fit is a RecipeError that names the file and the key."""
    return strict_yaml.parsed(path, "recipe", parse, "--recipe takes the YAML file a conversion wrote")


def save(recipe: Recipe, path: Path) -> None:
    """Writes a recipe; equal recipes give equal bytes."""
    path.write_text(dump(recipe), encoding="utf-8", newline="\n")


def parse(text: str) -> Recipe:
    """A recipe from YAML text. Raises RecipeError."""
    data = mapping("recipe", strict_yaml.load(text))
    check_known("recipe", data, SECTIONS)
    if data.get("dqa_recipe") != VERSION:
        raise RecipeError(
            f"dqa_recipe: expected {VERSION}, got {data.get('dqa_recipe')!r}", hint=f"its first line must be 'dqa_recipe: {VERSION}'"
        )
    settings = mapping("config", data.get("config", {}))
    refuse_renamed(settings)
    check_known("config", settings, [item.name for item in fields(ConvertConfig)])
    return Recipe(
        config=ConvertConfig(**settings),
        model_sha256=_sha256("model", data.get("model")),
        calibration_sha256=_sha256("calibration", data.get("calibration")),
        versions={name: _text(f"versions.{name}", value) for name, value in mapping("versions", data.get("versions", {})).items()},
        edges={name: mapping(f"edges.{name}", value) for name, value in mapping("edges", data.get("edges", {})).items()},
        phases=_phases(data.get("phases")),
        biases={name: _bias(f"biases.{name}", value) for name, value in mapping("biases", data.get("biases", {})).items()},
        builtins={name: _range(f"builtins.{name}", value) for name, value in mapping("builtins", data.get("builtins", {})).items()},
    )


def dump(recipe: Recipe) -> str:
    """YAML text from which `parse` gives the same recipe."""
    data: dict[str, Any] = {"dqa_recipe": VERSION, "config": as_mapping(recipe.config)}
    if recipe.model_sha256 is not None:
        data["model"] = {"sha256": recipe.model_sha256}
    if recipe.calibration_sha256 is not None:
        data["calibration"] = {"sha256": recipe.calibration_sha256}
    if recipe.versions:
        data["versions"] = dict(recipe.versions)
    if recipe.edges:
        data["edges"] = recipe.edges
    if recipe.phases is not None:
        data["phases"] = list(recipe.phases)
    if recipe.biases:
        data["biases"] = recipe.biases
    if recipe.builtins:
        data["builtins"] = recipe.builtins
    return yaml.dump(_plain(data), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120, default_flow_style=None)


# libyaml's dumper where PyYAML has it: several times faster.
_SafeDumper: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


def as_mapping(config: ConvertConfig) -> dict[str, Any]:
    """The settings as plain data for YAML or JSON; those that have no effect with the others are left out."""
    return {name: _plain(value) for name, value in asdict(config).items() if value is not None}


class _Dumper(_SafeDumper):  # type: ignore[misc]
    def ignore_aliases(self, data: object) -> bool:
        return True


def _sha256(name: str, value: object) -> str | None:
    if value is None:
        return None
    section = mapping(name, value)
    check_known(name, section, ["sha256"])
    digest = section.get("sha256")
    if not isinstance(digest, str) or not re.fullmatch(r"[0-9a-f]{64}", digest):
        raise RecipeError(f"{name}.sha256: expected 64 hexadecimal digits, got {digest!r:.80}")
    return digest


def _phases(value: object) -> tuple[int, ...] | None:
    if value is None:
        return None
    numbers = value if isinstance(value, list) and value else [None]
    steps = [b - a for a, b in pairwise(numbers)] if all(type(n) is int for n in numbers) else [-1]
    if numbers[0] != 0 or any(step not in (0, 1) for step in steps):
        raise RecipeError(f"phases: expected whole numbers that begin at 0 and rise by at most 1, got {value!r:.60}")
    return tuple(numbers)


def _text(name: str, value: object) -> str:
    if not isinstance(value, str):
        raise RecipeError(f"{name}: expected text, got {value!r:.40}", hint="put quotes around it")
    return value


def _bias(name: str, value: object) -> tuple[float, ...]:
    if not isinstance(value, list) or not all(map(_is_value, value)):
        raise RecipeError(f"{name}: expected a list of numbers within {MAX_VALUE:g}, got {value!r:.40}")
    return tuple(map(float, value))


def _is_value(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= MAX_VALUE


def _range(name: str, value: object) -> tuple[float, float]:
    ends = value if isinstance(value, list) else []
    if len(ends) != 2 or not all(map(_is_value, ends)):
        raise RecipeError(f"{name}: expected the lowest and the highest value, within {MAX_VALUE:g}, got {value!r:.40}")
    if ends[0] > ends[1]:
        raise RecipeError(f"{name}: the lowest value, {ends[0]!r}, is above the highest, {ends[1]!r}")
    return float(ends[0]), float(ends[1])


def _plain(value: Any) -> Any:
    """YAML's own types: tuples become lists, numpy's numbers and arrays Python's; floats are written so that they read back exactly."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"a recipe cannot hold {value}")
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise TypeError(f"a recipe cannot hold a {type(value).__name__}")
