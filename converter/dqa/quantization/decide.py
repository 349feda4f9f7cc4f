"""Decides the format of every activation from calibration statistics and the settings."""

from __future__ import annotations

from collections.abc import Mapping

from dqa.quantization.calibrated import Calibrated
from dqa.quantization.formats import TensorFormat
from dqa.quantization.shared_range import FreeRange, SharedRange, StorageChoice
from dqa.quantization.useful_scales import raise_to_useful


def decide(
    network: Calibrated, choices: Mapping[int, StorageChoice] | None = None, coded: Mapping[int, TensorFormat] | None = None
) -> dict[int, TensorFormat]:
    """The format of each activation tensor, by tensor number, with scales that the integer arithmetic can reach.

    Tied tensors (see `Ties`) get one value range and tied channels one scale. Small edges, the inputs of tables and the borders of
    the model keep 8 bits; the others become packed maps of config.bits + config.extra_bits, or what `coded` and `choices` (by tensor) say.
    """
    formats: dict[int, TensorFormat] = {}
    for members in network.ties.ranges().values():
        shared = SharedRange(network, members)
        fixed = shared.fixed()
        if fixed is None and coded is not None and members[0] in coded:
            fixed = {tensor: coded[tensor] for tensor in members}
        formats.update(shared.free(choices) if fixed is None else fixed)
    return raise_to_useful(network.graph, network.ties, formats, network.config.weight_bits)


def plain_int8(network: Calibrated) -> dict[int, TensorFormat]:
    """The formats of int8 as TensorFlow Lite has them: bytes with one scale and zero point per tensor, from the calibrated extremes."""
    formats: dict[int, TensorFormat] = {}
    for members in network.ties.ranges().values():
        formats.update(SharedRange(network, members).plain())
    return raise_to_useful(network.graph, network.ties, formats)


def free_ranges(network: Calibrated) -> list[FreeRange]:
    """The shared ranges of tensors whose formats nothing asks for: those that `decide` makes packed maps of."""
    ranges = (SharedRange(network, members) for members in network.ties.ranges().values())
    return [shared.freedom() for shared in ranges if shared.fixed() is None]
