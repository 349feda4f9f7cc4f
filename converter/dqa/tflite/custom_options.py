"""The custom_options of a DQA operator: what its constant tensor must hold.

    u32 magic `DQAO`   u16 version 1   u16 bytes of the options, 20
    u32 size of the program   u32 CRC-32 of the program (as in its header)   u32 arena bytes of its layout 1

Little-endian. TensorFlow Lite Micro hands these bytes to the operator as they are, at any alignment.
"""

from __future__ import annotations

from struct import Struct

from dqa.program import Program

OPERATOR_NAME = "DQA"
_OPTIONS = Struct("<IHHIII")
_MAGIC = 0x4F415144
_VERSION = 1


def custom_options(program_bytes: bytes, program: Program) -> bytes:
    """The options that belong to a program."""
    crc = int.from_bytes(program_bytes[12:16], "little")
    return _OPTIONS.pack(_MAGIC, _VERSION, _OPTIONS.size, len(program_bytes), crc, program.external.arena_size)
