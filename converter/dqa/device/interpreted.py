"""What firmware needs to run a model inside TensorFlow Lite Micro: its operators, and the head of a model that has builtins."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from pathlib import Path

from dqa.errors import InputError
from dqa.program import table
from dqa.support import templates
from dqa.tflite.reader import Contents, read_contents

RESOLVER, HEAD = "resolver.h", "model.h"
_NAMES = {
    "BATCH_MATMUL": "BatchMatMul",
    "CUMSUM": "CumSum",
    "PADV2": "PadV2",
    "UNIDIRECTIONAL_SEQUENCE_LSTM": "UnidirectionalSequenceLSTM",
}
"""Where a resolver's method is not named as the others are."""
_CRC_AT = 12
"""Where a program keeps its checksum (docs/format.md)."""
_INTERPRETER = 16 << 10
_OPERATOR = 1 << 10
"""Bytes of the arena for the interpreter itself, and for what a builtin keeps: generous, as a run tells the true size."""
_VALUE = 8
"""Bytes of the arena for an element between operators: builtins may keep an int32 accumulator beside it."""


@dataclass(frozen=True)
class Model:
    """A model.tflite as firmware sees it. crc: of the program of a model that DQA runs alone, else of the file; the board tells it."""

    contents: Contents
    crc: int

    @property
    def mixed(self) -> bool:
        """Whether builtins, or several DQA operators, make it up, so that only an interpreter runs it."""
        return self.contents.builtins > 0 or len(self.contents.groups) > 1

    @property
    def builtins(self) -> tuple[str, ...]:
        """The builtins by the names that TensorFlow Lite Micro's resolver has for them: Conv2D for AddConv2D."""
        return tuple(sorted(map(method, self.contents.kinds)))


def load(out: Path) -> Model:
    """The model in OUT/model.tflite. Raises InputError where there is none, ProgramError where it is corrupt."""
    path = out / "model.tflite"
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"'{path}' cannot be read: {error.strerror}", hint="run dqa convert again") from error
    contents = read_contents(data)
    model = Model(contents, zlib.crc32(data))
    return model if model.mixed else Model(contents, _program_crc(contents.groups[0].program_bytes))


def crc(out: Path) -> int:
    """What the firmware of OUT says it runs: the checksum of model.dqa, or of the model.tflite of a mixed model; errors as load."""
    try:
        return _program_crc((out / "model.dqa").read_bytes())
    except FileNotFoundError:
        return load(out).crc
    except (OSError, struct.error) as error:
        raise InputError(f"'{out / 'model.dqa'}' cannot be read: {error}", hint="run dqa convert again") from error


def _program_crc(program: bytes) -> int:
    return int(struct.unpack_from("<I", program, _CRC_AT)[0])


def method(kind: str) -> str:
    """The name of a kind of operator with TensorFlow Lite Micro's resolver: CONV_2D is Conv2D."""
    return _NAMES.get(kind) or "".join(word.upper() if word[0].isdigit() else word.capitalize() for word in kind.split("_"))


def files(model: Model) -> dict[str, bytes]:
    """The headers by name: RESOLVER, and of a mixed model HEAD, which codegen makes for all others."""
    contents = model.contents
    found = {RESOLVER: _render(RESOLVER, builtins=model.builtins, table=table([group.program for group in contents.groups]))}
    if model.mixed:
        inside = sum(group.program.external.arena_size for group in contents.groups) + _VALUE * contents.activations
        found[HEAD] = _render(
            "mixed_model.h",
            crc32=f"0x{model.crc:08x}u",
            arena=inside + _INTERPRETER + _OPERATOR * contents.builtins,
            inputs=sum(contents.inputs),
            outputs=sum(contents.outputs),
        )
    return found


def _render(name: str, **values: object) -> bytes:
    return templates.environment().get_template(f"{name}.j2").render(values).encode("ascii")
