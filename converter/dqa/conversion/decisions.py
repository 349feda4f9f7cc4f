"""Decides the format of every activation, from calibration data or from a recipe."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from dqa.calibration import ChannelStatistics, collect, observe, tensor_ranges
from dqa.conversion.no_data import with_ranges
from dqa.conversion.recipe import Recipe
from dqa.conversion.request import Request
from dqa.data import dataset as datasets
from dqa.errors import RecipeError
from dqa.frontend import FloatModel
from dqa.graph.twins import twins
from dqa.lowering.build import build, edge_order
from dqa.lowering.flow import flowing
from dqa.lowering.planned import Planned, Planner, planned_layout
from dqa.operators.registry import float_operator
from dqa.partition.extract import tensor_name
from dqa.partition.split import Ranges, Split, split
from dqa.program import Storage
from dqa.quantization.calibrated import BorderFormat, Calibrated, like
from dqa.quantization.coded import bit_allocation
from dqa.quantization.coded.bit_allocation import BitAllocation, BitAllocator
from dqa.quantization.coded.search import CodedRange
from dqa.quantization.decide import decide, free_ranges, plain_int8
from dqa.quantization.formats import Reason, TensorFormat, affine, raw
from dqa.quantization.serialize import from_mapping
from dqa.quantization.shared_range import FreeRange, StorageChoice
from dqa.quantization.shared_scales import Ties
from dqa.support.arrays import Float32, Float64
from dqa.support.progress import Progress
from dqa.support.settings import MAX_BITS, ConvertConfig

Formats = dict[int, TensorFormat]

UNLIKE = 2
"""Ratio of the ranges of two features from which on each gets a scale of its own."""


@dataclass(frozen=True, eq=False)
class Decisions:
    """cut: how the network is split. formats: of each activation of cut.part. phases: of each operator, None: each by itself.

    choices, coded: what the formats were made of, beside what calibration saw (`decide`). planned: the plan within a RAM budget, if one was
    made here. biases: corrected ones of layers, by output tensor; a recipe's, at first.
    """

    cut: Split
    formats: Formats
    phases: tuple[int, ...] | None = None
    choices: Mapping[int, StorageChoice] | None = None
    coded: Mapping[int, TensorFormat] | None = None
    planned: Planned | None = None
    biases: Mapping[int, Float64] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Known:
    """A network and what calibration saw of it. x: the calibration samples, float32 (N, *shape).

    allocators: what was found out of coded maps, by the tensors that may be coded; it holds for any bits.
    """

    model: FloatModel
    cut: Split
    network: Calibrated
    x: Float32
    allocators: dict[tuple[int, ...], BitAllocator] = field(default_factory=dict)

    def maps(self, free: Sequence[FreeRange]) -> tuple[dict[int, Float32], Float32]:
        """Sample maps of the tensors of `free`, and the inputs that made them."""
        few = self.x[datasets.subset(len(self.x), bit_allocation.sample_count(free, self.cut.part))]
        source = {t: self.cut.origin.get(t, t) for one in free for t in one.members}
        parts: dict[int, list[Float32]] = {t: [] for t in source.values()}
        observe(self.model, few, list(parts), lambda tensor, values: parts[tensor].append(values))
        return {t: np.concatenate(parts[origin]) for t, origin in source.items()}, few

    def with_bits(self, bits: float) -> Known:
        """The same for another average of stored bits."""
        config = replace(self.network.config, ram=None, bits=bits)
        return replace(self, network=replace(self.network, config=config))


def observed(request: Request, progress: Progress) -> Known:
    """Looks at every calibration sample. Raises ModelError, DataError, ToolError."""
    model, config, x = request.model, request.settings, request.samples()
    cut = split(model, lambda tensors: tensor_ranges(model, x, tensors, progress))
    seen = {tensor.index: cut.origin.get(tensor.index, tensor.index) for tensor in cut.part.activations()}
    statistics = collect(model, model.graph, x, progress, tensors=list(dict.fromkeys(seen.values())))
    if request.stand_in:
        assert model.quantized is not None
        statistics = with_ranges(statistics, model.quantized.ranges)
    given = cut.builtins.formats if cut.builtins is not None else {}
    inputs = {t: given[t] for t in cut.part.inputs if t in given}
    inputs |= _input_formats(model, cut, statistics, request.dtypes, config, own_scales=True)
    outputs = {t: given[t] for t in cut.part.outputs if t in given}
    return Known(model, cut, Calibrated(cut.part, {t: statistics[source] for t, source in seen.items()}, inputs, config, outputs), x)


def chosen(known: Known, progress: Progress) -> Decisions:
    """Decisions within the average of stored bits, or the RAM budget, that the settings give.

    Raises RecipeError, BoardError (a budget that no plan fits).
    """
    config = known.network.config
    if config.continuous:
        with progress.task("Choosing formats", None):
            return made(known, *_endless(known))
    if isinstance(config.ram, int):
        plans = planner(known, progress)
        with progress.task("Planning", None):
            return planned(known, plans.within(config.ram))
    if config.maps == "coded" and config.packing.bits == MAX_BITS:
        return eight_bits(known)  # a code has at most as many, and costs time
    with progress.task("Choosing formats", None):
        choices, coded, phases = _coded(known) if config.maps == "coded" else (None, None, None)
        return made(known, choices, coded, phases)


def made(
    known: Known,
    choices: Mapping[int, StorageChoice] | None = None,
    coded: Mapping[int, TensorFormat] | None = None,
    phases: tuple[int, ...] | None = None,
    plan: Planned | None = None,
) -> Decisions:
    """What `choices` and `coded` come to with these ranges."""
    formats = decide(known.network, choices, coded)
    for tensor in set(known.cut.part.outputs).difference(known.cut.graph.outputs):
        formats[tensor] = replace(formats[tensor], reason=Reason.BORDER)
    return Decisions(known.cut, formats, phases, choices, coded, plan)


def planned(known: Known, plan: Planned) -> Decisions:
    """The decisions of a plan."""
    return made(known, plan.choices, plan.coded, plan.phases, plan)


def eight_bits(known: Known) -> Decisions:
    """Every activation in plain bytes: what fewer bits are measured against."""
    free = free_ranges(known.network)
    return made(known, {t: StorageChoice(Storage.RAW_INT8, reason=Reason.EIGHT) for one in free for t in one.members})


def int8(known: Known, dtypes: Sequence[np.dtype[Any]]) -> Decisions:
    """int8 as TensorFlow Lite has it. dtypes: of the calibration data of each input."""
    network = known.network
    own = _input_formats(known.model, known.cut, network.statistics, dtypes, network.config, own_scales=False)
    inputs = dict(network.inputs) | own
    return Decisions(known.cut, plain_int8(replace(network, inputs=inputs)))


def _endless(known: Known) -> tuple[Mapping[int, StorageChoice], None, tuple[int, ...]]:
    """All rows flow, in one phase; `build` gives the rings their rows. Raises RecipeError, ProgramError where they cannot go on."""
    ring = StorageChoice(Storage.RING, ring_rows=1, reason=Reason.PASSING)
    return {t: ring for one in free_ranges(known.network) for t in one.members}, None, (0,) * len(known.cut.part.ops)


def _coded(known: Known) -> tuple[Mapping[int, StorageChoice], Mapping[int, TensorFormat], tuple[int, ...] | None]:
    """Plain bytes and rings, coded maps, and the phases in which rows pass; None where none do."""
    network, graph, bits = known.network, known.network.graph, known.network.config.packing.bits
    free, phases, rings = free_ranges(network), None, set[int]()
    if free and known.cut.builtins is None:
        phases, rings = _flowing(network, free)
    left = [one for one in free if not rings.issuperset(one.members)]
    few = {t for one in left if bit_allocation.few(one, graph, bits) for t in one.members}
    kept = [one for one in left if not few.issuperset(one.members)]
    found = _stored(known, kept) if kept else BitAllocation({}, {})
    plain, ring = StorageChoice(Storage.RAW_INT8, reason=Reason.FEW), StorageChoice(Storage.RING, ring_rows=1, reason=Reason.PASSING)
    return {**found.choices, **dict.fromkeys(few, plain), **dict.fromkeys(rings, ring)}, found.coded, phases


def _flowing(network: Calibrated, free: Sequence[FreeRange]) -> tuple[tuple[int, ...] | None, set[int]]:
    """The phases and the tensors whose rows flow; no phases where none does."""
    whole = decide(network, {t: StorageChoice(Storage.MAP, 7) for one in free for t in one.members})
    order = edge_order(network.graph)
    alone = {one.members[0] for one in free if len(one.members) == 1}
    program = build(network.graph, whole, weight_bits=network.config.weight_bits)
    found = flowing(program, {number for number, tensor in enumerate(order) if tensor in alone}, network.config.packing.bits)
    return (found.phases if found.edges else None), {order[number] for number in found.edges}


def _stored(known: Known, free: Sequence[FreeRange]) -> BitAllocation:
    """Coded maps within the average of stored bits."""
    graph, bits = known.network.graph, known.network.config.packing.bits
    tensors = tuple(t for one in free for t in one.members)
    if tensors not in known.allocators:
        maps, few = known.maps(free)
        # What only the float network as a whole can tell is not known of a network of several parts.
        known.allocators[tensors] = BitAllocator(graph, free, maps, few if known.cut.builtins is None else None)
    search = known.allocators[tensors]
    values = sum(int(np.prod(graph.tensors[t].hwc)) for t in tensors)
    if search.least > (budget := int(bits * values / 8)):
        least = np.ceil(search.least * 800 / values) / 100
        raise RecipeError(f"bits: this model takes at least {least:g}, got {bits:g}", hint="or choose maps planes")
    return search.within(budget)


def planner(known: Known, progress: Progress) -> Planner:
    """Plans for any RAM budget. Raises RecipeError for a network with TFLite builtins."""
    config = known.network.config
    if known.cut.builtins is not None:
        raise RecipeError("ram: a model with operators that stay TFLite builtins cannot be planned", hint="convert it without --ram")
    coded: Sequence[CodedRange] = ()
    if config.maps == "coded":
        with progress.task("Pricing coded maps", None):
            free = [one for one in free_ranges(known.network) if len(one.members) == 1]
            coded = bit_allocation.coded_ranges(known.network.graph, free, *known.maps(free)) if free else ()
    with progress.task("Looking at ways to plan", None):
        return Planner(known.network, layout=planned_layout(config), coded=coded)


def from_recipe(model: FloatModel, recipe: Recipe) -> Decisions:
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


def _takes_tokens(cut: Split, entry: int) -> bool:
    """Whether the input holds nothing but tokens, whole numbers that no scale may change."""
    readers = cut.graph.consumers(entry)
    return bool(readers) and all(op.kind == "EMBEDDING" for op in readers)


def _own_scales(cut: Split, entry: int) -> bool:
    """Whether each channel of the input may have a scale of its own: weights take them in, and nothing ties one channel to another."""
    if entry not in cut.part.inputs or entry in cut.part.outputs:
        return False
    channels = Ties(cut.part).channels(entry)
    return len(set(channels.tolist())) == len(channels) > 1


def _input_formats(
    model: FloatModel,
    cut: Split,
    statistics: Mapping[int, ChannelStatistics],
    dtypes: Sequence[np.dtype[Any]],
    config: ConvertConfig,
    *,
    own_scales: bool,
) -> dict[int, BorderFormat]:
    """Of each input. dtypes: of its data. own_scales: each of its channels may have one, where that is possible."""
    mappings = datasets.InputMapping.each(model.entries, config.input_scale, config.input_zero_point)
    seen = _together(cut, statistics) if own_scales else statistics
    return {
        entry: _input_format(entry, dtype, mapping, seen[entry], cut, own_scales and _own_scales(cut, entry))
        for entry, dtype, mapping in zip(model.graph.inputs, dtypes, mappings, strict=True)
    }


def _together(cut: Split, statistics: Mapping[int, ChannelStatistics]) -> Mapping[int, ChannelStatistics]:
    """Inputs that the same layers read (siamese networks), and that are alike, have the ranges of all of them."""
    found = dict(statistics)
    for one in twins(cut.part):
        entries = [t for t in one if t in cut.part.inputs]
        alike = [t for t in entries if like(statistics[t], statistics[entries[0]])]
        for entry in alike:
            low, high = (np.array([getattr(statistics[t], end) for t in alike]) for end in ("minimum", "maximum"))
            samples = sum(statistics[t].samples for t in alike)
            found[entry] = replace(statistics[entry], minimum=low.min(axis=0), maximum=high.max(axis=0), samples=samples)
    return found


def _input_format(
    entry: int, dtype: np.dtype[Any], mapping: datasets.InputMapping, statistics: ChannelStatistics, cut: Split, own_scales: bool
) -> BorderFormat:
    """uint8 and int8 data are taken as they are; wider data get an int8 scale from calibration, where possible (own_scales) each feature
    one of its own if their ranges are unlike; tokens stay the numbers they are."""
    channels = cut.graph.tensors[entry].hwc[2]
    if dtype in (np.uint8, np.int8):
        return BorderFormat(dtype.name, *mapping.per_channel(channels))
    if _takes_tokens(cut, entry):
        return BorderFormat("int8", np.ones(channels), np.full(channels, -128.0))
    room = 1 + 8 / np.sqrt(max(statistics.samples, 64)) if own_scales else 1.0
    lows, highs = np.minimum(statistics.minimum * room, 0.0), np.maximum(statistics.maximum * room, 0.0)
    widest = float((highs - lows).max())
    if not own_scales or widest <= UNLIKE * float((highs - lows).min()):
        lows, highs = np.full(channels, lows.min()), np.full(channels, highs.max())
    never = highs - lows <= 1e-6 * widest  # a feature that calibration has not seen vary
    pairs = [affine(float(low), float(high)) for low, high in zip(np.where(never, 0, lows), np.where(never, widest, highs), strict=True)]
    return BorderFormat("int8", np.array([scale for scale, _ in pairs]), np.array([zero for _, zero in pairs]))
