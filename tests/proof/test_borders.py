"""Convolutions at the borders of narrow maps: columns of the kernel beside a row are skipped where zero points are 0."""

from __future__ import annotations

from collections import Counter

import pytest

from builders.borders import CONVOLUTIONS, bordered
from builders.comparisons import assert_streams
from dqa import program as p
from dqa.operators.conv_2d import Conv2D
from dqa.operators.depthwise_conv_2d import DepthwiseConv2D


def borders(program: p.Program) -> Counter[str]:
    """Output columns of the convolution by where its kernel has columns beside the row."""
    conv = next(op for op in program.ops if isinstance(op, Conv2D | DepthwiseConv2D))
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
