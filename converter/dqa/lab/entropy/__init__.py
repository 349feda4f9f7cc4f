"""Entropy coding of whole maps on the host, for the study: Huffman, SEG, zero-value coding, and general compressors beside them."""

from dqa.lab.entropy.coders import CODERS, SPLIT_CODERS, MapCoder, fit

__all__ = ["CODERS", "SPLIT_CODERS", "MapCoder", "fit"]
