"""Coders of whole maps: fitted to calibration maps, then maps to bytes and back, exactly.

    coder = fit("huffman-channel", calibration_maps, bits=4)
    data = coder.encode(map)
    assert (coder.decode(data, map.shape) == map).all()

A value of `bits` = n + m bits may be split as DQA does: the code, its n high bits, and the shifting error, its m low bits, apart.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from dqa.errors import DataError
from dqa.lab.entropy.bits import Bits, damaged, pack_words
from dqa.lab.entropy.canonical import Huffman
from dqa.lab.entropy.prefix import MAX_BITS, PrefixCode, Raw, ZeroValue
from dqa.lab.entropy.reference import COMPRESSORS, Reference
from dqa.lab.entropy.seg import SparseExpGolomb
from dqa.support import plugins
from dqa.support.arrays import Int64, Integer

Plane = tuple[PrefixCode, ...]
"""One prefix code for all values, or one for each channel."""

_FITS: plugins.Registry[Callable[[Int64, int], PrefixCode]] = plugins.Registry(
    plugins.CODERS, {"raw": Raw.fit, "zvc": ZeroValue.fit, "seg": SparseExpGolomb.fit, "huffman": Huffman.fit}
)
_SPLITS = {"huffman-codes": ("huffman", "raw"), "huffman-errors": ("raw", "huffman"), "huffman-both": ("huffman", "huffman")}
_CHANNEL = "-channel"

CODERS = (
    "raw",
    "zvc",
    *(name + end for name in ("seg", "huffman") for end in ("", _CHANNEL)),
    *COMPRESSORS,
)
"""Coders of whole values; packages may offer others."""
SPLIT_CODERS = tuple(name + end for name in _SPLITS for end in ("", _CHANNEL))
"""Coders of codes and shifting errors apart."""


@dataclass(frozen=True, eq=False)
class MapCoder:
    """What `fit` makes.

    bits: of a value, 1..16; values are -2^(bits-1) .. 2^(bits-1) - 1 if signed, else 0 .. 2^bits - 1. extra_bits: m, 0 if not split.
    planes: the prefix codes of the values, or of codes and errors; empty with `reference`, a compressor instead of prefix codes.
    """

    name: str
    bits: int
    signed: bool
    extra_bits: int
    planes: tuple[Plane, ...]
    reference: Reference | None = None

    @property
    def table_bits(self) -> int:
        """What a decoder has to be given once, for all maps, in bits."""
        return sum(code.table_bits for plane in self.planes for code in plane)

    def encode(self, maps: Integer) -> bytes:
        """Integers (..., C) as bytes. Raises ValueError for values out of range, or other channels than were fitted."""
        symbols = _split(maps, self.bits, self.extra_bits, self.signed)
        if self.reference is not None:
            return self.reference.encode(symbols[0].reshape(-1))
        pieces = [code.words(values) for plane, part in zip(self.planes, symbols, strict=True) for code, values in _per_code(plane, part)]
        return pack_words(np.concatenate([words for words, _ in pieces]), np.concatenate([lengths for _, lengths in pieces]))

    def encoded_bits(self, maps: Integer) -> int:
        """The bits that maps (N, ..., C) take when each is encoded by itself; of prefix codes without the filled last bytes.

        Raises ValueError as `encode`.
        """
        if self.reference is not None:
            return sum(8 * len(self.encode(values)) for values in maps)
        return sum(code.cost(np.bincount(symbols, minlength=1 << code.bits)) for code, symbols in self._parts(maps))

    def _parts(self, maps: Integer) -> list[tuple[PrefixCode, Int64]]:
        """Each prefix code with the symbols (n,) it codes, in the order of the stream."""
        symbols = _split(maps, self.bits, self.extra_bits, self.signed)
        return [pair for plane, part in zip(self.planes, symbols, strict=True) for pair in _per_code(plane, part)]

    def decode(self, data: bytes, shape: tuple[int, ...]) -> Int64:
        """The values that were encoded, int64 of that shape. Raises DataError where `data` cannot be what `encode` gave for it."""
        count = int(np.prod(shape))
        if self.reference is not None:
            symbols = [self.reference.decode(data, count)]
            if (symbols[0] >> self.bits).any():
                raise damaged(f"holds a symbol that is not in 0..{(1 << self.bits) - 1}")
        else:
            symbols = []
            bits, position = Bits(data), 0
            for plane in self.planes:
                parts = []
                for code in plane:
                    values, position = code.read(bits, position, count // len(plane))
                    parts.append(values)
                symbols.append(np.stack(parts, axis=-1).reshape(-1))
            bits.check_end(position)
        return _joined(symbols, self.extra_bits, self.signed).reshape(shape)


def fit(name: str, maps: Integer, bits: int, *, signed: bool = False, extra_bits: int = 0) -> MapCoder:
    """The coder `name` fitted to calibration maps (..., C), integers of `bits` bits.

    One of CODERS takes values whole; one of SPLIT_CODERS needs extra_bits, 1 .. bits - 1: the errors' share of the bits.
    Names that end with -channel have a code for each channel. Negative values become symbols by zig-zag: 0, -1, 1, -2, ...
    Raises DataError for an unknown name; ValueError for bits, values or shapes out of range.
    """
    known = SPLIT_CODERS if extra_bits else CODERS
    base = name.removesuffix(_CHANNEL)
    if name not in known and (extra_bits or base not in _FITS):
        raise DataError(f"coder '{name}' is not known", hint=f"one of {', '.join(dict.fromkeys([*known, *_FITS]))}")
    symbols = _split(maps, bits, extra_bits, signed)
    if name in COMPRESSORS:
        return MapCoder(name, bits, signed, 0, (), Reference(name, bits))
    widths = (bits - extra_bits, extra_bits) if extra_bits else (bits,)
    planes = []
    for method, width, values in zip(_SPLITS.get(base, (base,)), widths, symbols, strict=True):
        apart = name.endswith(_CHANNEL) and method != "raw"
        parts = values.T if apart else [values.reshape(-1)]
        planes.append(tuple(_FITS[method](np.bincount(part, minlength=1 << width), width) for part in parts))
    return MapCoder(name, bits, signed, extra_bits, tuple(planes))


def _split(maps: Integer, bits: int, extra_bits: int, signed: bool) -> list[Int64]:
    """The symbols of values, or of codes and errors, each int64 (values per channel, C)."""
    if not 1 <= bits <= MAX_BITS:
        raise ValueError(f"values of {bits} bits, expected 1..{MAX_BITS}")
    values = np.asarray(maps, np.int64)
    low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)
    if values.size and (values.min() < low or values.max() > high):
        raise ValueError(f"values from {values.min()} to {values.max()}, expected {low}..{high}")
    if values.ndim < 1 or not values.shape[-1]:
        raise ValueError(f"maps of shape {values.shape}, expected (..., channels)")
    if extra_bits and not 0 < extra_bits < bits:
        raise ValueError(f"{extra_bits} extra bits of {bits}")
    values = values.reshape(-1, values.shape[-1])
    codes = values >> extra_bits
    if signed:
        codes = codes << 1 ^ codes >> 63
    return [codes, values & (1 << extra_bits) - 1] if extra_bits else [codes]


def _joined(symbols: list[Int64], extra_bits: int, signed: bool) -> Int64:
    """Inverts `_split`."""
    codes = symbols[0]
    if signed:
        codes = codes >> 1 ^ -(codes & 1)
    return codes << extra_bits | symbols[1] if extra_bits else codes


def _per_code(plane: Plane, symbols: Int64) -> list[tuple[PrefixCode, Int64]]:
    """Each code of a plane with the symbols (n,) it codes: all of them, or channel after channel."""
    if len(plane) == 1:
        return [(plane[0], symbols.reshape(-1))]
    if len(plane) != symbols.shape[1]:
        raise ValueError(f"maps of {symbols.shape[1]} channels, the coder was fitted to {len(plane)}")
    return list(zip(plane, symbols.T, strict=True))
