"""Small random programs of every operator, for tests that compare executors; no buffer overlaps another."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, is_dataclass, replace

import numpy as np
import numpy.typing as npt

from dqa import program as p
from dqa.coding import HuffmanTable
from dqa.operators.add import Add
from dqa.operators.affine import MOST, STEP
from dqa.operators.conv_2d import Conv2D
from dqa.operators.depthwise_conv_2d import DepthwiseConv2D
from dqa.operators.lut import Lut

Rng = np.random.Generator


def place(edges: list[p.Edge], ops: list[p.Operator], skip: int) -> p.Layout:
    """Buffers one after the other; the first `skip` edges are the caller's."""
    at, places, scratch, transient = 0, [], [], []
    for number, edge in enumerate(edges):
        places.append(None if number < skip else at)
        at += 0 if number < skip else p.align(edge.capacity)
    for op in ops:
        scratch.append(at)
        at += p.scratch_bytes(edges, op)
        size = p.transient_bytes(edges, op)
        transient.append(at if size else None)
        at += size
    return p.Layout(at, tuple(places), tuple(scratch), tuple(transient))


def finish(edges: list[p.Edge], ops: list[p.Operator], inputs: list[int], outputs: list[int]) -> p.Program:
    """A program with its edges renumbered: inputs, outputs, the others."""
    order = inputs + outputs + [i for i in range(len(edges)) if i not in inputs and i not in outputs]
    number = {old: new for new, old in enumerate(order)}
    moved = [edges[old] for old in order]
    renumbered = [replace(op, inputs=tuple(number[i] for i in op.inputs), output=number[op.output]) for op in ops]
    ends = len(inputs) + len(outputs)
    internal, external = place(moved, renumbered, 0), place(moved, renumbered, ends)
    return p.Program(tuple(moved), tuple(renumbered), len(inputs), len(outputs), internal, external)


def random_format(rng: Rng) -> tuple[int, int]:
    """Bits and lowest value of an edge."""
    bits = int(rng.integers(1, 9))
    lows = [-(1 << bits - 1), 0 if bits < 8 else -128, int(rng.integers(-128, 129 - (1 << bits)))]
    return bits, lows[rng.integers(3)]


def random_edge(rng: Rng, name: str, shape: tuple[int, int, int], bits: int, low: int, *, exact: bool = False) -> p.Edge:
    """An edge of n + m = bits with random storage, split, important channels, coding, zero points and capacity; exact: m = 0."""
    height, width, channels = shape
    high = low + (1 << bits) - 1
    zero_points = rng.integers(low, high + 1, channels).astype(np.int8) if rng.random() < 0.25 else None
    zero_point = int(rng.integers(low, high + 1)) if rng.random() < 0.5 else min(max(0, low), high)
    raw = (bits, low) == (8, -128) and rng.random() < 0.3
    if raw:
        storage = p.Storage(int(rng.integers(2)))
        return p.Edge(name, height, width, channels, storage, 8, 0, -128, zero_point, height * width * channels, zero_points)
    if zero_points is None and rng.random() < 0.3:
        return random_coded(rng, p.Edge(name, *shape, p.Storage.CODED, bits, 0, low, zero_point, 0), exact=exact)
    extra_bits = 0 if exact else int(rng.integers(0, min(4, bits - 1) + 1))
    chosen = rng.random(channels) < rng.choice([0.0, 0.3, 0.7, 1.0])
    important = tuple(np.flatnonzero(chosen).tolist()) if extra_bits else ()
    coding = p.ErrorCoding(int(rng.integers(1, 3))) if important else p.ErrorCoding.NONE
    counts = rng.integers(0, 3 ** rng.integers(1, 10, 1 << extra_bits))
    edge = p.Edge(
        name=name,
        height=height,
        width=width,
        channels=channels,
        storage=p.Storage.MAP,
        code_bits=bits - extra_bits,
        extra_bits=extra_bits,
        low=low,
        zero_point=zero_point,
        capacity=0,
        zero_points=zero_points,
        important=important,
        error_coding=coding,
        expected_extra=int(rng.integers(0, 9)) if important else 0,
        huffman=HuffmanTable.from_counts(counts, int(rng.integers(extra_bits, 9))) if coding is p.ErrorCoding.HUFFMAN else None,
    )
    most = height * (len(important) * width + 4)
    spare = int(rng.choice([0, int(rng.integers(0, most + 1)), most]))
    return replace(edge, capacity=p.minimum_capacity(edge) + spare)


