"""Convolutions over narrow maps, whose kernels have columns beside the row."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from builders.programs import Builder, random_edge
from dqa import program as p

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
