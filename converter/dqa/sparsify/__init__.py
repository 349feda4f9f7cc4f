"""Activation sparsification: a Keras model fine-tuned so that more of its activations are 0, and entropy codes get shorter."""

from dqa.sparsify.config import SparsifyConfig
from dqa.sparsify.run import SparsifyResult, sparsify

__all__ = ["SparsifyConfig", "SparsifyResult", "sparsify"]
