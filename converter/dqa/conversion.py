"""dqa.convert: a float model in, OUT/ with program, .tflite, C sources, recipe and report out."""

from __future__ import annotations

import hashlib
import json
import platform
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from dqa import __version__
from dqa import data as datasets
from dqa import recipe as recipes
from dqa.calibration import ChannelStatistics, collect
from dqa.codegen import render
from dqa.config import ConvertConfig
from dqa.errors import InputError, ModelError, RecipeError
from dqa.frontend import FloatModel, load_model
from dqa.graph import Graph
from dqa.lowering.build import build, edge_order
from dqa.lowering.scales import raise_to_useful
from dqa.lowering.supported import why_not
from dqa.lowering.tflite_writer import write_tflite
from dqa.program import Program, write
from dqa.progress import Progress, SilentProgress
from dqa.quantization.decide import InputFormat, decide
from dqa.quantization.formats import TensorFormat
from dqa.quantization.serialize import from_mapping, to_mapping
from dqa.report import Interface, Port, build_report


@dataclass(frozen=True)
class ConvertResult:
    """out: the directory written. report: the content of out/report.json."""

    out: Path
    report: dict[str, Any]


def convert(
    model: Path,
    calibration: Path | None,
    out: Path,
    config: ConvertConfig | None = None,
    *,
    recipe: Path | None = None,
    progress: Progress | None = None,
) -> ConvertResult:
    """Converts a float model and writes `out`; nothing is written unless all of it succeeded.

    model: .h5, .keras, SavedModel directory or float .tflite. calibration: .npz with `x`; not needed if the recipe holds the decisions.
    config: settings; with a recipe they must be None, the recipe's hold. Raises ModelError, DataError, RecipeError, ToolError.
    """
    progress = progress or SilentProgress()
    saved = recipes.load(recipe) if recipe is not None else None
    if saved is not None and config is not None:
        raise RecipeError("settings are given twice, by the recipe and beside it", hint="edit the recipe's config section instead")
    settings = saved.config if saved is not None else config or ConvertConfig()
    decided = saved is not None and bool(saved.edges)
    if calibration is None and not decided:
        raise InputError(
            "calibration data is missing", hint="give --calibration X.npz with an array 'x', or a recipe that a conversion wrote"
        )
    dataset = datasets.load(calibration) if calibration is not None else None
    with progress.task("Reading the model", None):
        float_model = load_model(model)
    graph = float_model.graph
    _check(graph)
    if dataset is not None:
        datasets.check_shape(dataset, float_model.input.shape)
        datasets.InputMapping.of(settings.input_scale, settings.input_zero_point).check_channels(float_model.input.shape[-1])
    calibration_hash = _sha256(calibration) if calibration is not None else None
    if saved is not None and decided:
        saved.check_inputs(float_model.sha256, calibration_hash)
        formats = from_mapping(graph, saved.edges)
        calibration_hash = saved.calibration_sha256
    else:
        assert dataset is not None
        formats = _calibrate(float_model, graph, dataset, settings, progress)
    with progress.task("Building the program", None):
        try:
            program = build(graph, formats)
            program_bytes = write(program)
        except ValueError as error:
            raise RecipeError(f"the decisions do not make a valid program: {error}") from error
    interface = _interface(graph, formats, settings)
    report: dict[str, Any] = {
        "dqa": __version__,
        "model": {"source": Path(float_model.source).name, "sha256": float_model.sha256},
        "config": recipes.as_mapping(settings),
        "interface": interface.to_json(),
        **build_report(program, len(program_bytes), graph, edge_order(graph), formats),
    }
    written = recipes.Recipe(settings, float_model.sha256, calibration_hash, _versions(), to_mapping(graph, formats))
    with progress.task("Writing", None):
        _write(out, float_model, program, program_bytes, interface, written, report)
    return ConvertResult(out, report)


