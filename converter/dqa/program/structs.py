"""The fixed-size records of a program, as struct formats (docs/format.md, sections 3 to 5)."""

from __future__ import annotations

from struct import Struct

MAGIC = 0x50415144
VERSION = 1
OUTSIDE = 0xFFFFFFFF
"""The place of a buffer that is not in the arena; the arena size of a layout that does not exist."""

HEADER = Struct("<IHHIIHHBBHIIIIIII12x")
"""magic, version, header size, size, CRC-32; edges, operators, inputs, outputs, 0; offsets of edges, operators, layouts; arena sizes;
period."""
CHECKED_FROM = 16
"""The first byte the CRC-32 covers."""
EDGE = Struct("<HHHBBBBbbIIIHHIHHI")
"""height, width, channels, storage, error coding, code bits, extra bits, low, zero point, capacity;
offsets of zero points and important channels, important count, expected extra, offset of the Huffman table or the coding record;
rows of a ring, 0, 0."""
OPERATOR = Struct("<BBHIIIIHBB")
"""kind, input count, output edge; offsets of inputs and parameters, their size; scratch, phase, weight encoding, block."""
CODING = Struct("<BBxxI")
"""The beginning of a coding record: groups, tables, 0, offset of the tables;
then expected bytes, contexts, shares, groups of the channels."""
CODED_TABLE_BYTES = 292
"""A Huffman table of a coded map: 16 symbols, max_length 8."""
