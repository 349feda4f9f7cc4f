"""The most stack that a model takes: the deepest path through its calls, with frames as the compiler gives them (-fcallgraph-info=su)."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection

_ROOTS = re.compile(r"runtime_(load|begin|push|run)")
"""What does the work in firmware/src/runtime.h."""
_LIBRARY = (
    dict.fromkeys(("memcpy", "memmove", "memset"), 20)
    | {"__aeabi_lmul": 28}
    | dict.fromkeys(("__aeabi_idiv", "__aeabi_uidiv", "__aeabi_idivmod", "__aeabi_uidivmod"), 16)
)
"""Frames of newlib's functions, and of those the compiler calls where Cortex-M0 has no instruction; it tells nothing of them."""
_INTERRUPT = "systick_handler"
_COUNTER = "counter_systick.c"
"""The only interrupt that is taken during an inference, and where it is written: on boards whose counter needs it."""
_EXCEPTION = 108
"""What the core pushes for it at most: eight registers, those of the floating-point unit, a word of alignment (ARMv7-M, B1.5.7)."""
_ATTRIBUTE = re.compile(r'(\w+): "((?:[^"\\]|\\.)*)"')
_FRAME = re.compile(r"(\d+) bytes \((?:static|dynamic,bounded)\)")
_INDIRECT = "__indirect_call"
_METHOD = re.compile(r"(?:->|\.)(\w+)\(")
_CODERS = {"dqa_coded_": "dqa_coded_maps", "dqa_packed_": "dqa_part_packed_maps"}
"""How the functions of a struct dqa_coder begin, and the entry of the operator table that it comes with."""
_CODER = re.compile("|".join(_CODERS))


@dataclass
class _Graph:
    """Frames in bytes and calls, by the compiler's names of functions: NAME, or FILE:NAME if it is static."""

    frames: dict[str, int] = field(default_factory=dict)
    calls: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))


def bound(elf: Path) -> int | None:
    """Bytes of stack that loading the model or an inference takes at most, counted from the caller of the runtime (runtime.h).

    elf: a firmware as dqa builds it, beside the .ci files of its objects. None where no bound is known: functions without figures are
    called (the library of TensorFlow Lite Micro), or the compiler left none.
    """
    graph = _graph(elf)
    depths: dict[str, int | None] = dict(_LIBRARY)
    found = [_depth(graph, name, depths) for name in graph.frames if _ROOTS.fullmatch(name)]
    if not found or None in found:
        return None
    taken = _EXCEPTION + graph.frames[_INTERRUPT] if _INTERRUPT in graph.frames else 0
    return max(depth for depth in found if depth is not None) + taken


def _depth(graph: _Graph, name: str, depths: dict[str, int | None]) -> int | None:
    """Bytes of a function's frame and of the deepest path below it; None if that is not known, or it may call itself."""
    if name not in depths:
        depths[name] = None  # until it is known
        below = [_depth(graph, called, depths) for called in graph.calls[name]] if name in graph.frames else [None]
        known = [depth for depth in below if depth is not None]
        if len(known) == len(below):
            depths[name] = graph.frames[name] + max(known, default=0)
    return depths[name]


def _graph(elf: Path) -> _Graph:
    """The frames and calls of all objects beside the ELF file; methods are those of the operators linked into it."""
    graph, indirect = _Graph(), []
    for kind, values in _records(elf.parent):
        if kind == "node" and values["title"] == _INTERRUPT and _COUNTER not in values["label"]:
            continue  # what other boards have in its place
        if kind == "node" and (frame := _FRAME.search(values["label"])):
            graph.frames[values["title"]] = int(frame[1])
        elif kind == "edge" and values["targetname"] == _INDIRECT:
            indirect.append((values["sourcename"], values["label"]))
        elif kind == "edge":
            graph.calls[values["sourcename"]].add(values["targetname"])
    methods, linked = _methods(graph), _linked(elf)
    project = next((folder for folder in elf.parents if (folder / "platformio.ini").is_file()), elf.parent)
    for caller, place in indirect:
        called = methods.get(_called_at(project, place))
        graph.calls[caller] |= {name for name in called if _operator(name) in linked} if called else {_INDIRECT}
    return graph


def _records(folder: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """Each node and edge of the .ci files with its attributes."""
    for file in sorted(folder.rglob("*.ci")):
        for line in file.read_text(encoding="utf-8").splitlines():
            kind, _, text = line.partition(":")
            if kind in ("node", "edge"):
                yield kind, dict(_ATTRIBUTE.findall(text))


def _methods(graph: _Graph) -> dict[str, set[str]]:
    """Functions of the operators by the name of their pointer in struct dqa_operator or dqa_coder, which is their own."""
    found = defaultdict(set)
    for name in graph.frames:
        if _operator(name):
            found[_CODER.sub("", name.rpartition(":")[2].partition(".")[0])].add(name)
    return found


def _operator(name: str) -> str:
    """The table entry a method belongs to: static functions of op_conv_2d.c to dqa_op_conv_2d, a coder's to its entry; else ""."""
    if coder := _CODER.match(name):
        return _CODERS[coder[0]]
    stem = Path(name.rpartition(":")[0]).stem
    return f"dqa_{stem}" if stem.startswith(("op_", "part_")) else ""


def _linked(elf: Path) -> set[str]:
    """The symbols of a firmware."""
    with elf.open("rb") as stream:
        table = ELFFile(stream).get_section_by_name(".symtab")
        return {symbol.name for symbol in table.iter_symbols()} if isinstance(table, SymbolTableSection) else set()


def _called_at(project: Path, place: str) -> str:
    """The pointer that is called at FILE:LINE:COLUMN, a path from the project or an absolute one; "" if there is none."""
    file, line, _ = place.rsplit(":", 2)
    text = (project / file).read_text(encoding="utf-8").splitlines()[int(line) - 1]
    match = _METHOD.search(text)
    return match[1] if match else ""
