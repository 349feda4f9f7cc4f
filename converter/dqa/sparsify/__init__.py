"""Activation sparsification: a Keras model fine-tuned so that more of its activations are 0, and entropy codes get shorter.

The settings are light; `sparsify` is imported when first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dqa.sparsify.config import SparsifyConfig

if TYPE_CHECKING:
    from dqa.sparsify.run import SparsifyResult, sparsify

__all__ = ["SparsifyConfig", "SparsifyResult", "sparsify"]


def __getattr__(name: str) -> object:
    if name in ("SparsifyResult", "sparsify"):
        from dqa.sparsify import run

        return getattr(run, name)
    raise AttributeError(f"module 'dqa.sparsify' has no attribute '{name}'")
