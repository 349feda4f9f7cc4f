"""Streamed programs for tests: the operators of stored programs in random phases, with rings between them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from builders.programs import GROWERS, Builder, place
from dqa import program as p
from dqa.operators.lut import Lut
from dqa.operators.max_pool_2d import MaxPool2D


def packed_ring(edge: p.Edge, rows: int) -> p.Edge:
    """The edge, a map, as a ring of `rows` packed rows without errors: with extra bits all channels are rounded."""
    ring = replace(edge, important=(), error_coding=p.ErrorCoding.NONE, expected_extra=0, huffman=None, ring_rows=rows)
    return replace(ring, capacity=p.minimum_capacity(ring))


def streamed(program: p.Program, seed: int, *, cut: float | None = None) -> p.Program:
    """The program in random phases, some edges inside them as rings; it answers what the stored one answers.

    Only edges that lose the same either way become rings, of values or of packed rows.
    cut: the probability that a phase ends behind an operator. The layout for pushed rows exists where the rows can be pushed.
    """
    rng = np.random.default_rng(seed)
    share = float(rng.choice([0.0, 0.0, 0.1, 0.4])) if cut is None else cut
    phases = tuple(np.cumsum([0, *(rng.random(len(program.ops) - 1) < share)]).tolist())
    edges = list(program.edges)
    for number in _inside(program, phases):
        edges[number] = _random_ring(rng, edges[number])
    rings: dict[int, int | None] = {number: None for number, edge in enumerate(edges) if edge.ring_rows}
    plan = p.simulate(edges, program.ops, phases, rings, pushed=True)
    pushed = plan.complete
    if not pushed:
        plan = p.simulate(edges, program.ops, phases, rings)
        assert plan.complete
    for number, rows in plan.ring_rows.items():
        edges[number] = _resized(edges[number], rows + int(rng.choice([0, 0, 1, 2])))
    layouts = [place(edges, list(program.ops), skip) for skip in (0, program.input_count + program.output_count, program.input_count)]
    stream = replace(program, edges=tuple(edges), phases=phases, internal=layouts[0], external=layouts[1])
    return replace(stream, pushed=layouts[2]) if pushed else stream


def pushed_with(*kinds: type, most: int = 16_384) -> p.Program:
    """The first streamed program that can be pushed, has an operator of each kind and takes at most `most` bytes, so fits every board."""
    for seed in range(1000):
        program = ladder(seed)
        if not all(any(isinstance(op, kind) for op in program.ops) for kind in kinds):
            continue
        program = streamed(program, seed)
        if program.pushed is not None and any(edge.ring_rows for edge in program.edges) and len(p.write(program)) <= most:
            return program
    raise AssertionError(f"no program of {kinds}")


def _inside(program: p.Program, phases: tuple[int, ...]) -> list[int]:
    """The edges that one phase writes and reads, without inputs and outputs of the model."""
    uses: dict[int, set[int]] = {}
    for op, phase in zip(program.ops, phases, strict=True):
        for edge in (*op.inputs, op.output):
            uses.setdefault(edge, set()).add(phase)
    return [edge for edge in range(program.input_count + program.output_count, len(program.edges)) if len(uses[edge]) == 1]


def _random_ring(rng: np.random.Generator, edge: p.Edge) -> p.Edge:
    """The edge as a ring of one row where that changes no value, mostly."""
    chance = rng.random()
    if chance < 0.65 and edge.extra_bits == 0 and edge.zero_points is None:
        return p.value_ring(edge, 1)
    if chance < 0.9 and edge.storage is p.Storage.MAP and not edge.important:
        return packed_ring(edge, 1)
    return edge


def _resized(edge: p.Edge, rows: int) -> p.Edge:
    ring = replace(edge, ring_rows=rows)
    return replace(ring, capacity=p.minimum_capacity(ring))


def ladder(seed: int) -> p.Program:
    """A random graph of one or two inputs with skips: residual sums, joined maps, kernels and strides of all sorts, 1 x 1 maps too."""
    builder = Builder(seed, exact=0.8)
    low, high = (1, 4) if builder.rng.random() < 0.2 else (4, 14)
    shape = builder.between(low, high), builder.between(low, high), builder.between(1, 5)
    ready = [builder.input(shape) for _ in range(1 if builder.rng.random() < 0.8 else 2)]
    ready += [builder.lut(edge) for edge in ready]
    for _ in range(builder.between(2, 7)):
        source = int(builder.rng.choice(ready[-2:]))
        twins = [edge for edge in ready if builder.shape(edge) == builder.shape(source)]
        chance = builder.rng.random()
        if chance < 0.35:
            ready.append(_same(builder, source))
        elif chance < 0.65:
            ready.append(builder.join(int(builder.rng.choice(twins)), source))
        elif builder.edges[source].values <= 2000:
            ready.append(GROWERS[p.Kind(builder.between(1, len(p.Kind)))](builder, source))
    return builder.finish()


def _same(builder: Builder, source: int) -> int:
    """A convolution that keeps the shape."""
    height, width, channels = builder.shape(source)
    kernel, dilation = builder.between(1, 4), builder.between(1, 2)
    pad = (kernel - 1) * dilation // 2
    weights = builder.rng.integers(-128, 128, (channels, kernel, kernel, channels)).astype(np.int8)
    return builder.convolve(source, p.Window(kernel, kernel, 1, 1, dilation, dilation, pad, pad), weights, (height, width))


def chain() -> p.Program:
    """Raw input 6 x 4 x 2, LUT into a ring of values, max pool into a ring of packed rows of 3 + 1 bits, LUT to the output; one phase."""
    ends = [p.Edge(name, 6, 4, 2, p.Storage.RAW_INT8, 8, 0, -128, 0, 48) for name in ("in", "out")]
    whole = p.Edge("map", 6, 4, 2, p.Storage.MAP, 3, 1, -8, 0, 6 * 4)
    edges = [*ends, p.value_ring(whole, 3), packed_ring(whole, 1)]
    ops: list[p.Operator] = [
        Lut("a", (0,), 2, np.zeros(256, np.int8)),
        MaxPool2D("b", (2,), 3, p.Window(3, 3, 1, 1, 1, 1, 1, 1)),
        Lut("c", (3,), 1, np.zeros(256, np.int8)),
    ]
    layouts = [place(edges, ops, skip) for skip in (0, 2, 1)]
    return p.Program(tuple(edges), tuple(ops), 1, 1, layouts[0], layouts[1], phases=(0, 0, 0), pushed=layouts[2])
