"""The executor held against the numpy mirror: programs in every layout, and single maps."""

from __future__ import annotations

import ctypes
import struct
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from builders.c_tools import Case, exports, flat, run_sanitized
from builders.programs import place, random_inputs
from builders.streams import streamed
from dqa import program as p
from dqa.engine.host import HostModel
from dqa.operators.lut import Lut
from dqa.program import LayoutName
from reference import maps as mirror_map
from reference import mirror

LAYOUTS: tuple[LayoutName, ...] = ("internal", "external", "pushed")


def check(programs: Sequence[p.Program], directory: Path) -> None:
    """Host engine and sanitized executor give the mirror's outputs and dropped rows in every layout."""
    cases, expected = [], b""
    for seed, program in enumerate(programs):
        data, inputs = p.write(program), random_inputs(program, seed)
        want = mirror.run(program, inputs)
        outputs = flat(want.outputs)
        for layout, name in enumerate(LAYOUTS[: 2 if program.pushed is None else 3]):
            result = HostModel(data, name).run(flat(inputs)[None], jobs=1)
            np.testing.assert_array_equal(result.outputs[0].view(np.uint8), outputs)
            assert result.dropped.tolist() == want.dropped
            cases.append(Case(data, flat(inputs).tobytes(), layout))
            expected += bytes(4) + outputs.tobytes() + struct.pack(f"<{len(want.dropped)}I", *want.dropped)
    assert run_sanitized(cases, directory) == expected


def assert_streams(stored: p.Program, seed: int) -> bool:
    """Stored and streamed C give the mirror's outputs and dropped rows in all layouts; returns whether rows were pushed."""
    stream = streamed(stored, seed)
    inputs = random_inputs(stored, seed)
    expected = mirror.run(stored, inputs)
    again = mirror.run(stream, inputs)
    assert np.array_equal(flat(expected.outputs), flat(again.outputs))
    for program in (stored, stream):
        data = p.write(program)
        for layout in LAYOUTS[: 2 if program.pushed is None else 3]:
            result = HostModel(data, layout=layout).run(flat(inputs)[None], jobs=1)
            assert np.array_equal(result.outputs[0].view(np.uint8), flat(expected.outputs)), layout
            assert result.dropped.tolist() == expected.dropped, layout
    return stream.pushed is not None


def program_with_map(edge: p.Edge) -> bytes:
    """A program whose edge 2 is `edge`."""
    raw = [p.Edge(name, edge.height, edge.width, edge.channels, p.Storage.RAW_INT8, 8, 0, -128, 0, edge.values) for name in ("in", "out")]
    table = np.full(256, edge.low, np.int8)
    ops = (Lut("to", (0,), 2, table), Lut("from", (2,), 1, table))
    edges = (*raw, edge)
    return p.write(p.Program(edges, ops, 1, 1, place(list(edges), list(ops), 0), place(list(edges), list(ops), 2)))


def check_map(edge: p.Edge, values: np.ndarray) -> None:
    """The C writes the mirror's bytes, nothing behind the capacity, and reads the mirror's values."""
    data = program_with_map(edge)
    want, want_dropped = mirror_map.encode(edge, values)
    stored = np.full(edge.capacity + 1, 0xA5, np.uint8)
    dropped, spent = ctypes.c_uint32(), values.copy()
    used = exports().dqa_test_write(data, len(data), 2, spent.ctypes.data, stored.ctypes.data, ctypes.byref(dropped))
    assert (used, dropped.value) == (len(want), want_dropped)
    np.testing.assert_array_equal(stored[:used], want)
    assert stored[edge.capacity] == 0xA5
    read = mirror_map.decode(edge, want)
    for every in (0, 1, 2, 3):
        got = np.full(values.shape, 77, np.int8)
        assert exports().dqa_test_read(data, len(data), 2, stored.ctypes.data, every, got.ctypes.data) == used
        skipped = np.arange(edge.height) % every == 0 if every else np.zeros(edge.height, bool)
        np.testing.assert_array_equal(got[~skipped], read[~skipped])
        assert (got[skipped] == 77).all()
