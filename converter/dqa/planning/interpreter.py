"""The arena of TensorFlow Lite Micro around one DQA operator."""

from __future__ import annotations

from dqa.program import Program

ALIGNMENT = 16
FIXED, EACH_END = 672, 128
"""Bytes of the interpreter's own structures, and for each input and output (its tensors and quantization), at most: measured in the
interpreter of the Python wheel, a 64-bit machine with the recording allocator (dqa.engine.tflm_host); a board takes less."""


def beside_operator(program: Program) -> int:
    """Bytes that the interpreter takes beside the operator's own arena: input and output tensors and its structures."""
    ends = (*program.inputs, *program.outputs)
    return sum(aligned(edge.capacity) for edge in ends) + FIXED + EACH_END * len(ends)


def interpreter_arena(program: Program) -> int:
    """Bytes of the interpreter's arena, at most."""
    return beside_operator(program) + aligned(program.external.arena_size)


def aligned(size: int) -> int:
    """As the interpreter's memory planner rounds."""
    return -(-size // ALIGNMENT) * ALIGNMENT
