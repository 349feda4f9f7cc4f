"""Means, sums, maxima and minima over any axes, taken apart into those that there are operators for.

Channels first: a mean or sum of them is a convolution, a maximum a pool over the columns of a map whose channels became columns. Then rows
and columns, together or alone. A sum over some rows is so many means, a minimum the negative of a maximum of negatives.
"""

from __future__ import annotations

import numpy as np

from dqa.frontend.passes.pools import REDUCTIONS, ROWS_AND_COLUMNS, WHOLE
from dqa.graph.edit import UNIT_WINDOW, add_activation, add_constant
from dqa.graph.model import Graph, Op
from dqa.support.limits import MAX_WINDOW_ROWS

_CHANNELS = 3
MOST_COLUMNS = 255
"""Under a window."""
_MOST = {1: MAX_WINDOW_ROWS, 2: MOST_COLUMNS}


def reductions(graph: Graph) -> bool:
    for place, op in enumerate(graph.ops):
        if op.kind not in REDUCTIONS or not all(graph.tensors[index].is_map for index in (*op.inputs, *op.outputs)):
            continue
        if op.attrs["axes"] != ROWS_AND_COLUMNS and (found := _Apart(graph, op).ops()):
            graph.ops[place : place + 1] = found
            return True
    return False


class _Apart:
    """One of them: operators that follow each other from its input on; `hwc` is the shape after the last."""

    def __init__(self, graph: Graph, op: Op) -> None:
        self.graph, self.op, self.found = graph, op, list[Op]()
        self.last, self.hwc = op.inputs[0], graph.tensors[op.inputs[0]].hwc

    def ops(self) -> list[Op]:
        """None where a window would be too large."""
        kind, axes, (height, width, channels) = self.op.kind, self.op.attrs["axes"], self.hwc
        across = _CHANNELS in axes and channels > 1
        along = [axis for axis, size in ((1, height), (2, width)) if axis in axes and size > 1]
        whole = len(along) == sum(size > 1 for size in (height, width))
        largest = kind in ("REDUCE_MAX", "REDUCE_MIN")
        if (across and largest and channels > MOST_COLUMNS) or (not whole and any(self.hwc[axis - 1] > _MOST[axis] for axis in along)):
            return []
        negative = kind == "REDUCE_MIN" and (across or not whole)
        if negative:
            self._scaled(-1.0)
        if across:
            self._channels()
        if along and whole:
            self._step("REDUCE_MAX" if negative else kind, (1, 1, self.hwc[2]), axes=ROWS_AND_COLUMNS, keep_dims=True)
        elif along:
            self._along(along[0])
        if negative:
            self._scaled(-1.0)
        return self._ended()

    def _channels(self) -> None:
        height, width, channels = self.hwc
        if self.op.kind in ("MEAN", "SUM"):
            self._step(self.op.kind, (height, width, 1), axes=(_CHANNELS,), keep_dims=True)
            return
        self._step("RESHAPE", (height, width * channels, 1))
        window = {"kernel_h": 1, "kernel_w": channels, "stride_w": channels}
        self._step("MAX_POOL_2D", (height, width, 1), **WHOLE | window)

    def _along(self, axis: int) -> None:
        """Over rows or columns alone."""
        height, width, channels = self.hwc
        size = height if axis == 1 else width
        kernel = {"kernel_h": size if axis == 1 else 1, "kernel_w": size if axis == 2 else 1}
        left = (1, width, channels) if axis == 1 else (height, 1, channels)
        self._step("AVERAGE_POOL_2D" if self.op.kind in ("MEAN", "SUM") else "MAX_POOL_2D", left, **WHOLE | kernel)
        if self.op.kind == "SUM":
            self._scaled(float(size))

    def _scaled(self, by: float) -> None:
        channels = self.hwc[2]
        weights = add_constant(self.graph, f"{self.op.name}/weights", np.full((1, 1, 1, channels), by, np.float32))
        bias = add_constant(self.graph, f"{self.op.name}/bias", np.zeros(channels, np.float32))
        self._step("DEPTHWISE_CONV_2D", self.hwc, weights, bias, **UNIT_WINDOW | {"activation": "NONE"})

    def _step(self, kind: str, hwc: tuple[int, int, int], *constants: int, **attrs: object) -> None:
        number = len(self.found) + 1
        made = add_activation(self.graph, f"{self.op.name}/{number}", (1, *hwc))
        self.found.append(Op(kind, f"{self.op.name}/{number}", [self.last, *constants], [made], attrs))
        self.last, self.hwc = made, hwc

    def _ended(self) -> list[Op]:
        """The last of them gives what the reduction gave."""
        output = self.graph.tensors[self.op.outputs[0]]
        if output.hwc != self.hwc or not self.found:
            self._step("RESHAPE", output.hwc)
        last = self.found[-1]
        last.name, last.outputs = self.op.name, self.op.outputs
        return self.found
