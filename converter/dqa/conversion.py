"""dqa.convert: a float model in, OUT/ with program, .tflite, C sources, recipe and report out."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from dqa import __version__, decisions, output
from dqa import data as datasets
from dqa import recipe as recipes
from dqa.config import ConvertConfig
from dqa.decisions import Formats
from dqa.errors import InputError, ModelError, RecipeError
from dqa.frontend import load_model
from dqa.graph import Graph, Tensor
from dqa.lowering.build import build, edge_order
from dqa.lowering.builtins import PACKAGE
from dqa.lowering.extract import tensor_name
from dqa.lowering.mixed import BuiltGroup, write_mixed
from dqa.lowering.split import Split
from dqa.lowering.tflite_writer import write_tflite
from dqa.manifest import sha256
from dqa.program import write
from dqa.progress import Progress, SilentProgress
from dqa.quantization.bias_correction import with_biases
from dqa.quantization.formats import Floats, TensorFormat
from dqa.quantization.serialize import to_mapping
from dqa.quantization.weight_methods.chosen import LayerWeights
from dqa.report import Interface, Port, build_mixed_report, build_report, plan_section


@dataclass(frozen=True)
class ConvertResult:
    """out: the directory written. report: the content of out/report.json. kept: names of files in `out` that are not dqa's, left alone."""

    out: Path
    report: dict[str, Any]
    kept: tuple[str, ...] = ()


def convert(
    model: Path | str,
    calibration: Path | str | None,
    out: Path | str,
    config: ConvertConfig | None = None,
    *,
    recipe: Path | str | None = None,
    progress: Progress | None = None,
) -> ConvertResult:
    """Converts a float model and writes `out`, which is new, empty, or what an earlier conversion wrote: that stays unless all succeeded.

    model: .h5, .keras, SavedModel directory or float .tflite. calibration: .npz with `x`; not needed if the recipe holds the decisions.
    config: settings; with a recipe they must be None, the recipe's hold. Raises ModelError, DataError, RecipeError, ToolError.
    """
    progress = progress or SilentProgress()
    model, out = Path(model), Path(out)
    output.check(out)
    calibration = Path(calibration) if calibration is not None else None
    saved = recipes.load(Path(recipe)) if recipe is not None else None
    if saved is not None and config is not None:
        raise RecipeError("settings are given twice, by the recipe and beside it", hint="edit the recipe's config section instead")
    settings = saved.config if saved is not None else config or ConvertConfig()
    decided = saved is not None and bool(saved.edges)
    if calibration is None and settings.weight_bits < 8:
        raise InputError("weights of 4 bits are made from calibration data, with a recipe as well", hint="give --calibration X.npz")
    if calibration is None and not decided:
        raise InputError(
            "calibration data is missing", hint="give --calibration X.npz with an array 'x', or a recipe that a conversion wrote"
        )
    dataset = datasets.load(calibration) if calibration is not None else None
    with progress.task("Reading the model", None):
        float_model = load_model(model)
    if len(float_model.graph.inputs) != 1:
        raise ModelError(f"the model has {len(float_model.graph.inputs)} inputs; models with one input are supported")
    if dataset is not None:
        datasets.check_shape(dataset, float_model.input.shape)
        datasets.InputMapping.of(settings.input_scale, settings.input_zero_point).check_channels(float_model.input.shape[-1])
    calibration_hash = sha256(calibration) if calibration is not None else None
    if saved is not None and decided:
        saved.check_inputs(float_model.sha256, calibration_hash)
        calibration_hash = saved.calibration_sha256
        choice = decisions.from_recipe(float_model, saved)
    else:
        assert dataset is not None
        choice = decisions.from_calibration(float_model, dataset, settings, progress)
    cut, formats = choice.cut, choice.formats
    weights = None
    if settings.weight_bits < 8:
        assert dataset is not None
        with progress.task("Choosing weights", None):
            weights = decisions.chosen_weights(float_model, choice, dataset, settings)
    biases = choice.biases
    if settings.bias_correction and not decided:
        assert dataset is not None
        with progress.task("Correcting biases", None):
            biases = decisions.corrected(float_model, choice, dataset, settings, weights or {})
    if weights is not None:
        weights = {t: replace(chosen, bias=biases.get(t, chosen.bias)) for t, chosen in weights.items()}
    with progress.task("Building the program", None):
        groups = [_build(group, formats, choice.phases, settings.weight_bits, weights, biases) for group in cut.groups]
    if settings.push_rows and (cut.builtins is not None or groups[0].program.pushed is None):
        raise RecipeError("push_rows: the input of this model cannot be pushed row by row", hint="convert it without --push-rows")
    ports = {t: _port(cut.graph.tensors[t], fmt) for t, fmt in decisions.border_formats(cut, formats).items()}
    ends = tuple(ports[t] for t in cut.graph.inputs), tuple(ports[t] for t in cut.graph.outputs)
    interface = Interface(*ends, settings.input_scale, settings.input_zero_point, settings.metric, settings.push_rows)
    source = Path(float_model.source).name
    with progress.task("Writing", None):
        tflite = _tflite(cut, groups, ports, source)
        report: dict[str, Any] = {
            "dqa": __version__,
            "model": {"source": source, "sha256": float_model.sha256},
            "config": recipes.as_mapping(settings),
            "interface": interface.to_json(),
            **_report(cut, groups, choice),
        }
        report["flash"]["tflite"] = len(tflite)
        names = cut.graph.activation_names()
        made = recipes.Recipe(
            settings,
            float_model.sha256,
            calibration_hash,
            _versions(cut),
            to_mapping(cut.graph, formats),
            {tensor_name(t): found for t, found in cut.ranges.items()},
            choice.phases,
            {names[t]: tuple(bias.tolist()) for t, bias in biases.items()},
        )
        kept = output.write(out, tflite, float_model.tflite, None if cut.builtins is not None else groups[0], interface, made, report)
    return ConvertResult(out, report, tuple(kept))


