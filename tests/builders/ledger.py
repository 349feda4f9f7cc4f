"""The network of the ledger (tests/proof/test_ledger.py): small, from a seed, with what costs instructions and flash on Cortex-M4."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from builders.programs import Builder, random_coded
from dqa import program as p
from dqa.operators.add import Add
from dqa.operators.fully_connected import FullyConnected
from dqa.operators.mean import Mean
from dqa.planning.blocks import with_blocks
from dqa.support.arrays import Int8

STORED = ("ring", "ring", "coded", "ring", "ring", "packed", "ring", "raw", "raw")
"""How the edges behind the input are stored, in the order in which they are made."""
PHASES = (0, 0, 0, 1, 1, 1, 2, 2, 3)
"""Of the operators."""
SAME, HALF = p.Window(3, 3, 1, 1, 1, 1, 1, 1), p.Window(3, 3, 2, 2, 1, 1, 0, 0)
ONE = p.Window(1, 1, 1, 1, 1, 1, 0, 0)


class _Network(Builder):
    """Packed and coded edges are of 7 bits and never negative, the others of 8."""

    def edge(self, shape: tuple[int, int, int], like: int | None = None) -> int:
        number, size = len(self.edges), int(np.prod(shape))
        stored = STORED[number - 1]
        made = p.Edge(f"map {number}", *shape, p.Storage.RAW_INT8, 8, 0, -128, -128, size)
        if stored in ("coded", "packed"):
            capacity = shape[0] * p.row_bytes(size // shape[0], 7, None)
            made = replace(made, storage=p.Storage.MAP, code_bits=7, low=0, zero_point=0, capacity=capacity)
        if stored == "coded":
            made = replace(random_coded(self.rng, replace(made, storage=p.Storage.CODED), exact=True), capacity=2 * size)
        self.edges.append(p.value_ring(made, 3) if stored == "ring" else made)
        return number

    def coded(self, weights: Int8, *, affine: bool = False) -> tuple[Int8, Int8 | None]:
        return weights, None

    def values(self, *shape: int) -> Int8:
        return self.rng.integers(-127, 128, shape).astype(np.int8)


def network() -> p.Program:
    """Three phases over a coded map and a packed one, a skip, blocks wherever there may be one, a dense layer in pairs."""
    net = _Network(15)
    net.edges.append(p.Edge("input 0", 12, 12, 3, p.Storage.RAW_INT8, 8, 0, -128, 0, 432))
    first = net.convolve(0, SAME, net.values(8, 3, 3, 3), (12, 12))
    apart = net.convolve_depthwise(first, SAME, net.values(3, 3, 8), (12, 12))
    wide = net.convolve(apart, ONE, net.values(16, 1, 1, 8), (12, 12))
    same = net.convolve(wide, SAME, net.values(16, 3, 3, 16), (12, 12))
    total = Add.grow_as(net, same, wide)
    half = net.convolve(total, HALF, net.values(16, 3, 3, 16), (6, 6))
    less = net.convolve_depthwise(half, HALF, net.values(3, 3, 16), (3, 3))
    mean = net.edge((1, 1, 16))
    net.ops.append(Mean("mean", (less,), mean, net.requantization(mean, 32.0 * 2**15)))
    FullyConnected.grow_as(net, mean, net.values(12, 16))
    made = net.finish()
    return with_blocks(replace(made, phases=(*PHASES, *range(4, 4 + len(made.ops) - len(PHASES)))), optimize="speed")
