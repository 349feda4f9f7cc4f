"""The kinds of the float network that have weights."""

from __future__ import annotations

from dqa.operators.float_weights import WeightedOperator
from dqa.operators.registry import float_operator


def weighted_operator(kind: str) -> WeightedOperator:
    """What is known of a kind with weights. Raises TypeError for others."""
    room = float_operator(kind)
    if not isinstance(room, WeightedOperator):
        raise TypeError(f"{kind} has no weights")
    return room


def few_bits(kind: str) -> bool:
    """Whether a kind has weights that may have 4 bits."""
    room = float_operator(kind)
    return isinstance(room, WeightedOperator) and room.few_bits
