"""Decides the format of every activation from calibration statistics and the settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dqa.calibration import ChannelStatistics, around_zero
from dqa.graph import Graph
from dqa.operators.functions import CLAMPS
from dqa.operators.registry import float_operator
from dqa.program import ErrorCoding, Storage
from dqa.quantization.clipping import best_step, levels
from dqa.quantization.formats import Floats, Reason, TensorFormat, packed, raw, value_range, whole
from dqa.quantization.histogram import Histogram
from dqa.quantization.ranking import most_important, scores
from dqa.quantization.sensitivity import sensitivities
from dqa.quantization.shared_scales import Ties
from dqa.support.settings import ConvertConfig

SMALL_SHARE = 0.01
"""Edges with at most this share of all activations keep 8 bits: they cost nothing and often carry the answer."""

"""Scale and zero point of table operators' outputs, as in TFLite's int8 specification."""

_NON_NEGATIVE = frozenset({"RELU", "RELU6"})


@dataclass(frozen=True, eq=False)
class InputFormat:
    """Bytes as the outside has them: `dtype` is "uint8" or "int8", real = (byte - zero_point) * scale, per channel (C,)."""

    dtype: str
    scales: Floats
    zero_points: Floats
    reason: Reason = Reason.INPUT


@dataclass(frozen=True)
class EdgeChoice:
    """A planner's choice for one activation: a ring of rows, plain bytes, or a packed map of code_bits + extra_bits."""

    storage: Storage
    code_bits: int = 8
    extra_bits: int = 0
    important: float = 0.0


@dataclass(frozen=True, eq=False)
class FreeGroup:
    """Tensors that share a value range and whose storage is free to choose.

    rows: of each tensor, the scale variable of each channel. finest: the steps (V,) at which 7 bits (8 if signed) just hold the range.
    """

    members: tuple[int, ...]
    signed: bool
    rows: Mapping[int, npt.NDArray[np.int64]]
    finest: Floats


def decide(
    graph: Graph,
    statistics: Mapping[int, ChannelStatistics],
    inputs: Mapping[int, InputFormat],
    config: ConvertConfig,
    outputs: Mapping[int, InputFormat] | None = None,
    choices: Mapping[int, EdgeChoice] | None = None,
    coded: Mapping[int, TensorFormat] | None = None,
) -> dict[int, TensorFormat]:
    """The format of each activation tensor, by tensor number.

    Tied tensors (see `ties`) get one value range and tied channels one scale. Small edges, the inputs of tables and the borders of
    the model keep 8 bits; the others become packed maps of config.bits + config.extra_bits, or what `coded` and `choices` (by tensor) say.
    inputs: the formats of all the graph's inputs. outputs: of outputs whose readers ask for one (one scale for all channels); tensors
    tied to them must bear it (dqa.partition.copies sees to that).
    """
    ties = Ties(graph)
    total = sum(int(np.prod(t.hwc)) for t in graph.activations() if t.index not in graph.inputs)
    formats: dict[int, TensorFormat] = {}
    for members in ties.groups().values():
        group = _Group(graph, ties, members, statistics, config, total)
        fixed = group.fixed(inputs, outputs or {})
        if fixed is None and coded is not None and members[0] in coded:
            fixed = {tensor: coded[tensor] for tensor in members}
        formats.update(group.free(choices) if fixed is None else fixed)
    return formats


def free_groups(
    graph: Graph,
    statistics: Mapping[int, ChannelStatistics],
    inputs: Mapping[int, InputFormat],
    config: ConvertConfig,
    outputs: Mapping[int, InputFormat] | None = None,
) -> list[FreeGroup]:
    """The groups of tensors whose formats nothing asks for: those that `decide` makes packed maps of."""
    ties = Ties(graph)
    total = sum(int(np.prod(t.hwc)) for t in graph.activations() if t.index not in graph.inputs)
    groups = (_Group(graph, ties, members, statistics, config, total) for members in ties.groups().values())
    return [group.freedom() for group in groups if group.fixed(inputs, outputs or {}) is None]


