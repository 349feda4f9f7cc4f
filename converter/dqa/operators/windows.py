"""Operators of a program that slide a window over their input: convolutions and pools."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from dqa.operators.base import Operator, require
from dqa.operators.records import Edge, Window
from dqa.support.arrays import Int8, Int64
from dqa.support.limits import MAX_ROW_VALUES, MAX_WINDOW_ROWS


def dilated_kernel(window: Window) -> tuple[int, int]:
    """Rows and columns a window spans."""
    return (window.kernel_h - 1) * window.dilation_h + 1, (window.kernel_w - 1) * window.dilation_w + 1


def padding_after(window: Window, source: Edge, output: Edge) -> tuple[int, int]:
    """Rows below and columns right of the input that the last window covers; negative where it ends before."""
    kernel_h, kernel_w = dilated_kernel(window)
    bottom = (output.height - 1) * window.stride_h + kernel_h - source.height - window.pad_top
    right = (output.width - 1) * window.stride_w + kernel_w - source.width - window.pad_left
    return bottom, right


def check_window(window: Window, source: Edge, output: Edge) -> None:
    """Raises ProgramError for a window that breaks the format."""
    counts = (window.kernel_h, window.kernel_w, window.stride_h, window.stride_w, window.dilation_h, window.dilation_w)
    require(all(1 <= n <= 255 for n in counts), "a kernel, stride or dilation is not 1..255")
    kernel_h, kernel_w = dilated_kernel(window)
    require(kernel_h <= MAX_WINDOW_ROWS, f"a kernel spans {kernel_h} rows; at most {MAX_WINDOW_ROWS}")
    pads = 0 <= window.pad_top < min(256, kernel_h) and 0 <= window.pad_left < min(256, kernel_w)
    bottom, right = padding_after(window, source, output)
    require(pads and bottom < kernel_h and right < kernel_w, "padding as large as the kernel")


def check_padded_window(window: Window, source: Edge, output: Edge) -> None:
    """Also, that the padded row is not too long."""
    check_window(window, source, output)
    right = max(0, padding_after(window, source, output)[1])
    row = (window.pad_left + source.width + right) * source.channels
    require(row <= MAX_ROW_VALUES, f"a padded row of {row} values; at most {MAX_ROW_VALUES}")


def check_pool(window: Window, source: Edge, output: Edge) -> None:
    """Raises ProgramError for a window or shapes that are not a pool's."""
    check_window(window, source, output)
    require((window.dilation_h, window.dilation_w) == (1, 1), "a pool has no dilation")
    require(source.channels == output.channels, "a pool keeps the channels")


def windows(window: Window, values: Int8, source: Edge, output: Edge, fill: npt.ArrayLike) -> Int64:
    """(out height, out width, kernel_h, kernel_w, channels) with `fill` outside the input."""
    kernel_h, kernel_w = dilated_kernel(window)
    bottom, right = (max(0, after) for after in padding_after(window, source, output))
    padded = np.empty((window.pad_top + source.height + bottom, window.pad_left + source.width + right, source.channels), np.int64)
    padded[:] = fill
    padded[window.pad_top :, window.pad_left :][: source.height, : source.width] = values
    views = np.lib.stride_tricks.sliding_window_view(padded, (kernel_h, kernel_w), axis=(0, 1))
    chosen = views[:: window.stride_h, :: window.stride_w][: output.height, : output.width, :, :: window.dilation_h, :: window.dilation_w]
    return np.moveaxis(chosen, 2, 4)


def window_of(attrs: dict[str, Any], kernel_h: int, kernel_w: int) -> Window:
    """The window of a graph's operator."""
    stride, dilation = (attrs["stride_h"], attrs["stride_w"]), (attrs.get("dilation_h", 1), attrs.get("dilation_w", 1))
    return Window(kernel_h, kernel_w, *stride, *dilation, attrs["pad_top"], attrs["pad_left"])


@dataclass(frozen=True, eq=False)
class Windowed(Operator):
    """An operator whose parameters begin with a window."""

    window: Window

    def rows_needed(self, source: Edge, output: Edge) -> int:
        return dilated_kernel(self.window)[0]

    def why_ends(self, inputs: Sequence[Edge], output: Edge) -> str:
        below = padding_after(self.window, inputs[0], output)[0]
        return "" if below <= 0 else f"it reads {below} rows of padding behind the end of the window"

    def span(self, edges: Sequence[Edge], index: int, y: int) -> tuple[int, int]:
        first = y * self.window.stride_h - self.window.pad_top
        return first, first + dilated_kernel(self.window)[0]
