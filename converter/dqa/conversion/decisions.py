"""Decides the format of every activation, from calibration data or from a recipe."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from dqa.calibration import ChannelStatistics, collect, observe, tensor_ranges
from dqa.conversion.recipe import Recipe
from dqa.conversion.request import Request
from dqa.data import dataset as datasets
from dqa.errors import RecipeError
from dqa.frontend import FloatModel
from dqa.lowering.build import build, edge_order
from dqa.lowering.flow import flowing
from dqa.lowering.planned import Planned, Planner
from dqa.operators.registry import float_operator
from dqa.partition.extract import tensor_name
from dqa.partition.split import Ranges, Split, split
from dqa.program import LayoutName, Storage
from dqa.quantization.calibrated import BorderFormat, Calibrated
from dqa.quantization.coded import bit_allocation
from dqa.quantization.coded.bit_allocation import BitAllocation
from dqa.quantization.coded.search import CodedRange
from dqa.quantization.decide import decide, free_ranges
from dqa.quantization.formats import Reason, TensorFormat, affine, raw
from dqa.quantization.serialize import from_mapping
from dqa.quantization.shared_range import FreeRange, StorageChoice
from dqa.support.arrays import Float32, Float64
from dqa.support.progress import Progress
from dqa.support.settings import ConvertConfig

Formats = dict[int, TensorFormat]


@dataclass(frozen=True, eq=False)
class Decisions:
    """cut: how the network is split. formats: of each activation of cut.part. phases: of each operator, None: each by itself.

    planned: the plan within a RAM budget, if one was made here. biases: corrected ones of layers, by output tensor; a recipe's, at first.
    """

    cut: Split
    formats: Formats
    phases: tuple[int, ...] | None = None
    planned: Planned | None = None
    biases: Mapping[int, Float64] = field(default_factory=dict)


def decide_all(request: Request, progress: Progress) -> Decisions:
    """What the recipe holds, or else decided from what calibration sees.

    Raises ModelError, DataError, RecipeError, ToolError, BoardError (a RAM budget that no plan fits).
    """
    return _from_calibration(request, progress) if request.recipe is None else _from_recipe(request.model, request.recipe)


def _from_calibration(request: Request, progress: Progress) -> Decisions:
    model, config, x = request.model, request.settings, request.samples()
    cut = split(model, lambda tensors: tensor_ranges(model, x, tensors, progress))
    seen = {tensor.index: cut.origin.get(tensor.index, tensor.index) for tensor in cut.part.activations()}
    statistics = collect(model, model.graph, x, progress, tensors=list(dict.fromkeys(seen.values())))
    with progress.task("Ranges of the ends", None):
        entry = model.graph.inputs[0]
        given = cut.builtins.formats if cut.builtins is not None else {}
        inputs = {t: given[t] for t in cut.part.inputs if t in given}
        inputs[entry] = _input_format(request.dtype, statistics[entry], model.graph.tensors[entry].hwc[2], config)
        outputs = {t: given[t] for t in cut.part.outputs if t in given}
        network = Calibrated(cut.part, {t: statistics[source] for t, source in seen.items()}, inputs, config, outputs)
    sampled = _Sampled(model, cut, x)
    if config.ram is not None:
        return _planned(network, sampled, progress)
    with progress.task("Choosing formats", None):
        formats, phases = _coded(network, sampled) if config.maps == "coded" else (decide(network), None)
    for tensor in set(cut.part.outputs).difference(cut.graph.outputs):
        formats[tensor] = replace(formats[tensor], reason=Reason.BORDER)
    return Decisions(cut, formats, phases)


@dataclass(frozen=True, eq=False)
class _Sampled:
    """A model and its calibration samples, float32 (N, *shape)."""

    model: FloatModel
    cut: Split
    x: Float32

    def maps(self, free: Sequence[FreeRange]) -> tuple[dict[int, Float32], Float32]:
        """Sample maps of the tensors of `free`, and the inputs that made them."""
        few = self.x[datasets.subset(len(self.x), bit_allocation.sample_count(free, self.cut.part))]
        source = {t: self.cut.origin.get(t, t) for one in free for t in one.members}
        parts: dict[int, list[Float32]] = {t: [] for t in source.values()}
        observe(self.model, few, list(parts), lambda tensor, values: parts[tensor].append(values))
        return {t: np.concatenate(parts[origin]) for t, origin in source.items()}, few


def _coded(network: Calibrated, sampled: _Sampled) -> tuple[Formats, tuple[int, ...] | None]:
    """Coded maps, and the phases in which rows flow instead; None where none do."""
    graph, bits = network.graph, network.config.packing.bits
    free, phases, rings = free_ranges(network), None, set[int]()
    if free and sampled.cut.builtins is None:
        phases, rings = _flowing(network, free)
    left = [one for one in free if not rings.issuperset(one.members)]
    few = {t for one in left if bit_allocation.few(one, graph, bits) for t in one.members}
    kept = [one for one in left if not few.issuperset(one.members)]
    found = _stored(network, sampled, kept) if kept else BitAllocation({}, {})
    plain, ring = StorageChoice(Storage.RAW_INT8, reason=Reason.FEW), StorageChoice(Storage.RING, ring_rows=1, reason=Reason.PASSING)
    return decide(network, {**found.choices, **dict.fromkeys(few, plain), **dict.fromkeys(rings, ring)}, found.coded), phases


def _flowing(network: Calibrated, free: Sequence[FreeRange]) -> tuple[tuple[int, ...] | None, set[int]]:
    """The phases and the tensors whose rows flow; no phases where none does."""
    whole = decide(network, {t: StorageChoice(Storage.MAP, 7) for one in free for t in one.members})
    order = edge_order(network.graph)
    alone = {one.members[0] for one in free if len(one.members) == 1}
    program = build(network.graph, whole, weight_bits=network.config.weight_bits)
    found = flowing(program, {number for number, tensor in enumerate(order) if tensor in alone}, network.config.packing.bits)
    return (found.phases if found.edges else None), {order[number] for number in found.edges}


def _stored(network: Calibrated, sampled: _Sampled, free: Sequence[FreeRange]) -> BitAllocation:
    """Coded maps within the average of stored bits."""
    graph, bits = network.graph, network.config.packing.bits
    maps, few = sampled.maps(free)
    values = sum(int(np.prod(graph.tensors[t].hwc)) for t in maps)
    # What only the float network as a whole can tell is not known of a network of several parts.
    search = bit_allocation.BitAllocator(graph, free, maps, few if sampled.cut.builtins is None else None)
    if search.least > (budget := int(bits * values / 8)):
        least = np.ceil(search.least * 800 / values) / 100
        raise RecipeError(f"bits: this model takes at least {least:g}, got {bits:g}", hint="or choose maps planes")
    return search.within(budget)


def _planned(network: Calibrated, sampled: _Sampled, progress: Progress) -> Decisions:
    config, cut = network.config, sampled.cut
    if cut.builtins is not None:
        raise RecipeError("ram: a model with operators that stay TFLite builtins cannot be planned", hint="convert it without --ram")
    coded: Sequence[CodedRange] = ()
    if config.maps == "coded":
        with progress.task("Pricing coded maps", None):
            free = [one for one in free_ranges(network) if len(one.members) == 1]
            coded = bit_allocation.coded_ranges(network.graph, free, *sampled.maps(free)) if free else ()
    with progress.task("Planning", None):
        layout: LayoutName = "external" if config.runtime == "tflm" else "pushed" if config.push_rows else "internal"
        planner = Planner(network, layout=layout, coded=coded)
        planned = planner.auto() if config.ram == "auto" else planner.within(int(config.ram or 0))
    return Decisions(cut, planned.formats, planned.phases, planned)


def _from_recipe(model: FloatModel, recipe: Recipe) -> Decisions:
    """Raises RecipeError where the recipe does not fit the network."""

    def ranges_of(tensors: Sequence[int]) -> Ranges:
        if missing := [tensor_name(t) for t in tensors if tensor_name(t) not in recipe.builtins]:
            raise RecipeError(f"builtins: '{missing[0]}' is missing", hint="remove the edges and builtins sections to decide anew")
        return {t: recipe.builtins[tensor_name(t)] for t in tensors}

    cut = split(model, ranges_of)
    tensors = [tensor.index for tensor in cut.part.activations()]
    formats = from_mapping(cut.graph, recipe.edges, tensors)
    names = cut.graph.activation_names()
    for tensor, given in (cut.builtins.formats if cut.builtins is not None else {}).items():
        fmt = formats.get(tensor)
        if fmt is not None and not (np.array_equal(fmt.scales, given.scales) and np.array_equal(fmt.zero_points, given.zero_points)):
            raise RecipeError(
                f"edges.{names[tensor]}: the builtin beside it has scale {given.scales[0]:.9g} and zero point {given.zero_points[0]:g}",
                hint="these follow from the ranges in the builtins section",
            )
    if recipe.phases is not None and (cut.builtins is not None or len(recipe.phases) != len(cut.part.ops)):
        raise RecipeError(
            f"phases: {len(recipe.phases)} for a model of {len(cut.part.ops)} operators", hint="the recipe belongs to another model"
        )
    return Decisions(cut, formats, recipe.phases, biases=_biases(cut, recipe))


def _biases(cut: Split, recipe: Recipe) -> dict[int, Float64]:
    """The biases of a recipe by output tensor."""
    names = cut.graph.activation_names()
    layers = {names[op.outputs[0]]: op for op in cut.part.ops if float_operator(op.kind).weighted}
    found = {}
    for name, values in recipe.biases.items():
        if name not in layers:
            raise RecipeError(f"biases: the model has no convolution or dense layer '{name}'", hint="the recipe belongs to another model")
        wanted = int(np.prod(cut.part.tensors[layers[name].inputs[2]].shape))
        if len(values) != wanted:
            raise RecipeError(f"biases.{name}: expected {wanted} numbers, got {len(values)}")
        found[layers[name].outputs[0]] = np.array(values, np.float64)
    return found


def border_formats(cut: Split, formats: Formats) -> Formats:
    """The formats of all tensors that cross a border, those that builtins alone write included."""
    given = cut.builtins.formats if cut.builtins is not None else {}
    ends = [*cut.graph.inputs, *cut.graph.outputs, *(t for group in cut.groups for t in [*group.inputs, *group.outputs]), *given]
    return {t: formats[t] if t in formats else _raw(cut, t, given[t]) for t in ends}


def _raw(cut: Split, tensor: int, given: BorderFormat) -> TensorFormat:
    return raw(given.reason, cut.graph.tensors[tensor].hwc, given.scales, given.zero_points)


def _input_format(dtype: np.dtype[Any], statistics: ChannelStatistics, channels: int, config: ConvertConfig) -> BorderFormat:
    """uint8 and int8 data are taken as they are; wider data get an int8 scale from calibration."""
    if dtype in (np.uint8, np.int8):
        return BorderFormat(dtype.name, *datasets.InputMapping.of(config.input_scale, config.input_zero_point).per_channel(channels))
    scale, zero_point = affine(float(statistics.minimum.min()), float(statistics.maximum.max()))
    return BorderFormat("int8", np.full(channels, scale), np.full(channels, zero_point))
