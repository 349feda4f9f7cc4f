"""Renders OUT/src/model.h and model.c, or those of another name: the program, its operators, its arena, and three functions to run it."""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dqa.codegen.blocks import blocks
from dqa.codegen.comments import comment, numbers
from dqa.codegen.names import DEFAULT, named
from dqa.errors import ProgramError
from dqa.program import Edge, Interface, Port, Program, assemble, may_drop, table
from dqa.program.endless import answer_at, steps
from dqa.support import templates
from dqa.support.limits import FIRMWARE_CODE
from dqa.support.version import __version__

_NO_WORD = re.compile(r"[^A-Za-z0-9]")
MAX_WORD = 32


@dataclass(frozen=True)
class _End:
    """An input or output as the templates show it."""

    macro: str
    index: str
    name: str
    edge: Edge
    dtype: str
    size: int
    shape: str
    scale: str
    zero_point: str
    per_channel: str
    argmax: bool


def _number(value: float) -> str:
    """A C constant: an integer where the value is one, else a float32."""
    if math.isfinite(value) and value == int(value):
        return str(int(value)) if value >= 0 else f"({int(value)})"
    return _float(value)


def _float(value: float) -> str:
    """A C constant with the value as float32."""
    single = struct.unpack("<f", struct.pack("<f", value))[0]
    if not math.isfinite(single):
        raise ProgramError(f"a scale or zero point is {value}")
    text = f"{single:.9g}"
    text += "f" if "." in text or "e" in text else ".0f"
    return text if single >= 0 else f"({text})"


def _end(macro: str, index: str, edge: Edge, port: Port) -> _End:
    scalar = len(port.scale) == 1 and len(port.zero_point) == 1
    mapping = f"scales {numbers(port.scale)}; zero points {numbers(port.zero_point)}"
    return _End(
        macro=macro,
        index=index,
        name=comment(port.name),
        edge=edge,
        dtype=comment(port.dtype),
        size=edge.capacity,
        shape=" x ".join(map(str, port.shape)),
        scale=_float(port.scale[0]) if scalar else "",
        zero_point=_number(port.zero_point[0]) if scalar else "",
        per_channel="" if scalar else mapping,
        argmax=port.argmax,
    )


def _ends(program: Program, ports: Interface) -> list[_End]:
    """All inputs and outputs; the macros of the first of each carry no number."""
    if len(ports.inputs) != program.input_count or len(ports.outputs) != program.output_count:
        raise ProgramError("not one port for each input and output of the program")
    ends = []
    for what, edges, given in (("INPUT", program.inputs, ports.inputs), ("OUTPUT", program.outputs, ports.outputs)):
        words = _words([port.name for port in given])
        for number, (edge, port, word) in enumerate(zip(edges, given, words, strict=True)):
            ends.append(_end(what if number == 0 else f"{what}_{number}", f"{what}_INDEX_{word} {number}u", edge, port))
    return ends


def _words(names: Sequence[str]) -> list[str]:
    """The names as parts of C macros, all different and within the 63 characters of a macro that C99 tells apart."""
    words: list[str] = []
    for name in names:
        word, number = _NO_WORD.sub("_", name).upper()[:MAX_WORD] or "UNNAMED", 1
        while (tried := word if number == 1 else f"{word}_{number}") in words:
            number += 1
        words.append(tried)
    return words


def render(program: Program, program_bytes: bytes, out_dir: Path, ports: Interface, name: str = DEFAULT) -> None:
    """Writes NAME.h and NAME.c to out_dir, which is made if need be. `program_bytes` is write(program). name: see dqa.codegen.names.

    Raises InputError for a name that cannot be, ProgramError where bytes, program and ports do not belong together, ToolError where the
    templates are missing.
    """
    image = assemble(program)
    if image.data != program_bytes:
        raise ProgramError("the program's bytes are not those of the program")
    environment = templates.environment()
    values = {
        "program": program,
        "size": len(program_bytes),
        "crc32": f"0x{int.from_bytes(program_bytes[12:16], 'little'):08x}u",
        "ends": _ends(program, ports),
        "blocks": list(blocks(program, image)),
        "table": table([program]),
        "first": answer_at(program.edges, program.ops) if program.period else 0,
        "hop": steps(program.edges, program.ops)[1] if program.period else 0,
        "counts_drops": any(may_drop(edge) for edge in program.edges),
    }
    out_dir.mkdir(parents=True, exist_ok=True)
    for suffix in (".h", ".c"):
        text = named(environment.get_template(f"model{suffix}.j2").render(values), name)
        (out_dir / (name + suffix)).write_text(text, encoding="ascii", newline="\n")


def render_readme(program: Program, size: int, name: str, source: str, ports: Interface) -> str:
    """README.md of OUT: sizes, the sequence of calls, which files to take. size: bytes of the program. source: name of the model's file."""
    prefix = named("dqa_model_x", name).removesuffix("_x")
    values = {"program": program, "size": size, "name": name, "prefix": prefix, "source": source.replace("`", "'"), "version": __version__}
    answers = [comment(port.name) for port in ports.outputs if port.argmax]
    return templates.environment().get_template("out_readme.md.j2").render(values, code=FIRMWARE_CODE, argmax=answers)