def _build(
    group: Graph,
    formats: Formats,
    phases: Sequence[int] | None,
    weight_bits: int,
    weights: Mapping[int, LayerWeights] | None,
    biases: Mapping[int, Floats],
) -> BuiltGroup:
    try:
        program = build(with_biases(group, biases), formats, phases, weight_bits=weight_bits, weights=weights)
        return BuiltGroup(group, program, write(program))
    except ValueError as error:
        raise RecipeError(f"the decisions do not make a valid program: {error}") from error


def _port(tensor: Tensor, fmt: TensorFormat) -> Port:
    unsigned = fmt.storage.name == "RAW_UINT8"
    scales, zeros = fmt.scales, fmt.zero_points + (128 if unsigned else 0)
    if np.all(scales == scales[0]) and np.all(zeros == zeros[0]):
        scales, zeros = scales[:1], zeros[:1]
    dtype = "uint8" if unsigned else "int8"
    return Port(tensor.name, tuple(tensor.shape[1:]), dtype, tuple(map(float, scales)), tuple(map(float, zeros)))


def _tflite(cut: Split, groups: Sequence[BuiltGroup], ports: Mapping[int, Port], source: str) -> bytes:
    if cut.builtins is not None:
        return write_mixed(groups, cut.builtins, cut.graph.inputs, cut.graph.outputs, ports, {"source": source})
    ends = [ports[t] for t in cut.graph.inputs], [ports[t] for t in cut.graph.outputs]
    return write_tflite(groups[0].program_bytes, groups[0].program, *ends, {"source": source})


def _report(cut: Split, groups: Sequence[BuiltGroup], choice: decisions.Decisions) -> dict[str, Any]:
    if cut.builtins is not None:
        return build_mixed_report(groups, cut, choice.formats)
    program, size = groups[0].program, len(groups[0].program_bytes)
    report = build_report(program, size, cut.graph, edge_order(cut.graph), choice.formats)
    return {**report, "plan": plan_section(program, choice.planned)}


def _versions(cut: Split) -> dict[str, str]:
    used = ["ai-edge-litert", "numpy", *([PACKAGE] if cut.builtins is not None else [])]
    return {"dqa": __version__, "python": platform.python_version(), **{name: metadata.version(name) for name in used}}
