"""What the world outside needs to know of an input or output."""

from __future__ import annotations

from typing import Protocol


class Port(Protocol):
    """An input or output: bytes of `dtype` ("int8" or "uint8"), real = (byte - zero_point) * scale.

    `shape` is without the batch; `scale` and `zero_point` hold one number, or one for each entry of the last dimension.
    """

    @property
    def name(self) -> str: ...
    @property
    def shape(self) -> tuple[int, ...]: ...
    @property
    def dtype(self) -> str: ...
    @property
    def scale(self) -> tuple[float, ...]: ...
    @property
    def zero_point(self) -> tuple[float, ...]: ...


class Ports(Protocol):
    """All inputs and outputs of a model, in the program's order."""

    @property
    def inputs(self) -> tuple[Port, ...]: ...
    @property
    def outputs(self) -> tuple[Port, ...]: ...
