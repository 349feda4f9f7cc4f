"""Ranges of options that several methods share."""

from __future__ import annotations


def check_bits(bits: int, lowest: int, highest: int = 16) -> None:
    """Raises ValueError for bits outside lowest..highest."""
    if not lowest <= bits <= highest:
        raise ValueError(f"'bits' must be in {lowest}..{highest} (got {bits})")


def check_share(name: str, share: float) -> None:
    """Raises ValueError for a share outside 0..1."""
    if not 0 <= share <= 1:
        raise ValueError(f"'{name}' must be in 0..1 (got {share})")
