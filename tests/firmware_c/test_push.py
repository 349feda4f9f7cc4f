"""Rows pushed one by one: dqa_begin, dqa_push_row and dqa_end, called in turn and out of turn."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from builders.c_tools import ARENA, ARGUMENT, OK, STALLED, exports, flat
from builders.endless import endless
from builders.programs import place, random_inputs
from builders.streams import ladder, streamed
from dqa import program as p
from dqa.operators.lut import Lut
from dqa.operators.max_pool_2d import MaxPool2D
from dqa.program.endless import answer_at, steps
from reference import mirror

LINKED = 9


class Pushed:
    """A program loaded with the layout for pushed rows, and its arena."""

    def __init__(self, program: p.Program, layout: int = 2) -> None:
        self.library, self.program, self.data = exports(), program, p.write(program)
        self.model = ctypes.create_string_buffer(64)
        self.library.dqa_output.restype = ctypes.c_void_p
        operators = ctypes.addressof(ctypes.c_void_p.in_dll(self.library, "dqa_all_operators"))
        assert self.library.dqa_load(self.model, self.data, len(self.data), operators, layout) == OK
        assert program.pushed is not None
        self.size = program.pushed.arena_size
        self.arena = np.full(self.size // 8 + 1, 0xA5A5A5A5A5A5A5A5, np.uint64)
        self.place = ctypes.c_void_p(self.arena.ctypes.data)

    def begin(self) -> int:
        return int(self.library.dqa_begin(self.model, self.place, ctypes.c_size_t(self.size)))

    def push(self, row: npt.NDArray[np.generic]) -> int:
        mine = row.copy()  # the row is the executor's during the call only
        status = int(self.library.dqa_push_row(self.model, self.place, ctypes.c_void_p(mine.ctypes.data)))
        mine.view(np.uint8).fill(0x5A)
        return status

    def end(self, dropped: npt.NDArray[np.uint32] | None = None) -> int:
        return int(self.library.dqa_end(self.model, self.place, None if dropped is None else ctypes.c_void_p(dropped.ctypes.data)))

    def outputs(self) -> npt.NDArray[np.uint8]:
        parts = [
            np.frombuffer(ctypes.string_at(self.library.dqa_output(self.model, self.place, i), edge.capacity), np.uint8)
            for i, edge in enumerate(self.program.outputs)
        ]
        return np.concatenate(parts)


def programs() -> Iterator[tuple[int, p.Program]]:
    """Streamed programs whose rows can be pushed."""
    for seed in range(40):
        program = streamed(ladder(seed), seed)
        if program.pushed is not None:
            yield seed, program


def test_rows_pushed_one_by_one_give_the_answer_and_the_dropped_rows_of_a_whole_input() -> None:
    count = 0
    for seed, program in programs():
        model = Pushed(program)
        for sample in range(2):  # the second finds the first's leavings
            inputs = random_inputs(program, seed + 100 * sample)
            assert [model.begin(), *map(model.push, inputs[0])] == [OK] * (1 + len(inputs[0]))
            dropped = np.zeros(len(program.edges), np.uint32)
            assert model.end(dropped) == OK
            want = mirror.run(program, inputs)
            np.testing.assert_array_equal(model.outputs(), flat(want.outputs))
            assert dropped.tolist() == want.dropped
        count += 1
    assert count > 10


def one() -> tuple[Pushed, list[npt.NDArray[np.generic]]]:
    """A program of several phases and at least three input rows."""
    seed, program = next((s, q) for s, q in programs() if q.op_phases[-1] > 1 and q.inputs[0].height > 2)
    return Pushed(program), list(random_inputs(program, seed)[0])


def test_rows_too_many_and_an_end_too_early_are_refused_and_do_no_harm() -> None:
    model, rows = one()
    assert model.begin() == OK
    for row in rows:
        assert model.end() == ARGUMENT
        assert model.push(row) == OK
    assert model.push(rows[0]) == ARGUMENT
    assert model.end() == OK
    want = mirror.run(model.program, [np.stack(rows)])
    np.testing.assert_array_equal(model.outputs(), flat(want.outputs))


def test_rows_without_a_begin_are_refused_whatever_the_arena_holds() -> None:
    model, rows = one()
    for content in (0xA5, 0, 0xFF):
        model.arena.view(np.uint8).fill(content)
        assert model.push(rows[0]) == model.end() == ARGUMENT


def test_a_begin_forgets_the_rows_before_it() -> None:
    model, rows = one()
    assert model.begin() == model.push(rows[-1]) == model.begin() == OK
    assert [model.push(row) for row in rows] == [OK] * len(rows)
    assert model.end() == OK
    np.testing.assert_array_equal(model.outputs(), flat(mirror.run(model.program, [np.stack(rows)]).outputs))


def test_null_pointers_other_layouts_and_bad_arenas_are_refused() -> None:
    model, rows = one()
    library, place, size, row = model.library, model.place, ctypes.c_size_t(model.size), ctypes.c_void_p(rows[0].ctypes.data)
    assert library.dqa_begin(None, place, size) == library.dqa_push_row(None, place, row) == library.dqa_end(None, place, None) == ARGUMENT
    assert library.dqa_begin(model.model, None, size) == ARENA
    assert library.dqa_begin(model.model, place, ctypes.c_size_t(model.size - 1)) == ARENA
    assert library.dqa_begin(model.model, ctypes.c_void_p(model.arena.ctypes.data + 2), size) == ARENA
    assert model.begin() == OK
    assert library.dqa_push_row(model.model, place, None) == library.dqa_push_row(model.model, None, row) == ARGUMENT
    assert library.dqa_end(model.model, None, None) == ARGUMENT
    for layout in (0, 1):
        other = Pushed(model.program, layout)
        assert other.begin() == other.push(rows[0]) == other.end() == ARGUMENT


def test_a_whole_input_is_needed_to_run_with_this_layout_and_lies_nowhere() -> None:
    model, rows = one()
    whole, none = np.stack(rows), (ctypes.c_void_p * 1)()
    model.library.dqa_input.restype = ctypes.c_void_p
    assert model.library.dqa_input(model.model, model.place, 0) is None
    for inputs, status in ((None, ARGUMENT), (none, ARGUMENT), ((ctypes.c_void_p * 1)(whole.ctypes.data), OK)):
        assert model.library.dqa_run(model.model, model.place, ctypes.c_size_t(model.size), inputs, None, None) == status
    np.testing.assert_array_equal(model.outputs(), flat(mirror.run(model.program, [whole]).outputs))
    entries = p.table([model.program])
    everything = (ctypes.c_void_p * len(entries)).in_dll(model.library, "dqa_all_operators")
    linked = type(everything)(*(at if entry.used else None for at, entry in zip(everything, entries, strict=True)))
    assert model.library.dqa_load(model.model, model.data, len(model.data), linked, 2) == OK
    assert model.library.dqa_run(model.model, model.place, ctypes.c_size_t(model.size), inputs, None, None) == LINKED


def test_rows_that_cannot_be_taken_stall_and_so_do_rings_too_small() -> None:
    """A kernel of 3 rows over a ring of 2: the third row has no slot, and the fourth pushed row no reader."""
    ends = [p.Edge(name, 6, 4, 1, p.Storage.RAW_INT8, 8, 0, -128, 0, 24) for name in ("in", "out")]
    ends[1] = replace(ends[1], height=4, capacity=16)
    ring = p.value_ring(ends[0], 2)
    ops: list[p.Operator] = [
        Lut("copy", (0,), 2, np.arange(-128, 128, dtype=np.int8)),
        MaxPool2D("largest", (2,), 1, p.Window(3, 1)),
    ]
    for rows, fits in ((2, False), (3, True)):
        edges = [*ends, replace(ring, ring_rows=rows, capacity=4 * rows)]
        layouts = [place(edges, ops, skip) for skip in (0, 2, 1)]
        model = Pushed(p.Program(tuple(edges), tuple(ops), 1, 1, layouts[0], layouts[1], phases=(0, 0), pushed=layouts[2]))
        image = np.arange(24, dtype=np.int8).reshape(6, 4)
        assert model.begin() == OK
        assert [model.push(row) for row in image[:3]] == [OK, OK, OK if fits else STALLED]
        if fits:
            assert [model.push(row) for row in image[3:]] == [OK] * 3
            assert model.end() == OK
            np.testing.assert_array_equal(model.outputs().view(np.int8).reshape(4, 4), image[2:])


def test_a_stream_has_no_end_and_answers_are_there_when_they_are_complete() -> None:
    program = endless(7)
    model, row = Pushed(program, 3), np.zeros(program.edges[0].row_values, np.int8)
    library, none, size = model.library, (ctypes.c_void_p * 1)(row.ctypes.data), ctypes.c_size_t(model.size)
    assert model.push(row) == ARGUMENT
    assert model.begin() == OK
    assert model.end() == ARGUMENT
    assert library.dqa_run(model.model, model.place, size, none, None, None) == ARGUMENT
    hop, first = steps(program.edges, program.ops)[1], answer_at(program.edges, program.ops)
    answered = []
    for number in range(1, first + 3 * hop + 1):
        assert model.push(row) == OK
        answered += [number] if library.dqa_output(model.model, model.place, 0) else []
    assert answered == [first, first + hop, first + 2 * hop, first + 3 * hop]
    assert model.begin() == OK
    assert library.dqa_output(model.model, model.place, 0) is None
