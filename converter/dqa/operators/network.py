"""Tensor and Op: what a float32 network in NHWC is made of.

Tensor numbers are those of the float .tflite the network was read from, so that calibration can ask LiteRT for a tensor by its number.
Tensors that a pass made up have numbers past the last one of the file; activations among them are `made`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from dqa.support.arrays import Array, Int64

MAP_AXES = {1: (0,), 2: (0, 3), 3: (0, 1, 3), 4: (0, 1, 2, 3)}
"""By the number of dimensions, batch included: which one of batch, height, width, channels each is. A series is a map of one column:
time runs along its rows, so that it can be computed row by row, as it comes."""


TURNED_AXES = {0: 0, 1: 2, 2: 1, 3: 3}
"""NHWC axes where rows and columns are in each other's place."""


def as_map(dims: Sequence[int]) -> tuple[int, int, int]:
    """Height, width and channels of dimensions without the batch: (C,) is 1 x 1 x C, (T, C) is T x 1 x C."""
    sizes = [1, 1, 1, 1]
    for axis, size in zip(MAP_AXES[len(dims) + 1][1:], dims, strict=True):
        sizes[axis] = size
    return sizes[1], sizes[2], sizes[3]


@dataclass
class Tensor:
    """One value of the graph. `shape` includes the batch, which is 1. `data` is set for constants only."""

    index: int
    name: str
    shape: tuple[int, ...]
    data: Array | None = None
    kept: Int64 | None = None
    """The channels of the file's tensor that it has; None: all (dqa.frontend.dead_channels)."""
    made: bool = False
    """The file has no such activation: it is what its operator makes of others."""

    @property
    def is_constant(self) -> bool:
        return self.data is not None

    @property
    def is_map(self) -> bool:
        """Whether the executor can see it as height x width x channels."""
        return 1 <= len(self.shape) <= 4 and self.shape[0] == 1

    @property
    def hwc(self) -> tuple[int, int, int]:
        """Height, width and channels as the executor sees them.

        Raises ValueError for a batch other than 1 or more than four dimensions.
        """
        if not self.is_map:
            raise ValueError(f"tensor '{self.name}' has shape {self.shape}; expected a batch of 1 and at most 4 dimensions")
        return as_map(self.shape[1:])


@dataclass
class Op:
    """One operator: `kind` is TFLite's name (CONV_2D, ADD, ...), `attrs` its options as plain values.

    The attributes of each kind are said in its room; activation, of those that have a fused one, is one of NONE, RELU, RELU6,
    RELU_N1_TO_1, TANH.
    Inputs are the tensors that carry data (shapes, axes and paddings are attributes); those with weights always have three: x, weights,
    bias. Kinds without a room keep TFLite's name, attrs is empty.
    """

    kind: str
    name: str
    inputs: list[int]
    outputs: list[int]
    attrs: dict[str, Any] = field(default_factory=dict)
