"""Bit-exact coding of a map's rows: planes of codes, Huffman-coded errors."""

from dqa.coding.huffman import HuffmanTable
from dqa.coding.planes import pack, plane_bytes, plane_words, unpack

__all__ = ["HuffmanTable", "pack", "plane_bytes", "plane_words", "unpack"]
