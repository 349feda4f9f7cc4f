"""Builds what was decided and weighed: the programs, the model's ends, and the .tflite that carries both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from dqa.conversion.decisions import Decisions, Formats, border_formats
from dqa.conversion.layered import write_layers
from dqa.conversion.request import Request
from dqa.conversion.weights import Weighed
from dqa.errors import RecipeError
from dqa.graph import Graph, Tensor
from dqa.lowering import build as lowering
from dqa.lowering.planned import planned_layout
from dqa.partition.mixed import BuiltGroup, write_mixed
from dqa.planning.blocks import with_blocks
from dqa.planning.interpreter import ALIGNMENT, beside_operator
from dqa.program import Interface, LayoutName, Port, Program, write
from dqa.quantization.formats import TensorFormat
from dqa.quantization.weights.bias_correction import with_biases
from dqa.support.progress import Progress
from dqa.support.settings import ConvertConfig
from dqa.tflite.writer import write_tflite


@dataclass(frozen=True, eq=False)
class Built:
    """groups: one for each DQA operator of the .tflite, in order. source: the name of the model's file. alone: the group that is the
    whole network; None: TFLite builtins run a part of it. layers: the .tflite that shows each layer (dqa.conversion.layered)."""

    groups: Sequence[BuiltGroup]
    interface: Interface
    tflite: bytes
    source: str
    alone: BuiltGroup | None
    layers: bytes


def build(request: Request, decisions: Decisions, weighed: Weighed, progress: Progress) -> Built:
    """Raises RecipeError where a recipe's decisions make no valid program, or the input cannot be pushed as the settings ask."""
    settings, cut, formats = request.settings, decisions.cut, decisions.formats
    with progress.task("Building the program", None):
        groups = [_group(group, formats, decisions.phases, settings, weighed) for group in cut.groups]
    if settings.push_rows and (cut.builtins is not None or groups[0].program.pushed is None):
        raise RecipeError("push_rows: the input of this model cannot be pushed row by row", hint="convert it without --push-rows")
    ports = {t: _port(cut.graph.tensors[t], fmt) for t, fmt in border_formats(cut, formats).items()}
    outputs = (replace(ports[t], argmax=place in request.model.graph.argmax) for place, t in enumerate(cut.graph.outputs))
    ends = tuple(ports[t] for t in cut.graph.inputs), tuple(outputs)
    interface = Interface(*ends, settings.input_scale, settings.input_zero_point, settings.metric, settings.push_rows)
    source = Path(request.model.source).name
    tflite = _tflite(decisions, groups, ports, interface, source)
    every = {t: _port(cut.graph.tensors[t], fmt) for t, fmt in formats.items()} | ports
    layers = write_layers(groups, cut.builtins, cut.graph, every, source)
    return Built(groups, interface, tflite, source, None if cut.builtins is not None else groups[0], layers)


def _group(group: Graph, formats: Formats, phases: Sequence[int] | None, settings: ConvertConfig, weighed: Weighed) -> BuiltGroup:
    try:
        graph = with_biases(group, weighed.biases)
        endless = settings.continuous and phases is not None  # what it is measured against is not
        program = lowering.build(graph, formats, phases, weight_bits=settings.weight_bits, weights=weighed.layers, continuous=endless)
        program = with_blocks(program, _budgets(program, settings), settings.optimize)
        return BuiltGroup(group, program, write(program))
    except ValueError as error:
        raise RecipeError(f"the decisions do not make a valid program: {error}") from error


def _budgets(program: Program, settings: ConvertConfig) -> dict[LayoutName, int]:
    """What the arenas may take, where a budget was named."""
    if not isinstance(settings.ram, int):
        return {}
    name = planned_layout(settings)
    return {name: (settings.ram - beside_operator(program)) // ALIGNMENT * ALIGNMENT if name == "external" else settings.ram}


def _port(tensor: Tensor, fmt: TensorFormat) -> Port:
    unsigned = fmt.storage.name == "RAW_UINT8"
    scales, zeros = fmt.scales, fmt.zero_points + (128 if unsigned else 0)
    if np.all(scales == scales[0]) and np.all(zeros == zeros[0]):
        scales, zeros = scales[:1], zeros[:1]
    dtype = "uint8" if unsigned else "int8"
    return Port(tensor.name, tuple(tensor.shape[1:]), dtype, tuple(map(float, scales)), tuple(map(float, zeros)))


def _tflite(decisions: Decisions, groups: Sequence[BuiltGroup], ports: Mapping[int, Port], interface: Interface, source: str) -> bytes:
    graph, builtins = decisions.cut.graph, decisions.cut.builtins
    if builtins is not None:
        return write_mixed(groups, builtins, graph.inputs, graph.outputs, ports, {"source": source})
    return write_tflite(groups[0].program_bytes, groups[0].program, interface.inputs, interface.outputs, {"source": source})
