"""The process in which TensorFlow Lite Micro's interpreter runs: if it crashes, only this does.

Run as a script with the library of the DQA operator; imports nothing of dqa. Takes requests on standard input and answers on
standard output, each one byte of kind, u64 length, payload: "m" MODEL header + model -> "m" the arena bytes used, as text;
"i" the inputs of some samples -> "o" their outputs. The answer "e" is an error, in words.
"""

from __future__ import annotations

import ctypes
import os
import re
import struct
import sys
import tempfile
from collections.abc import Iterator
from typing import Any, BinaryIO

import numpy as np

REGISTERER = "dqa_tflm_register"
FRAME = struct.Struct("<cQ")
MODEL = struct.Struct("<QBB")
"""Arena size, number of inputs and of outputs."""


def frames(source: BinaryIO) -> Iterator[tuple[bytes, bytes]]:
    """(kind, payload) until the other side closes."""
    while len(head := source.read(FRAME.size)) == FRAME.size:
        kind, length = FRAME.unpack(head)
        payload = source.read(length)
        if len(payload) < length:
            return
        yield kind, payload


class Model:
    """A model in the interpreter."""

    def __init__(self, runtime: Any, payload: bytes) -> None:
        arena_size, inputs, self._outputs = MODEL.unpack_from(payload)
        model = payload[MODEL.size :]
        self._interpreter = runtime.Interpreter.from_bytes(model, custom_op_registerers=[REGISTERER], arena_size=arena_size)
        details = [self._interpreter.get_input_details(index) for index in range(inputs)]
        self._inputs = [(tuple(detail["shape"]), np.dtype(detail["dtype"])) for detail in details]
        self._starts = np.cumsum([0, *(int(np.prod(shape)) for shape, _ in self._inputs)])

    def run(self, payload: bytes) -> bytes:
        """The outputs of the samples in `payload`, one after the other."""
        answers: list[bytes] = []
        for sample in np.frombuffer(payload, np.uint8).reshape(-1, self._starts[-1]):
            for index, (shape, dtype) in enumerate(self._inputs):
                part = sample[self._starts[index] : self._starts[index + 1]]
                self._interpreter.set_input(part.view(dtype).reshape(shape), index)
            self._interpreter.invoke()
            answers.extend(self._interpreter.get_output(index).tobytes() for index in range(self._outputs))
        return b"".join(answers)

    def arena_used(self) -> bytes:
        """Bytes of arena, from what the interpreter prints on standard error; empty if it says nothing."""
        with tempfile.TemporaryFile() as printed:
            saved = os.dup(2)
            os.dup2(printed.fileno(), 2)
            try:
                self._interpreter.print_allocations()
            finally:
                os.dup2(saved, 2)
                os.close(saved)
            printed.seek(0)
            found = re.search(rb"Arena allocation total (\d+)", printed.read())
        return found[1] if found else b""


def main() -> None:
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what the interpreter prints must not mix with the answers

    def answer(kind: bytes, payload: bytes = b"") -> None:
        answers.write(FRAME.pack(kind, len(payload)) + payload)
        answers.flush()

    library = ctypes.CDLL(sys.argv[1], mode=ctypes.RTLD_GLOBAL)
    library.dqa_tflm_last_error.restype = ctypes.c_char_p
    from tflite_micro import runtime

    model: Model | None = None
    for kind, payload in frames(sys.stdin.buffer):
        try:
            if kind == b"m":
                model = Model(runtime, payload)
                answer(b"m", model.arena_used())
            elif model is not None:
                answer(b"o", model.run(payload))
        except Exception as error:
            said = library.dqa_tflm_last_error()
            answer(b"e", said or str(error).encode())


if __name__ == "__main__":
    main()
