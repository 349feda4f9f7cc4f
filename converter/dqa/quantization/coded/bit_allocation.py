"""Decides how activations are stored as coded maps, within an average of stored bits: steps, capacities, tables.

The loss of a map is its squared error, weighted by the consumers and relative to the map's energy, and what that does to the
network's answers is measured; the budget goes where it lowers the sum of the losses most.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from dqa.graph import Graph
from dqa.program import Storage, coded_row_bytes
from dqa.quantization.coded.formats import CodedMap, coded_formats
from dqa.quantization.coded.impact import Impacts, slopes
from dqa.quantization.coded.maps import Grid
from dqa.quantization.coded.operating_points import OperatingPoint, allocate
from dqa.quantization.coded.search import CodedRange, Impact
from dqa.quantization.formats import TensorFormat
from dqa.quantization.sensitivity import sensitivities
from dqa.quantization.shared_range import FreeRange, StorageChoice
from dqa.support.arrays import Float32, Float64
from dqa.support.limits import MAX_DROP

BITS = tuple(np.arange(1.5, 7.01, 0.25).tolist())
"""Stored bits per value that a coded map may have."""
PROBES = (1.5, 2.0, 2.75, 3.75, 5.0)
"""Those of them at which the impact on the network's answers is measured."""
PLAIN_BITS = 8
FEW = 64
"""Values of an activation that may take plain bytes beside the average of stored bits: they are none worth counting."""
SAMPLE_VALUES = 12_000_000
"""Of all sample maps together: what the search takes in memory and time."""
MOST_SAMPLES = 96
SLOPE_SAMPLES = 64
LEAST_SLOPE = 1e-4
"""Of the steepest channel's: a channel that did not matter to the samples may matter to others."""


@dataclass(frozen=True, eq=False)
class BitAllocation:
    """coded: the formats of coded maps. choices: of the others that were free. loss: predicted, of all together."""

    coded: dict[int, TensorFormat]
    choices: dict[int, StorageChoice]
    loss: float = 0.0


def sample_count(ranges: Sequence[FreeRange], graph: Graph) -> int:
    """How many samples the search looks at."""
    values = sum(int(np.prod(graph.tensors[t].hwc)) for shared in ranges for t in shared.members)
    return int(min(max(SAMPLE_VALUES // max(values, 1), 8), MOST_SAMPLES))


def few(shared: FreeRange, graph: Graph, bits: float) -> bool:
    """Whether tensors are better off with plain bytes: no coded map of `bits` per value can hold them, and they have few values, or so few
    in a row that a coded map takes more."""
    sizes = [graph.tensors[t].hwc for t in shared.members]
    grid = Grid(shared.signed)
    least = [height * coded_row_bytes(width * channels, grid.bits - MAX_DROP) for height, width, channels in sizes]
    values = [int(np.prod(size)) for size in sizes]
    codable = any(b <= bits and all(int(b * v / 8) >= size for v, size in zip(values, least, strict=True)) for b in BITS)
    return not codable and (max(values) <= FEW or sum(least) >= sum(values))


class BitAllocator:
    """What every way to store the tensors of `ranges` loses; then the best within any budget.

    maps: sample maps of each tensor, float32 (B, *shape without batch). x: the inputs that made them; None: a loss counts as it is.
    """

    def __init__(self, graph: Graph, ranges: Sequence[FreeRange], maps: Mapping[int, Float32], x: Float32 | None) -> None:
        self.ranges = coded_ranges(graph, ranges, maps, x)
        self.impacts = _impacts(graph, self.ranges, x)

    @property
    def least(self) -> int:
        """The bytes of the smallest maps."""
        return sum(min(option.size for option in options) for options in self._options)

    @cached_property
    def _options(self) -> list[list[OperatingPoint]]:
        return [_options(shared, self.impacts) for shared in self.ranges]

    def within(self, budget: int) -> BitAllocation:
        """The formats of least predicted loss in at most `budget` bytes. Raises RecipeError where the budget is too small."""
        chosen = allocate(self._options, budget)
        coded: dict[int, CodedMap] = {}
        choices: dict[int, StorageChoice] = {}
        for shared, choice in zip(self.ranges, chosen, strict=True):
            best = shared.best(BITS[choice.key], self.impacts) if choice.key >= 0 else None
            for tensor in shared.free.members:
                if best is None:
                    choices[tensor] = StorageChoice(Storage.MAP, PLAIN_BITS)
                else:
                    coded[tensor] = CodedMap(shared, best[0], best[0].layouts[tensor][BITS[choice.key]])
        return BitAllocation(coded_formats(coded), choices, sum(choice.loss for choice in chosen))


def coded_ranges(graph: Graph, ranges: Sequence[FreeRange], maps: Mapping[int, Float32], x: Float32 | None) -> list[CodedRange]:
    """What coded maps of each shared range lose at each of `BITS`; maps and x: as in `BitAllocator`."""
    shaped = {t: maps[t].reshape(-1, *graph.tensors[t].hwc) for shared in ranges for t in shared.members}
    weights = _weights(graph, tuple(shaped), x)
    return [CodedRange(shared, {t: shaped[t] for t in shared.members}, weights, BITS) for shared in ranges]


def _weights(graph: Graph, tensors: Sequence[int], x: Float32 | None) -> dict[int, Float64]:
    """What a squared error in each channel weighs: the slopes of the answers tell, or where none are known the next layers' weights."""
    try:
        found = slopes(graph, x[:SLOPE_SAMPLES], tensors) if x is not None else {}
    except ValueError:  # an operator without a derivative
        found = {}
    static = {t: sensitivities(graph, t) for t in tensors if t not in found or not found[t].any() or not np.isfinite(found[t]).all()}
    return static | {t: np.maximum(slope, LEAST_SLOPE * slope.max()) for t, slope in found.items() if t not in static}


def _impacts(graph: Graph, ranges: Sequence[CodedRange], x: Float32 | None) -> dict[int, Impact]:
    """What a tensor's loss does to the network's answers; without x the loss itself."""
    equal = {t: Impact([], []) for shared in ranges for t in shared.free.members}
    if x is None or not equal:
        return equal
    seen: dict[int, list[tuple[float, float]]] = {t: [] for t in equal}
    measure = Impacts(graph, x, tuple(equal))
    for bits in PROBES:
        replaced, losses = {}, {}
        for shared in ranges:
            if best := shared.best(bits):
                for tensor in shared.free.members:
                    layout = best[0].layouts[tensor][bits]
                    replaced[tensor] = shared.costs(tensor, best[0]).read_back(layout)
                    losses[tensor] = layout.loss
        for tensor, change in measure.of(replaced):
            seen[tensor].append((losses[tensor], change))
    return {t: Impact.of(points) for t, points in seen.items()}


def _options(shared: CodedRange, impacts: Mapping[int, Impact]) -> list[OperatingPoint]:
    """The sizes of a shared range and its losses: of coded maps, and of 8-bit codes (key -1)."""
    values = {t: shared.maps[t][0].size for t in shared.free.members}
    found = []
    for key, bits in enumerate(BITS):
        if best := shared.best(bits, impacts):
            size = sum(best[0].layouts[t][bits].capacity for t in values)
            found.append(OperatingPoint(size, best[1], key))
    plain = sum(-(-count // shared.maps[t].shape[1] // 4) * 4 * shared.maps[t].shape[1] for t, count in values.items())
    return [*found, OperatingPoint(plain, shared.finest_loss(impacts) / 4, -1)]