def random_coded(rng: Rng, edge: p.Edge, *, exact: bool = False) -> p.Edge:
    """The edge as a coded map with random groups, tables, contexts, expectations and capacity; exact: nothing is ever dropped."""
    most = 0 if exact else int(rng.integers(0, min(6, edge.bits - 1) + 1))
    groups, count = int(rng.integers(1, 5)), int(rng.integers(1, 5))
    tables = [
        HuffmanTable.from_counts((1000 * rng.uniform(0.3, 1) ** np.arange(16)).astype(int) + rng.integers(0, 9, 16)) for _ in range(count)
    ]
    coded = replace(edge, code_bits=edge.bits - most, extra_bits=most)
    largest = edge.height * (2 + edge.row_values * 15 // 8)
    spare = int(rng.choice([0, int(rng.integers(0, largest + 1)), int(rng.integers(0, largest // 4 + 1)), largest]))
    left = np.arange(edge.height - 1, -1, -1) / edge.height
    coding = p.Coding(
        group_count=groups,
        groups=tuple(rng.integers(0, groups, edge.channels).tolist()),
        tables=tuple(tables),
        contexts=tuple(tuple(rng.integers(0, count, 16).tolist()) for _ in range(most + 1)),
        expected=tuple(sorted(rng.integers(0, largest // int(rng.choice([1, 2, 8])) + 1, most * groups + 1).tolist(), reverse=True)),
        share=tuple(np.clip(256 * left * rng.uniform(0.5, 1.5), 0, 255).astype(int).tolist()),
    )
    return replace(coded, coding=coding, capacity=p.minimum_capacity(coded) + spare)


def random_requantization(rng: Rng, output: p.Edge, deviation: float) -> p.Requantization:
    """Maps sums of about `deviation` to about the output's range; now and then an extreme."""
    channels = output.channels
    scale = (1 << output.bits) / 4 / deviation * rng.uniform(0.5, 2, channels)
    shift = np.clip(np.floor(-np.log2(scale)).astype(int) - 1, 1, 31)
    multiplier = np.clip(scale * 2.0 ** (32 + shift), 0, 2**31 - 1).astype(np.int64)
    extreme = rng.random(channels) < 0.05
    multiplier[extreme] = rng.choice([0, 1, 2**31 - 1], int(extreme.sum()))
    bias = np.clip(rng.normal(0, deviation, channels), -(2**30), 2**30)
    return p.Requantization(bias.astype(np.int32), multiplier.astype(np.int32), shift.astype(np.uint8))


class Builder:
    """Grows a program operator by operator; edge numbers are final only after `finish`."""

    def __init__(self, seed: int, *, exact: float = 0.0) -> None:
        """exact: the share of edges that lose nothing of their values."""
        self.exact = exact
        self.rng = np.random.default_rng(seed)
        self.books = np.random.default_rng((seed, 16))
        self.edges: list[p.Edge] = []
        self.ops: list[p.Operator] = []

    def between(self, low: int, high: int) -> int:
        """A number from low to high, both included."""
        return int(self.rng.integers(low, high + 1))

    def input(self, shape: tuple[int, int, int]) -> int:
        storage = p.Storage(self.between(0, 1))
        zero_point = self.between(-128, 127)
        self.edges.append(p.Edge(f"input {len(self.edges)}", *shape, storage, 8, 0, -128, zero_point, int(np.prod(shape))))
        return len(self.edges) - 1

    def edge(self, shape: tuple[int, int, int], like: int | None = None) -> int:
        """A random edge; `like` gives its range to it."""
        bits, low = random_format(self.rng) if like is None else (self.edges[like].bits, self.edges[like].low)
        exact = self.exact > 0 and bool(self.rng.random() < self.exact)
        self.edges.append(random_edge(self.rng, f"map {len(self.edges)}", shape, bits, low, exact=exact))
        return len(self.edges) - 1

    def shape(self, edge: int) -> tuple[int, int, int]:
        return self.edges[edge].height, self.edges[edge].width, self.edges[edge].channels

    def byte_edge(self, edge: int) -> None:
        """Makes an edge one of all 256 values."""
        self.edges[edge] = random_edge(self.rng, self.edges[edge].name, self.shape(edge), 8, -128)

    def axis(self, size: int, dilated: bool) -> tuple[int, int, int, int, int]:
        """kernel, stride, dilation, padding before, output size along one axis."""
        while True:
            kernel, stride = self.between(1, 4), self.between(1, 3)
            dilation = self.between(1, 3) if dilated else 1
            span = (kernel - 1) * dilation + 1
            before = self.between(0, span - 1) if self.rng.random() < 0.6 else 0
            outputs = [n for n in range(1, size + 3) if (n - 1) * stride - before < size]
            if outputs:
                return kernel, stride, dilation, before, int(self.rng.choice(outputs[-3:]))

    def window(self, source: int, dilated: bool) -> tuple[p.Window, int, int]:
        """A window that fits an edge, rows and columns of its output."""
        height, width, _ = self.shape(source)
        kh, sh, dh, top, out_h = self.axis(height, dilated)
        kw, sw, dw, left, out_w = self.axis(width, dilated)
        return p.Window(kh, kw, sh, sw, dh, dw, top, left), out_h, out_w

    def weights(self, *shape: int) -> npt.NDArray[np.int8]:
        return self.rng.integers(-128, 128, shape).astype(np.int8)

    def coded(self, weights: npt.NDArray[np.int8], *, affine: bool = False) -> tuple[npt.NDArray[np.int8], npt.NDArray[np.int8] | None]:
        """The weights (O, ...) and no code book, or values of a random book for all or for each output channel, and the book; affine: half
        of those for each are affine codes."""
        kind = self.books.integers(4)
        if kind < 2:
            return weights, None
        books = self.books.integers(-128, 128, (len(weights) if kind == 3 else 1, p.BOOK)).astype(np.int8)
        flat = weights.reshape(len(weights), -1).astype(np.int64) % p.BOOK
        if kind == 3 and affine and books[0, 0] % 2:
            least = (books[:, :1].astype(np.int64) % (MOST + 129) - 128).astype(np.int8)
            return (least + STEP * flat).astype(np.int8).reshape(weights.shape), least
        values = np.take_along_axis(np.broadcast_to(books, (len(weights), p.BOOK)), flat, axis=1).reshape(weights.shape)
        return values, books if kind == 3 else books[0]

    def requantization(self, edge: int, deviation: float) -> p.Requantization:
        """Maps sums of about `deviation` to about an edge's range."""
        return random_requantization(self.rng, self.edges[edge], deviation)

    def convolve(self, source: int, window: p.Window, weights: npt.NDArray[np.int8], size: tuple[int, int]) -> int:
        """A convolution with these weights (O, kernel_h, kernel_w, I); `size` of the output in rows and columns."""
        return Conv2D.grow_as(self, source, window, weights, size)

    def convolve_depthwise(self, source: int, window: p.Window, weights: npt.NDArray[np.int8], size: tuple[int, int]) -> int:
        """A depthwise convolution with these weights (kernel_h, kernel_w, O); `size` of the output in rows and columns."""
        return DepthwiseConv2D.grow_as(self, source, window, weights, size)

    def join(self, source: int, other: int) -> int:
        """The sum of two edges of one shape."""
        return Add.grow_as(self, source, other)

    def lut(self, source: int) -> int:
        return Lut.grow(self, source)

    def finish(self) -> p.Program:
        """Copies every edge nobody reads to a raw output; at most 8 of them may be unread."""
        read = {i for op in self.ops for i in op.inputs}
        inputs = [i for i in range(len(self.edges)) if self.edges[i].name.startswith("input")]
        outputs = []
        for source in [i for i in range(len(self.edges)) if i not in read and i not in inputs]:
            self.edges.append(p.Edge(f"output {source}", *self.shape(source), p.Storage.RAW_INT8, 8, 0, -128, 0, self.edges[source].values))
            self.ops.append(Lut("output", (source,), len(self.edges) - 1, np.arange(-128, 128, dtype=np.int8)))
            outputs.append(len(self.edges) - 1)
        return finish(self.edges, self.ops, inputs, outputs)


GROWERS: dict[p.Kind, Callable[[Builder, int], int]] = {kind: operator.grow for operator, kind in p.KINDS.items()}


def operator_program(kind: p.Kind, seed: int = 0, *, exact: float = 0.0) -> p.Program:
    """A raw input, a LUT into a random stored edge, one operator of a kind, a raw output."""
    builder = Builder(1000 * seed + kind, exact=exact)
    source = builder.input((builder.between(1, 8), builder.between(1, 8), builder.between(1, 8)))
    GROWERS[kind](builder, builder.lut(source))
    return builder.finish()


def random_program(seed: int) -> p.Program:
    """One to six operators of any kind behind one or two inputs, with skips."""
    builder = Builder(seed)
    ready = [builder.input((builder.between(1, 9), builder.between(1, 9), builder.between(1, 9))) for _ in range(builder.between(1, 2))]
    for _ in range(builder.between(1, 6)):
        fit = [i for i in ready if builder.edges[i].values <= 2000]
        kind = p.Kind(builder.between(1, len(p.Kind)))
        ready.append(GROWERS[kind](builder, int(builder.rng.choice(fit[-3:]))))
    return builder.finish()


def program_of_every_kind(seed: int = 0) -> p.Program:
    """Every operator, in at most 8 chains behind one input; behind a constant no input is seen."""
    builder = Builder(seed)
    first = builder.lut(builder.input((6, 5, 4)))
    ends = [first] * min(8, len(GROWERS))
    for number, (kind, grow) in enumerate(GROWERS.items()):
        chain = 0 if kind is p.Kind.CONSTANT else number % len(ends)
        ends[chain] = grow(builder, ends[chain])
    return builder.finish()


def random_inputs(program: p.Program, seed: int) -> list[npt.NDArray[np.generic]]:
    """An array (height, width, channels), int8 or uint8, for each input: noise, smooth, or an extreme."""
    rng = np.random.default_rng(seed)
    arrays: list[npt.NDArray[np.generic]] = []
    for edge in program.inputs:
        shape = (edge.height, edge.width, edge.channels)
        noise = rng.integers(0, 256, shape)
        smooth = np.clip(rng.integers(0, 256) + rng.normal(0, 6, shape), 0, 255).astype(int)
        values = [noise, smooth, np.full(shape, rng.choice([0, 255]))][rng.choice(3, p=[0.5, 0.4, 0.1])]
        arrays.append(values.astype(np.uint8).view(np.uint8 if edge.storage is p.Storage.RAW_UINT8 else np.int8))
    return arrays


def same(a: object, b: object) -> bool:
    """Equality of everything but names."""
    if is_dataclass(a) and not isinstance(a, type):
        return type(a) is type(b) and all(
            same(getattr(a, f.name), getattr(b, f.name)) for f in fields(a) if f.name not in ("name", "notes")
        )
    if isinstance(a, np.ndarray):
        return isinstance(b, np.ndarray) and a.dtype == b.dtype and np.array_equal(a, b)
    if isinstance(a, tuple):
        return isinstance(b, tuple) and len(a) == len(b) and all(same(x, y) for x, y in zip(a, b, strict=True))
    return a == b
