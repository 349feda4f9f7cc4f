"""The default of `dqa convert`: coded maps of a hard size, all chosen together (dqa.quantization.coded.bit_allocation).

Steps, allocation and simulation are those of a conversion; the network around the maps stays float.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from dqa.calibration import collect
from dqa.calibration.segments import Runner
from dqa.data.dataset import subset
from dqa.errors import RecipeError
from dqa.frontend import FloatModel
from dqa.graph import Graph
from dqa.lab.methods.base import SCALE_BITS, Calibration, Quantizer, Stored
from dqa.lab.methods.evaluate import capture
from dqa.program import Storage
from dqa.program.structs import CODED_TABLE_BYTES
from dqa.quantization.calibrated import BorderFormat, Calibrated
from dqa.quantization.coded import bit_allocation
from dqa.quantization.coded.read_back import read_back
from dqa.quantization.decide import decide, free_ranges
from dqa.quantization.formats import TensorFormat
from dqa.quantization.shared_range import FreeRange, StorageChoice
from dqa.quantization.weights import bias_correction
from dqa.support.arrays import Float32, Float64
from dqa.support.settings import ConvertConfig


@dataclass(frozen=True)
class CodedMethod:
    """bits: average of the hard stored bits per value over all tensors together, 1 to 8. bias_correction: as in dqa.support.settings."""

    name: ClassVar[str] = "coded"
    uses_order: ClassVar[bool] = False
    uses_consumers: ClassVar[bool] = False

    bits: float
    bias_correction: bool = False

    def __post_init__(self) -> None:
        if not 1 <= self.bits <= 8:
            raise ValueError(f"'bits' must be in 1..8 (got {self.bits})")

    def fit(self, calibration: Calibration) -> Quantizer:
        raise ValueError("coded maps share their bits among the tensors of a network: fit_network")

    def fit_network(self, network: CodedNetwork) -> tuple[Graph, dict[int, CodedQuantizer]]:
        """The network with the biases to use, and a quantizer for every hooked tensor. Raises RecipeError where the bits are too few."""
        quantizers = network.within(self.bits)
        return network.corrected(quantizers) if self.bias_correction else network.graph, quantizers


class CodedNetwork:
    """What coded maps of the hooked tensors of a network lose, for any number of bits.

    model: the network of runner.graph. x: float inputs (N, *input shape), the calibration samples.
    """

    def __init__(self, runner: Runner, model: FloatModel, x: Float32) -> None:
        graph, hooks = runner.graph, runner.hooks
        self.graph, self.x = graph, x[subset(len(x), bias_correction.samples(graph))]
        statistics = collect(model, graph, x)
        inputs = {t: _eight_bits(statistics[t].minimum, statistics[t].maximum) for t in graph.inputs}
        network = Calibrated(graph, statistics, inputs, ConvertConfig())
        free = free_ranges(network)
        formats = decide(network, {t: StorageChoice(Storage.MAP) for one in free for t in one.members})
        ranges = [one for one in (_among(one, hooks) for one in free) if one.members]
        few = x[subset(len(x), bit_allocation.sample_count(ranges, graph))]
        self.free = [t for one in ranges for t in one.members]
        self.shapes = {t: graph.tensors[t].hwc for t in hooks}
        self.plain = {t: formats[t] for t in hooks}
        self.search = bit_allocation.BitAllocator(graph, ranges, capture(runner, few, self.free), few)

    def within(self, bits: float) -> dict[int, CodedQuantizer]:
        """A quantizer for every hooked tensor, together at most `bits` per value. Raises RecipeError where these are too few."""
        values = sum(int(np.prod(shape)) for shape in self.shapes.values())
        bound = sum(fmt.capacity for t, fmt in self.plain.items() if t not in self.free)
        if 8 * bound > bits * values:
            what = "what is not coded takes" if self.free else "this network has no maps to code, its vectors take"
            raise RecipeError(f"bits: {bits:g} are too few, {what} {8 * bound / values:.3g} a value", hint="more bits, or another method")
        formats = self.plain | self.search.within(int(bits * values / 8) - bound).coded
        counted = next((t for t, fmt in formats.items() if fmt.coding is not None), None)  # the tables, which all share, count once
        return {t: CodedQuantizer(fmt, self.shapes[t], _flash(fmt, self.shapes[t], t == counted)) for t, fmt in formats.items()}

    def corrected(self, quantizers: Mapping[int, CodedQuantizer]) -> Graph:
        """The network with biases that are corrected for what the quantizers do."""
        formats = {t: quantizer.format for t, quantizer in quantizers.items()}
        biases = bias_correction.corrected_biases(self.graph, formats, self.graph.given(self.x))
        return bias_correction.with_biases(self.graph, biases)


@dataclass(frozen=True, eq=False)
class CodedQuantizer:
    """shape: (height, width, channels) of a map."""

    format: TensorFormat
    shape: tuple[int, int, int]
    table_bits: int

    def apply(self, x: Float32) -> Stored:
        return Stored(read_back(self.format, self.shape, x), 8.0 * self.format.capacity * len(x))


def _among(free: FreeRange, tensors: tuple[int, ...]) -> FreeRange:
    """The range without the members, and the scale variables, that are not stored here."""
    members = tuple(t for t in free.members if t in tensors)
    used = sorted({int(v) for t in members for v in free.rows[t]})
    rows = {t: np.searchsorted(used, free.rows[t]) for t in members}
    return replace(free, members=members, rows=rows, finest=free.finest[used])


def _eight_bits(low: Float64, high: Float64) -> BorderFormat:
    """The network's input, which is not among the tensors stored here."""
    top = max(float(np.abs(low).max()), float(np.abs(high).max())) or 1.0
    return BorderFormat("int8", np.full(len(low), top / 127), np.zeros(len(low)))


def _flash(fmt: TensorFormat, shape: tuple[int, int, int], tables: bool) -> int:
    """Bits fixed at conversion: the steps, the coding record (docs/format.md, section 2), and the tables if they are counted here."""
    bits = SCALE_BITS * len(fmt.scales)
    if fmt.coding is not None:
        record = 8 + 4 * len(fmt.coding.expected) + 16 * len(fmt.coding.contexts) + shape[0] + shape[2]
        bits += 8 * (record + (CODED_TABLE_BYTES * len(fmt.coding.tables) if tables else 0))
    return bits
