"""Random programs whose rows never end: windows of any kind over rows, skips that wait, and what makes one row of the last ones."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from builders.programs import Builder, random_format
from dqa import program as p
from dqa.errors import ProgramError
from dqa.operators.add import Add
from dqa.operators.average_pool_2d import AveragePool2D
from dqa.operators.concatenation import Concatenation
from dqa.operators.conv_2d import Conv2D
from dqa.operators.gather import Gather
from dqa.operators.max_pool_2d import MaxPool2D
from dqa.operators.prelu import Prelu
from dqa.operators.sliding_reduce import SlidingReduce
from dqa.planning.layout import Ends, plan
from dqa.program.endless import check_answers, period, with_rings


class EndlessBuilder(Builder):
    """A builder of edges with one zero point, whose windows end inside of the rows."""

    def __init__(self, seed: int, causal: bool) -> None:
        super().__init__(seed, exact=1.0)
        self.causal = causal

    def edge(self, shape: tuple[int, int, int], like: int | None = None) -> int:
        narrow = self.rng.random() < 0.15  # few bits may let nothing through
        bits, low = random_format(self.rng) if narrow else (8, -128)
        if like is not None:
            bits, low = self.edges[like].bits, self.edges[like].low
        zero_point = self.between(low, low + (1 << bits) - 1)
        edge = p.Edge(f"map {len(self.edges)}", *shape, p.Storage.MAP, bits, 0, low, zero_point, 0)
        self.edges.append(replace(edge, capacity=p.minimum_capacity(edge)))
        return len(self.edges) - 1

    def byte_edge(self, edge: int) -> None:
        wide = replace(self.edges[edge], code_bits=8, low=-128)
        self.edges[edge] = replace(wide, capacity=p.minimum_capacity(wide))

    def window(self, source: int, dilated: bool) -> tuple[p.Window, int, int]:
        height, width, _ = self.shape(source)
        kernel, stride = self.between(1, 4), self.between(1, 2)
        dilation = self.between(1, 3) if dilated else 1
        reach = (kernel - 1) * dilation + 1
        while reach > height:
            kernel, dilation, reach = 1, 1, 1
        top = self.between(0, reach - 1) if self.causal else 0
        rows = (height + top - reach) // stride + 1
        kw, sw, dw, left, columns = self.axis(width, dilated)
        return p.Window(kernel, kw, stride, sw, dilation, dw, top, left), rows, columns

    def pick(self, source: int, first: int, count: int) -> int:
        """Rows first .. first + count - 1 of an edge."""
        _, width, channels = self.shape(source)
        rows, columns, numbers = (np.arange(size, dtype=np.uint16) for size in (count, width, channels))
        out = self.edge((count, width, channels), like=source)
        self.ops.append(Gather("rows", (source,), out, (rows + first).astype(np.uint16), columns, numbers))
        return out

    def layer(self, source: int) -> int:
        match self.between(0, 5):
            case 0:
                return MaxPool2D.grow(self, source)
            case 1:
                return AveragePool2D.grow(self, source)
            case 2:
                return Prelu.grow(self, source)
            case 3:
                return self.skip(source)
            case 4:
                window, height, width = self.window(source, True)
                weights = self.weights(window.kernel_h, window.kernel_w, self.shape(source)[2])
                return self.convolve_depthwise(source, window, weights, (height, width))
        return Conv2D.grow(self, source)

    def skip(self, source: int) -> int:
        """What a kernel of rows makes beside the rows that wait for it: added, or as more channels."""
        height, width, channels = self.shape(source)
        reach = self.between(1, min(4, height))
        made = self.convolve(source, p.Window(reach, 1), self.weights(channels, reach, 1, channels), (height - reach + 1, width))
        first = self.between(0, reach - 1)
        late = self.pick(source, first, height - reach + 1)
        if self.rng.random() < 0.7:
            return Add.grow_as(self, made, late)
        alike = self.edge(self.shape(made), like=late)
        self.ops.append(MaxPool2D("alike", (late,), alike, p.Window(1, 1)))
        out = self.edge((height - reach + 1, width, 2 * channels), like=late)
        self.ops.append(Concatenation("both", (late, alike), out, 2))
        # the kernel's rows are read, too: in their place
        return Add.grow_as(self, self.convolve(out, p.Window(1, 1), self.weights(channels, 1, 1, 2 * channels), self.shape(made)[:2]), made)

    def head(self, source: int) -> int:
        height, width, channels = self.shape(source)
        if self.causal or self.rng.random() < 0.2:
            return self.pick(source, height - 1, 1)
        if self.rng.random() < 0.3:
            weights = self.weights(self.between(1, 9), height, width, channels)
            return self.convolve(source, p.Window(height, width), weights, (1, 1))
        out = self.edge((1, 1, channels))
        self.ops.append(SlidingReduce("head", (source,), out, height, self.between(0, 2), self.requantization(out, 32.0 * 2**15)))
        return out


def endless(seed: int, least: int = 1) -> p.Program:
    """A random program whose rows never end, with the least period from `least` rows on."""
    for attempt in range(100):
        rng = np.random.default_rng((seed, attempt))
        builder = EndlessBuilder(int(rng.integers(1 << 30)), causal=bool(rng.random() < 0.4))
        last = builder.input((builder.between(8, 40), builder.between(1, 4), builder.between(1, 5)))
        for _ in range(builder.between(1, 5)):
            last = builder.layer(last)
        builder.lut(builder.head(last))
        windowed = builder.finish()
        try:
            check_answers(windowed.edges, windowed.ops)
        except ProgramError:
            continue
        return made_endless(windowed, least)
    raise AssertionError("no network answers without what comes before its window")


def made_endless(windowed: p.Program, least: int = 1) -> p.Program:
    """The program with rings, laid out as the converter does."""
    edges, phases = with_rings(windowed.edges, windowed.ops), (0,) * len(windowed.ops)
    ends = Ends(1, 1)
    pushed = replace(ends, inputs_inside=False, pushed=True, endless=True)
    internal, external, layout = (
        plan(edges, windowed.ops, phases, e) for e in (ends, replace(ends, inputs_inside=False, outputs_inside=False), pushed)
    )
    turn = period(edges, windowed.ops, least)
    return replace(windowed, edges=edges, phases=phases, internal=internal, external=external, pushed=layout, period=turn)
