"""Tensors that share a value range: the formats that something asks for, and those there may be where nothing does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from dqa.errors import ModelError
from dqa.graph import Graph
from dqa.operators.functions import CLAMPS
from dqa.operators.registry import float_operator
from dqa.program import ErrorCoding, Storage
from dqa.quantization.calibrated import Calibrated
from dqa.quantization.clipping import best_step, levels, one_sided
from dqa.quantization.formats import Reason, TensorFormat, affine, as_ring, packed, raw, value_range, whole
from dqa.quantization.histogram import Histogram
from dqa.quantization.ranking import most_important, scores
from dqa.quantization.sensitivity import sensitivities
from dqa.support.arrays import Float64, Int64

SMALL_SHARE = 0.01
"""Edges with at most this share of all activations keep 8 bits: they cost nothing and often carry the answer."""

TINY_VALUES = 32
"""Tensors of so few values are plain bytes: a code that adapts to its data has nothing to save there."""

PADDED = 0.6
"""Share of the squared steps that a zero off the middle must get by with where readers pad: zeros in the middle cost them nothing."""
_PADS = ("pad_top", "pad_left", "pad_bottom", "pad_right")

_NON_NEGATIVE = frozenset({"RELU", "RELU6"})


@dataclass(frozen=True)
class StorageChoice:
    """How one free activation is to be stored: plain bytes, or a packed map of code_bits + extra_bits.

    ring_rows: as a ring of so many rows, of values or packed; 0: whole. Raises ValueError for a ring of values without rows.
    """

    storage: Storage
    code_bits: int = 8
    extra_bits: int = 0
    important: float = 0.0
    ring_rows: int = 0
    reason: Reason = Reason.PLANNED

    def __post_init__(self) -> None:
        if self.storage is Storage.RING and self.ring_rows < 1:
            raise ValueError(f"a ring of {self.ring_rows} rows")


@dataclass(frozen=True, eq=False)
class FreeRange:
    """Tensors that share a value range and whose storage is free to choose.

    rows: of each tensor, the scale variable of each channel. finest: the steps (V,) at which 7 bits (8 if signed) just hold the range.
    """

    members: tuple[int, ...]
    signed: bool
    rows: Mapping[int, Int64]
    finest: Float64


class SharedRange:
    """The tensors that share one value range."""

    def __init__(self, network: Calibrated, members: Sequence[int]) -> None:
        self.graph, self.ties, self.statistics, self.config = network.graph, network.ties, network.statistics, network.config
        self.inputs, self.outputs, self.members = network.inputs, network.outputs, members
        self.small = max(int(np.prod(self.graph.tensors[t].hwc)) for t in members) <= SMALL_SHARE * network.values
        self.tiny = max(int(np.prod(self.graph.tensors[t].hwc)) for t in members) <= TINY_VALUES
        self.producers = {t: self.graph.producer(t) for t in members}
        # Values come into being only here; the other members hold copies.
        self.roots = [t for t in members if (op := self.producers[t]) is None or not float_operator(op.kind).moves]

    def fixed(self) -> dict[int, TensorFormat] | None:
        """The formats that the borders of the model and tables ask for; None if they ask for none."""
        if any(t in self.graph.inputs for t in self.members):
            return self._from_input()
        if wanted := next((self.outputs[t] for t in self.members if t in self.outputs), None):
            return self._uniform(wanted.reason, float(wanted.scales[0]), float(wanted.zero_points[0]))
        if (table := self._table_output()) is not None:
            return self._uniform(Reason.TABLE, *table)
        if any(t in self.graph.outputs for t in self.members):
            return self._uniform(Reason.OUTPUT, *self._affine())
        if any(float_operator(op.kind).by_table for t in self.members for op in self.graph.consumers(t)):
            return self._uniform(Reason.TABLE_INPUT, *self._affine())
        if self.tiny:
            return self._chosen(dict.fromkeys(self.members, StorageChoice(Storage.RAW_INT8, reason=Reason.FEW)))
        return None

    def plain(self) -> dict[int, TensorFormat]:
        """Bytes with one scale and zero point, spread over the calibrated extremes; inputs and tables keep theirs."""
        if any(t in self.graph.inputs for t in self.members):
            return self._from_input()
        return self._uniform(Reason.PLANNED, *(self._table_output() or self._affine(room=False)))

    def _table_output(self) -> tuple[float, float] | None:
        """Scale and zero point where a table gives the values."""
        kinds = [op.kind for t in self.roots if (op := self.producers[t]) is not None]
        return next((fixed for kind in kinds if (fixed := float_operator(kind).fixed_output) is not None), None)

    def freedom(self) -> FreeRange:
        signed = self._signed()
        finest = self._steps(8 if signed else 7, signed)
        return FreeRange(tuple(self.members), signed, self._rows, finest)

    def free(self, choices: Mapping[int, StorageChoice] | None) -> dict[int, TensorFormat]:
        """The formats where nothing asks for one."""
        if choices is not None and self.members[0] in choices:
            chosen = {t: choices[t] for t in self.members}
            formats = self._chosen(chosen).items()
            return {t: as_ring(fmt, self._shape(t), rows) if (rows := chosen[t].ring_rows) else fmt for t, fmt in formats}
        if self.small:
            return self._maps(code_bits=8, extra_bits=0, important=0.0, reason=Reason.SMALL)
        # One table serves all channels of a unary function, so it cannot round some of them for a coarser step.
        by_table = any(op is not None and float_operator(op.kind).by_table for op in self.producers.values())
        packing = self.config.packing
        extra = packing.extra_bits if packing.method == "dqa" and not by_table else 0
        return self._maps(code_bits=int(packing.bits), extra_bits=extra, important=packing.important, reason=Reason.MAP)

    def _chosen(self, choices: Mapping[int, StorageChoice]) -> dict[int, TensorFormat]:
        """The formats that were chosen, whole. Members share the range of 7 bits (8 if signed, or if one asks for 8), of which
        a packed member keeps fewer."""
        signed = self._signed()
        if len(self.members) == 1:
            choice = choices[self.members[0]]
            if choice.storage is Storage.MAP:
                return self._maps(
                    code_bits=choice.code_bits, extra_bits=choice.extra_bits, important=choice.important, reason=choice.reason
                )
        wide = any(c.storage is Storage.RAW_INT8 or c.code_bits == 8 for c in choices.values())
        bits = 8 if signed or wide else 7
        kept = min(min(c.code_bits for c in choices.values()), bits)
        low, zero = value_range(bits, signed)
        if signed and kept == 8:
            steps, zero = self._one_sided()
        else:
            steps = self._steps(kept, signed) / (1 << (bits - kept))
        result = {}
        for tensor, choice in choices.items():
            scales = steps[self._rows[tensor]]
            zeros = np.full(len(scales), float(zero))
            code_bits = choice.code_bits if choice.storage is Storage.MAP else bits
            result[tensor] = whole(
                self._shape(tensor), choice.storage, code_bits, bits - code_bits, low, zeros, scales, reason=choice.reason
            )
        return result

    def _shape(self, tensor: int) -> tuple[int, int, int]:
        return self.graph.tensors[tensor].hwc

    def _from_input(self) -> dict[int, TensorFormat]:
        inputs = self.inputs
        scales: dict[int, float] = {}
        zeros: dict[int, float] = {}
        for tensor in self.members:
            if tensor in inputs:
                given = inputs[tensor]
                shift = 128.0 if given.dtype == "uint8" else 0.0
                for variable, scale, zero in zip(self.ties.channels(tensor), given.scales, given.zero_points, strict=True):
                    own = float(scale), float(zero) - shift
                    if (scales.setdefault(int(variable), own[0]), zeros.setdefault(int(variable), own[1])) != own:
                        raise self._not_one_scale(tensor)
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

    def _not_one_scale(self, tensor: int) -> ModelError:
        names = " and ".join(f"'{op.name}' ({op.kind})" for op in self.graph.consumers(tensor))
        return ModelError(
            f"the channels of the input have scales or zero points of their own, which {names} cannot tell apart",
            hint="--input-scale and --input-zero-point of one number, or a Rescaling or convolution layer before it",
        )

    def _uniform(self, reason: Reason, scale: float, zero: float) -> dict[int, TensorFormat]:
        """One scale and zero point for all channels, plain bytes."""
        return {t: raw(reason, self._shape(t), np.full(self._shape(t)[2], scale), np.full(self._shape(t)[2], zero)) for t in self.members}

    def _affine(self, *, room: bool = True) -> tuple[float, float]:
        """Scale and integer zero point that spread 8 bits over the calibrated range, 0 included.

        room: for what a calibration of few values has not seen, a relative 8 / sqrt(values), but not where an activation ends.
        """
        low, high = 0.0, 0.0
        for tensor in self.roots:
            own, op = self.statistics[tensor], self.producers[tensor]
            wider = 1 + 8 / np.sqrt(max(own.samples * own.channels, 64)) if room else 1.0
            least, most = CLAMPS.get(op.attrs.get("activation", "NONE") if op is not None else "NONE", (-np.inf, np.inf))
            low = min(low, max(float(own.minimum.min()) * wider, least))
            high = max(high, min(float(own.maximum.max()) * wider, most))
        return affine(low, high)

    def _signed(self) -> bool:
        return not all(non_negative(self.graph, t) for t in self.roots)

    def _histograms(self) -> dict[int, Histogram]:
        """The histogram of every scale variable; channels that only padding writes are always 0."""
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
        self._limits, self._widest = np.full(len(order), np.inf), np.zeros(len(order))
        tops = np.where(self._counts > 0, np.abs(self._centers), 0.0).max(axis=1)
        for tensor in self.members:
            own = self._rows[tensor]
            self._widest[own] = np.maximum(self._widest[own], tops[own].max())
        for tensor in self.roots:
            op = self.producers[tensor]
            limit = CLAMPS.get(op.attrs.get("activation", "NONE") if op is not None else "NONE", (0, np.inf))[1]
            self._limits[self._rows[tensor]] = np.minimum(self._limits[self._rows[tensor]], limit)

    def _steps(self, bits: int, signed: bool) -> Float64:
        """The best step of each scale variable for codes of that many bits."""
        self._prepare()
        return best_step(self._counts, self._centers, bits, signed, self._limits, self._widest)[0]

    def _one_sided(self) -> tuple[Float64, int]:
        """The step of each scale variable and the zero point for signed codes of 8 bits."""
        self._prepare()
        readers = [op for tensor in self.members for op in self.graph.consumers(tensor)]
        pads = any(op.attrs.get(side) for op in readers for side in _PADS)
        return one_sided(self._counts, self._centers, self._limits, list(self._rows.values()), PADDED if pads else 1.0)

    def _maps(self, *, code_bits: int, extra_bits: int, important: float, reason: Reason) -> dict[int, TensorFormat]:
        signed = self._signed()
        packing = self.config.packing
        if signed and code_bits == 8:
            steps, zero = self._one_sided()
            zeros = {t: np.full(len(own), float(zero)) for t, own in self._rows.items()}
            return {t: whole(self._shape(t), Storage.MAP, 8, 0, -128, zeros[t], steps[own], reason=reason) for t, own in self._rows.items()}
        self._prepare()
        counts, centers, rows = self._counts, self._centers, self._rows
        fine_step, fine_error = best_step(counts, centers, code_bits + extra_bits, signed, self._limits, self._widest)
        coarse_step, coarse_error = fine_step, fine_error
        chosen: dict[int, tuple[int, ...]] = dict.fromkeys(self.members, ())
        if extra_bits:
            coarse_step, coarse_error = best_step(counts, centers, code_bits, signed, self._limits, self._widest)
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


def non_negative(graph: Graph, tensor: int) -> bool:
    """Whether a tensor cannot be negative by its construction, whatever the data."""
    op = graph.producer(tensor)
    if op is None:
        return False
    room = float_operator(op.kind)
    if op.attrs.get("activation", "NONE") in _NON_NEGATIVE or room.never_negative(op):
        return True
    if op.attrs.get("activation", "NONE") == "NONE" and (room.moves or room.keeps_sign):
        return all(non_negative(graph, t) for t in op.inputs if not graph.tensors[t].is_constant)
    return False
