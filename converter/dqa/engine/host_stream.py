"""Runs a program whose rows never end with the executor's own C: rows in, an answer now and then."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dqa.engine.host import HostModel, status_name
from dqa.errors import DataError, ToolError
from dqa.program import read
from dqa.support.arrays import Int8, Int64


@dataclass(frozen=True, eq=False)
class Answers:
    """answers (K, bytes of the output); at (K,): how many rows had been pushed when each came."""

    answers: Int8
    at: Int64


class HostStream:
    """A stream that begins when this is made, and goes on with each call of `push`.

    Raises ProgramError if the executor refuses the program, or if its rows may not go on without end.
    """

    def __init__(self, program: bytes) -> None:
        self._host = HostModel(program, "continuous")
        self._arena = np.zeros(-(-self._host.arena_size // 8) or 1, np.uint64)
        self.row_size = self._host.input_sizes[0] // read(program).edges[0].height
        self.pushed = 0
        self._checked(self._host.library.dqa_begin(self._host.model, self._arena.ctypes.data, self._host.arena_size))

    def push(self, rows: npt.NDArray[np.generic]) -> Answers:
        """Pushes rows (N, bytes of a row), uint8 or int8: the bytes as the program's input stores them. Raises DataError for others."""
        if rows.dtype not in (np.uint8, np.int8) or rows.ndim != 2 or rows.shape[1] != self.row_size:
            raise DataError(f"rows are {rows.dtype}{rows.shape}; expected uint8 or int8 (rows, {self.row_size})")
        rows = np.ascontiguousarray(rows)
        host, base, size = self._host, self._arena.ctypes.data, self._host.output_sizes[0]
        answers, at = [], []
        for row in rows:
            self._checked(host.library.dqa_push_row(host.model, base, row.ctypes.data))
            self.pushed += 1
            if answer := host.library.dqa_output(host.model, base, 0):
                answers.append(np.frombuffer(ctypes.string_at(answer, size), np.int8))
                at.append(self.pushed)
        return Answers(np.array(answers, np.int8).reshape(-1, size), np.array(at, np.int64))

    def _checked(self, status: int) -> None:
        if status:
            raise ToolError(f"the executor failed: {status_name(status)}")