def _check(graph: Graph) -> None:
    if len(graph.inputs) != 1:
        raise ModelError(f"the model has {len(graph.inputs)} inputs; models with one input are supported")
    reasons = [f"layer '{op.name}' ({op.kind}): {reason}" for op in graph.ops if (reason := why_not(graph, op))]
    if reasons:
        more = f" (and {len(reasons) - 1} more)" if len(reasons) > 1 else ""
        raise ModelError(f"cannot convert {reasons[0]}{more}", hint="docs/models.md lists what is supported")


def subset(count: int, limit: int) -> npt.NDArray[np.int64]:
    """At most `limit` of `count` sample numbers, evenly spread, so that sorted files are represented."""
    return np.unique(np.linspace(0, count - 1, min(count, limit)).astype(np.int64))


def _calibrate(
    model: FloatModel, graph: Graph, dataset: datasets.Dataset, config: ConvertConfig, progress: Progress
) -> dict[int, TensorFormat]:
    chosen = subset(len(dataset.x), config.calibration_samples)
    mapping = datasets.InputMapping.of(config.input_scale, config.input_zero_point)
    statistics = collect(model, graph, mapping.to_float(dataset.x[chosen]), progress)
    with progress.task("Choosing formats", None):
        tensor = graph.inputs[0]
        given = _input_format(dataset.x.dtype, statistics[tensor], graph.tensors[tensor].hwc[2], config)
        return raise_to_useful(graph, decide(graph, statistics, {tensor: given}, config))


def _input_format(dtype: np.dtype[Any], statistics: ChannelStatistics, channels: int, config: ConvertConfig) -> InputFormat:
    """uint8 and int8 data are taken as they are; wider data get an int8 scale from calibration."""
    if dtype in (np.uint8, np.int8):
        return InputFormat(dtype.name, *datasets.InputMapping.of(config.input_scale, config.input_zero_point).per_channel(channels))
    low, high = min(0.0, float(statistics.minimum.min())), max(0.0, float(statistics.maximum.max()))
    scale = (high - low) / 255 or 1.0
    return InputFormat("int8", np.full(channels, scale), np.full(channels, np.rint(-128 - low / scale)))


def _interface(graph: Graph, formats: dict[int, TensorFormat], config: ConvertConfig) -> Interface:
    def port(tensor: int) -> Port:
        fmt, info = formats[tensor], graph.tensors[tensor]
        unsigned = fmt.storage.name == "RAW_UINT8"
        scales, zeros = fmt.scales, fmt.zero_points + (128 if unsigned else 0)
        if np.all(scales == scales[0]) and np.all(zeros == zeros[0]):
            scales, zeros = scales[:1], zeros[:1]
        dtype = "uint8" if unsigned else "int8"
        return Port(info.name, tuple(info.shape[1:]), dtype, tuple(map(float, scales)), tuple(map(float, zeros)))

    return Interface(
        tuple(port(t) for t in graph.inputs),
        tuple(port(t) for t in graph.outputs),
        config.input_scale,
        config.input_zero_point,
        config.metric,
    )


def _versions() -> dict[str, str]:
    libraries = {name: metadata.version(name) for name in ("ai-edge-litert", "numpy")}
    return {"dqa": __version__, "python": platform.python_version(), **libraries}


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _write(
    out: Path,
    model: FloatModel,
    program: Program,
    program_bytes: bytes,
    interface: Interface,
    recipe: recipes.Recipe,
    report: dict[str, Any],
) -> None:
    from dqa.device import project

    tflite = write_tflite(program_bytes, program, interface.inputs, interface.outputs, {"source": Path(model.source).name})
    report["flash"]["tflite"] = len(tflite)
    try:
        out.mkdir(parents=True, exist_ok=True)
        (out / "model.tflite").write_bytes(tflite)
        (out / "model.dqa").write_bytes(program_bytes)
        (out / "float.tflite").write_bytes(model.tflite)
        recipes.save(recipe, out / "recipe.yaml")
        render(program, program_bytes, out / "src", interface)
        project.write(out)
        (out / "report.json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise InputError(f"cannot write to '{out}': {error.strerror}", hint="choose another directory with -o") from error
