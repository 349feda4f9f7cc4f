"""What `dqa analyze` finds, as objects and as JSON."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from dqa.support.version import __version__


@dataclass(frozen=True)
class Layer:
    """One operator of the network as dqa reads it (batch normalization folded, activations fused).

    shape: of its output, without the batch. macs: multiply-accumulates of one inference, None of one that is not DQA's. weights: numbers,
    biases included. activations: bytes of its output with 8 bits a value. why_not: why DQA does not run it; empty: it does.
    """

    name: str
    kind: str
    shape: tuple[int, ...]
    macs: int | None
    weights: int
    activations: int
    why_not: str = ""


@dataclass(frozen=True)
class Ram:
    """Bytes of the arena, with weights of 8 bits.

    least: the smallest plan, rows flowing where that is less. pushed: the same with the input handed over row by row; None: this network
    cannot take it so. stored: each map whole, in as few bits as there are. int8: each map whole, 8 bits.
    limit: the layers that set `least`.
    """

    least: int
    pushed: int | None
    stored: int
    int8: int
    limit: str


@dataclass(frozen=True)
class Flash:
    """Bytes. model: the program with weights of 8 bits; model4: of 4 bits. code: dqa's firmware around it, estimated."""

    model: int
    model4: int
    code: int


@dataclass(frozen=True)
class Fit:
    """Whether the smallest plan fits a board, weights of `weight_bits` bits (8, or else 4). why_not: what does not."""

    board: str
    simulated: bool
    fits: bool
    weight_bits: int
    why_not: str = ""


@dataclass(frozen=True)
class Dead:
    """Channels that cannot matter, whatever comes in, and are left out. weights, macs: of all layers with them."""

    channels: int
    weights: int
    macs: int


@dataclass(frozen=True)
class Analysis:
    """source: the model's file. macs, weights: of all layers. ram: None where builtins run a part of the network.

    layers, and all else, are without the dead channels (None: there are none). boards: those asked about. met: whether it fits what was
    asked for, the board and the RAM. next: what to do now, a sentence each.
    """

    source: str
    layers: tuple[Layer, ...]
    dead_channels: Dead | None
    ram: Ram | None
    flash: Flash
    boards: tuple[Fit, ...]
    met: bool
    next: tuple[str, ...]

    @property
    def macs(self) -> int:
        return sum(layer.macs or 0 for layer in self.layers)

    @property
    def weights(self) -> int:
        return sum(layer.weights for layer in self.layers)

    @property
    def supported(self) -> bool:
        """Whether DQA runs all layers."""
        return not any(layer.why_not for layer in self.layers)

    def to_json(self) -> dict[str, Any]:
        """As plain data; sums beside their parts."""
        sums = {"supported": self.supported, "macs": self.macs, "weights": self.weights}
        return {"dqa": __version__, **sums, **asdict(self)}
