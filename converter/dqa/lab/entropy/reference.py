"""General-purpose compressors, as a reference: Deflate, LZMA and Zstandard at their strongest, a byte or two for each symbol."""

from __future__ import annotations

import lzma
import zlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from dqa.errors import ToolError
from dqa.lab.entropy.bits import damaged
from dqa.support.arrays import Int64

_LZMA = [{"id": lzma.FILTER_LZMA2, "preset": 9 | lzma.PRESET_EXTREME, "dict_size": 1 << 20, "lc": 0, "lp": 0, "pb": 0}]
_ZSTD_LEVEL = 22


@dataclass(frozen=True)
class Reference:
    """A compressor of whole maps. name: of COMPRESSORS. bits: of a symbol, 1..16."""

    name: str
    bits: int

    @property
    def table_bits(self) -> int:
        return 0

    @property
    def _dtype(self) -> str:
        return "u1" if self.bits <= 8 else "<u2"

    def encode(self, symbols: Int64) -> bytes:
        """The symbols (n,), compressed. Raises ToolError where the library is missing."""
        return COMPRESSORS[self.name][0](symbols.astype(self._dtype).tobytes())

    def decode(self, data: bytes, count: int) -> Int64:
        """Exactly `count` symbols, int64. Raises DataError for anything else, ToolError where the library is missing."""
        size = count * np.dtype(self._dtype).itemsize
        try:
            content = COMPRESSORS[self.name][1](data, size)
        except ToolError:
            raise
        except Exception as error:  # each library has its own
            raise damaged(f"{self.name}: {error}") from error
        if len(content) != size:
            raise damaged(f"holds {len(content)} bytes of symbols, expected {size}")
        return np.frombuffer(content, self._dtype).astype(np.int64)


def _deflate(content: bytes) -> bytes:
    return zlib.compress(content, 9, wbits=-zlib.MAX_WBITS)


def _inflate(data: bytes, size: int) -> bytes:
    stream = zlib.decompressobj(wbits=-zlib.MAX_WBITS)
    content = stream.decompress(data, size + 1)
    return content if stream.eof and not stream.unused_data else b""


def _lzma(content: bytes) -> bytes:
    return lzma.compress(content, lzma.FORMAT_RAW, filters=_LZMA)


def _unlzma(data: bytes, size: int) -> bytes:
    stream = lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=_LZMA)
    content = stream.decompress(data, size + 1)
    return content if stream.eof and not stream.unused_data else b""


def _zstd(content: bytes) -> bytes:
    try:
        import zstandard
    except ImportError as error:
        raise ToolError("Zstandard is not installed", hint="pip install 'dqa-convert[study]'") from error
    return zstandard.ZstdCompressor(level=_ZSTD_LEVEL, write_content_size=False).compress(content)


def _unzstd(data: bytes, size: int) -> bytes:
    try:
        import zstandard
    except ImportError as error:
        raise ToolError("Zstandard is not installed", hint="pip install 'dqa-convert[study]'") from error
    return zstandard.ZstdDecompressor().decompress(data, max_output_size=size, allow_extra_data=False)


COMPRESSORS: dict[str, tuple[Callable[[bytes], bytes], Callable[[bytes, int], bytes]]] = {
    "deflate": (_deflate, _inflate),
    "lzma": (_lzma, _unlzma),
    "zstd": (_zstd, _unzstd),
}
