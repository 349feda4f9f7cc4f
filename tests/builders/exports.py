"""Converted models to export, and what the answers of their C are compared with."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

from builders.endless import endless
from builders.ports import ports_of
from builders.programs import operator_program, random_inputs, random_program
from builders.streams import ladder, streamed
from dqa import program as p
from dqa.codegen import render
from dqa.engine.compile import executor_includes, executor_sources, shared_library
from reference import mirror


@cache
def programs() -> dict[str, p.Program]:
    """wake: coded maps, several operators; face: rows can be pushed, of another size; tiny: one operator; flow: its rows never end."""
    wake = next(q for q in map(random_program, range(100)) if q.input_count == 1 and any(edge.coding for edge in q.edges))
    ladders = (streamed(ladder(seed), seed) for seed in range(40))
    face = next(q for q in ladders if q.pushed is not None and q.inputs[0].height > 2)
    return {"wake": wake, "face": face, "tiny": operator_program(p.Kind.MAX_POOL_2D), "flow": endless(0)}


def converted(folder: Path, name: str, push_rows: bool = False) -> Path:
    """A directory as dqa convert leaves it, as far as an export looks: one of `programs`, under its name."""
    program, out = programs()[name], folder / f"out-{name}"
    data = p.write(program)
    render(program, data, out / "src", ports_of(program), name)
    (out / "model.dqa").write_bytes(data)
    (out / "report.json").write_text(json.dumps({"interface": replace(ports_of(program), push_rows=push_rows).to_json()}))
    return out


def answers(name: str, seed: int) -> tuple[bytes, bytes]:
    """Input and outputs of a program, by the mirror."""
    inputs = random_inputs(programs()[name], seed)
    return b"".join(one.tobytes() for one in inputs), b"".join(one.tobytes() for one in mirror.run(programs()[name], inputs).outputs)


def linked(folder: Path, sources: Sequence[Path], target: Path, compiler: str = "gcc", *flags: str) -> Path:
    """An executable of some sources of an export; of its library's code the one that is compiled already."""
    executor = shared_library("dqa", executor_sources(), executor_includes())
    command = [compiler, *flags, "-Wall", "-Wextra", "-Werror", f"-I{folder / 'src'}", *map(str, sources), str(executor), "-o", str(target)]
    subprocess.run(command, check=True)
    return target