class _Group:
    """The tensors that share one value range."""

    def __init__(
        self,
        graph: Graph,
        ties: Ties,
        members: list[int],
        statistics: Mapping[int, ChannelStatistics],
        config: ConvertConfig,
        total: int,
    ) -> None:
        self.graph, self.ties, self.members, self.statistics, self.config = graph, ties, members, statistics, config
        self.small = max(int(np.prod(graph.tensors[t].hwc)) for t in members) <= SMALL_SHARE * total
        self.producers = {t: graph.producer(t) for t in members}
        # Values come into being only here; the other members hold copies.
        self.roots = [t for t in members if (op := self.producers[t]) is None or not float_operator(op.kind).moves]

    def fixed(self, inputs: Mapping[int, InputFormat], outputs: Mapping[int, InputFormat]) -> dict[int, TensorFormat] | None:
        """The formats that the borders of the model and tables ask for; None if they ask for none."""
        given = [t for t in self.members if t in self.graph.inputs]
        if given:
            return self._from_input(inputs)
        if wanted := next((outputs[t] for t in self.members if t in outputs), None):
            return self._uniform(wanted.reason, float(wanted.scales[0]), float(wanted.zero_points[0]))
        for tensor in self.roots:
            op = self.producers[tensor]
            if op is not None and (fixed := float_operator(op.kind).fixed_output) is not None:
                return self._uniform(Reason.TABLE, *fixed)
        if any(t in self.graph.outputs for t in self.members):
            return self._uniform(Reason.OUTPUT, *self._affine())
        if any(float_operator(op.kind).by_table for t in self.members for op in self.graph.consumers(t)):
            return self._uniform(Reason.TABLE_INPUT, *self._affine())
        return None

    def freedom(self) -> FreeGroup:
        signed = self._signed()
        finest = self._steps(8 if signed else 7, signed)
        return FreeGroup(tuple(self.members), signed, self._rows, finest)

    def free(self, choices: Mapping[int, EdgeChoice] | None) -> dict[int, TensorFormat]:
        """The formats where nothing asks for one."""
        if choices is not None and self.members[0] in choices:
            return self._planned({t: choices[t] for t in self.members})
        if self.small:
            return self._maps(code_bits=8, extra_bits=0, important=0.0, reason=Reason.SMALL)
        # One table serves all channels of a unary function, so it cannot round some of them for a coarser step.
        by_table = any(op is not None and float_operator(op.kind).by_table for op in self.producers.values())
        packing = self.config.packing
        extra = packing.extra_bits if packing.method == "dqa" and not by_table else 0
        return self._maps(code_bits=int(packing.bits), extra_bits=extra, important=packing.important, reason=Reason.MAP)

    def _planned(self, choices: Mapping[int, EdgeChoice]) -> dict[int, TensorFormat]:
        """The formats a planner chose. Members of one group share the range of 7 bits (8 if signed, or if one asks for
        8), of which a packed member keeps fewer."""
        signed = self._signed()
        if len(self.members) == 1:
            choice = choices[self.members[0]]
            if choice.storage is Storage.MAP:
                return self._maps(
                    code_bits=choice.code_bits, extra_bits=choice.extra_bits, important=choice.important, reason=Reason.PLANNED
                )
        wide = any(c.storage is Storage.RAW_INT8 or (c.storage is Storage.MAP and c.code_bits == 8) for c in choices.values())
        bits = 8 if signed or wide else 7
        kept = min(min(c.code_bits for c in choices.values()), bits)
        steps = self._steps(kept, signed) / (1 << (bits - kept))
        low, zero = value_range(bits, signed)
        result = {}
        for tensor, choice in choices.items():
            scales = steps[self._rows[tensor]]
            zeros = np.full(len(scales), float(zero))
            code_bits = choice.code_bits if choice.storage is Storage.MAP else bits
            result[tensor] = whole(
                self._shape(tensor), choice.storage, code_bits, bits - code_bits, low, zeros, scales, reason=Reason.PLANNED
            )
        return result

    def _shape(self, tensor: int) -> tuple[int, int, int]:
        return self.graph.tensors[tensor].hwc

    def _from_input(self, inputs: Mapping[int, InputFormat]) -> dict[int, TensorFormat]:
        scales: dict[int, float] = {}
        zeros: dict[int, float] = {}
        for tensor in self.members:
            if tensor in inputs:
                given = inputs[tensor]
                shift = 128.0 if given.dtype == "uint8" else 0.0
                for variable, scale, zero in zip(self.ties.channels(tensor), given.scales, given.zero_points, strict=True):
                    scales[int(variable)], zeros[int(variable)] = float(scale), float(zero) - shift
        first = next(iter(scales))
        reason = next(inputs[t].reason for t in self.members if t in inputs)
        result = {}
        for tensor in self.members:
            variables = self.ties.channels(tensor)
            s = np.array([scales.get(int(v), scales[first]) for v in variables])
            z = np.array([zeros.get(int(v), zeros[first]) for v in variables])
            unsigned = tensor in inputs and inputs[tensor].dtype == "uint8"
            result[tensor] = raw(reason, self._shape(tensor), s, z, unsigned_bytes=unsigned)
        return result

    def _uniform(self, reason: Reason, scale: float, zero: float) -> dict[int, TensorFormat]:
        """One scale and zero point for all channels, plain bytes."""
        return {t: raw(reason, self._shape(t), np.full(self._shape(t)[2], scale), np.full(self._shape(t)[2], zero)) for t in self.members}

    def _affine(self) -> tuple[float, float]:
        """Scale and integer zero point that spread 8 bits over the calibrated range, 0 included."""
        low = min(0.0, *(float(self.statistics[t].minimum.min()) for t in self.roots))
        high = max(0.0, *(float(self.statistics[t].maximum.max()) for t in self.roots))
        return affine(low, high)

    def _signed(self) -> bool:
        return not all(non_negative(self.graph, t) for t in self.roots)

    def _histograms(self) -> dict[int, Histogram]:
        """The histogram of every scale variable of the group; channels that only padding writes are always 0."""
        found: dict[int, Histogram] = {}
        for tensor in self.roots:
            histograms = Histogram.of_channels(self.statistics[tensor])
            for histogram, variable in zip(histograms, self.ties.channels(tensor), strict=True):
                v = int(variable)
                found[v] = found[v].merged(histogram) if v in found else histogram
        for tensor in self.members:
            for variable in self.ties.channels(tensor):
                found.setdefault(int(variable), Histogram.zero())
        return found

    def _prepare(self) -> None:
        """Histograms of all scale variables, and where each tensor's channels find theirs."""
        histograms = self._histograms()
        order = sorted(histograms)
        place = {variable: i for i, variable in enumerate(order)}
        self._rows = {t: np.array([place[int(v)] for v in self.ties.channels(t)]) for t in self.members}
        self._counts, self._centers = Histogram.stack([histograms[v] for v in order])
        self._limits = np.full(len(order), np.inf)
        for tensor in self.roots:
            op = self.producers[tensor]
            limit = CLAMPS.get(op.attrs.get("activation", "NONE") if op is not None else "NONE", (0, np.inf))[1]
            self._limits[self._rows[tensor]] = np.minimum(self._limits[self._rows[tensor]], limit)

    def _steps(self, bits: int, signed: bool) -> Floats:
        """The best step of each scale variable for codes of that many bits."""
        self._prepare()
        return best_step(self._counts, self._centers, bits, signed, self._limits)[0]

    def _maps(self, *, code_bits: int, extra_bits: int, important: float, reason: Reason) -> dict[int, TensorFormat]:
        signed = self._signed()
        packing = self.config.packing
        self._prepare()
        counts, centers, rows = self._counts, self._centers, self._rows
        fine_step, fine_error = best_step(counts, centers, code_bits + extra_bits, signed, self._limits)
        coarse_step, coarse_error = fine_step, fine_error
        chosen: dict[int, tuple[int, ...]] = dict.fromkeys(self.members, ())
        if extra_bits:
            coarse_step, coarse_error = best_step(counts, centers, code_bits, signed, self._limits)
            energy = (counts * centers * centers).sum(axis=1) / np.maximum(counts.sum(axis=1), 1)
            gain = np.maximum(coarse_error - fine_error, 0)
            for tensor in self.members:
                score = scores(
                    packing.ranking,
                    energy=energy[rows[tensor]],
                    gain=gain[rows[tensor]],
                    sensitivity=sensitivities(self.graph, tensor),
                    seed=packing.seed + tensor,
                )
                chosen[tensor] = most_important(score, important)
        kept = np.zeros(len(counts), dtype=bool)
        for tensor in self.roots:
            kept[rows[tensor][list(chosen[tensor])]] = True
        steps = np.where(kept, fine_step, coarse_step / (1 << extra_bits))
        low, high = levels(code_bits + extra_bits, signed)
        codes = np.clip(np.rint(centers / steps[:, None]), low, high).astype(np.int64) - low
        result = {}
        for tensor in self.members:
            own = rows[tensor][list(chosen[tensor])]
            symbols = (codes[own] & ((1 << extra_bits) - 1)).ravel()
            errors = np.bincount(symbols, weights=counts[own].ravel(), minlength=1 << extra_bits)
            result[tensor] = packed(
                self._shape(tensor),
                code_bits=code_bits,
                extra_bits=extra_bits,
                signed=signed,
                scales=steps[rows[tensor]],
                important=chosen[tensor],
                error_coding=ErrorCoding.RAW if packing.error_coding == "raw" else ErrorCoding.HUFFMAN,
                error_counts=errors.astype(np.float64),
                reason=reason,
            )
        return result


def affine(low: float, high: float) -> tuple[float, float]:
    """Scale and integer zero point that spread 8 bits over a range, 0 included."""
    low, high = around_zero(low, high)
    scale = (high - low) / 255
    return scale, float(np.rint(-128 - low / scale))


def non_negative(graph: Graph, tensor: int) -> bool:
    """Whether a tensor cannot be negative by its construction, whatever the data."""
    op = graph.producer(tensor)
    if op is None:
        return False
    room = float_operator(op.kind)
    if op.attrs.get("activation", "NONE") in _NON_NEGATIVE or room.positive:
        return True
    if op.attrs.get("activation", "NONE") == "NONE" and (room.moves or room.keeps_sign):
        return all(non_negative(graph, t) for t in op.inputs if not graph.tensors[t].is_constant)
    return False
