"""Convolutions at the borders of narrow maps: columns of the kernel beside a row are skipped where zero points are 0."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from dqa import program as p
from programs import Builder, random_edge
from test_mirror_streams import assert_streams

CONVOLUTIONS = (p.Kind.CONV_2D, p.Kind.DEPTHWISE_CONV_2D)


def axis(builder: Builder, size: int) -> tuple[int, int, int, int, int]:
    """kernel, stride, dilation, padding before, outputs: kernels wider than the map, paddings up to the kernel's span, uneven."""
    kernel, stride, dilation = builder.between(1, 8), builder.between(1, 4), builder.between(1, 3)
    before = builder.between(0, (kernel - 1) * dilation)
    return kernel, stride, dilation, before, builder.between(1, (size + before - 1) // stride + 1)


def bordered(seed: int, kind: p.Kind) -> p.Program:
    """A raw input, a LUT into a narrow 7-bit edge, mostly with zero point 0, a convolution."""
    builder = Builder(seed, exact=1.0)
    shape = builder.between(1, 6), builder.between(1, 6), builder.between(1, 5)
    source, low = builder.lut(builder.input(shape)), builder.between(0, 1) * -64
    edge = random_edge(builder.rng, "narrow", shape, 7, low, exact=True)
    builder.edges[source] = replace(edge, zero_point=0, zero_points=None) if builder.rng.random() < 0.8 else edge
    builder.ops[-1] = replace(builder.ops[-1], table=builder.rng.integers(low, low + 128, 256).astype(np.int8))  # type: ignore[call-arg]
    kernel_h, stride_h, dilation_h, top, height = axis(builder, shape[0])
    kernel_w, stride_w, dilation_w, left, width = axis(builder, shape[1])
    window = p.Window(kernel_h, kernel_w, stride_h, stride_w, dilation_h, dilation_w, top, left)
    if kind is p.Kind.CONV_2D:
        weights = builder.rng.integers(-128, 128, (builder.between(1, 5), kernel_h, kernel_w, shape[2])).astype(np.int8)
        builder.convolve(source, window, weights, (height, width))
    else:
        weights = builder.rng.integers(-128, 128, (kernel_h, kernel_w, shape[2] * builder.between(1, 5))).astype(np.int8)
        builder.convolve_depthwise(source, window, weights, (height, width))
    return builder.finish()


def borders(program: p.Program) -> Counter[str]:
    """Output columns of the convolution by where its kernel has columns beside the row."""
    conv = next(op for op in program.ops if isinstance(op, p.Conv2D | p.DepthwiseConv2D))
    source, window, found = program.edges[conv.inputs[0]], conv.window, Counter[str]()
    for x in range(program.edges[conv.output].width if source.pads_with_zeros else 0):
        first = x * window.stride_w - window.pad_left
        columns = [first + i * window.dilation_w for i in range(window.kernel_w)]
        inside = any(0 <= column < source.width for column in columns)
        sides = ["left"] * (columns[0] < 0) + ["right"] * (columns[-1] >= source.width)
        found[" and ".join(sides) if inside else "all"] += 1
    return found


@pytest.mark.parametrize("kind", CONVOLUTIONS, ids=lambda kind: kind.name.lower())
@pytest.mark.parametrize("block", range(3))
def test_kernels_beside_the_row_give_the_mirrors_bytes_stored_streamed_and_pushed(kind: p.Kind, block: int) -> None:
    found: Counter[str] = Counter()
    for seed in range(40 * block, 40 * block + 40):
        program = bordered(seed, kind)
        assert_streams(program, seed)
        found += borders(program)
    assert min(found[where] for where in ("", "left", "right", "left and right", "all")) > 0, found
