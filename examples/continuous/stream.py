"""Runs a continuous model on a stream, on the host and on a simulated board, and compares each answer with that of its window alone.

    python examples/continuous/stream.py OUT [--data stream.npz] [--frames 500] [--board mps2_an386]

stream.npz holds x (frames, ...), frames as the model takes them; without it they are tones and noise. --board '' leaves the board out.
"""

from __future__ import annotations

import argparse
import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

import dqa
from dqa.device import bare, boards
from dqa.device.simulate import Simulator
from dqa.engine.host import HostModel
from dqa.engine.host_stream import Answers, HostStream
from dqa.errors import DataError
from dqa.program import Port, Program, read
from dqa.program.endless import answer_at, steps
from dqa.report.interface import load_interface

Bytes = npt.NDArray[np.uint8]
Rows = npt.NDArray[np.generic]
SECONDS = 60.0


def signal(shape: tuple[int, ...], frames: int, seed: int) -> npt.NDArray[np.float32]:
    """Frames (frames, *shape) of tones that come and go in noise: something for ranges to be calibrated on."""
    rng = np.random.default_rng(seed)
    size = int(np.prod(shape))
    time, found = np.arange(frames)[:, None], rng.normal(0, 0.3, (frames, size))
    for _ in range(8):
        period, phase = rng.uniform(4, 60), rng.uniform(0, 6.3, size)
        gate = np.sin(time / rng.uniform(40, 200) + rng.uniform(0, 6.3)).clip(0)
        found += gate * np.sin(6.3 * time / period + phase) * rng.uniform(0, 1, size)
    return found.reshape(frames, *shape).astype(np.float32)


@dataclass(frozen=True)
class Stream:
    """A converted model, and how its stream moves on: rows that make the first answer, and rows from each answer to the next."""

    out: Path
    data: bytes
    program: Program
    port: Port
    first: int
    hop: int

    def rows(self, x: npt.NDArray[np.float32]) -> Bytes:
        """Frames (N, ...) in the units of the model's input as the bytes of rows."""
        if x.shape[1:] != self.port.shape[1:]:
            raise DataError(f"frames have shape {x.shape[1:]}, the model takes {self.port.shape[1:]}")
        frame = Port(self.port.name, tuple(self.port.shape[1:]), self.port.dtype, self.port.scale, self.port.zero_point)
        return frame.to_bytes(x)

    def windows(self, rows: Bytes) -> Bytes:
        """Each window that lies in the rows, as a sample."""
        height = self.program.edges[0].height
        return np.array([rows[at : at + height].reshape(-1) for at in range(0, len(rows) - height + 1, self.hop)])


def load(out: Path) -> Stream:
    """Raises ProgramError for a model that was not converted with --continuous."""
    data = (out / "model.dqa").read_bytes()
    program = read(data)
    if not program.period:
        raise dqa.errors.ProgramError(f"{out}: the rows of this model end", hint="convert it with --continuous")
    port = load_interface(out).inputs[0]
    return Stream(out, data, program, port, answer_at(program.edges, program.ops), steps(program.edges, program.ops)[1])


def on_board(stream: Stream, rows: Rows, name: str) -> tuple[Answers, list[int], int]:
    """The answers of a simulated board, the instructions of each row, and the bytes of RAM of the model."""
    board = boards.load_board(name)
    built = bare.build(stream.out, name, main=Path(__file__).with_name("main.c").resolve())
    size = stream.program.edges[1].capacity
    answers, at, counts = [], [], []
    assert board.qemu is not None
    with Simulator(board, built.elf, icount=True) as simulator:
        for number, row in enumerate(rows, 1):
            simulator.link.send(row.tobytes())
            reply = b""
            while len(reply) < 8 + size:
                part = simulator.link.receive(SECONDS)
                if not part:
                    raise dqa.errors.ToolError(f"board {name} does not answer")
                reply += part
            status, answered, _, count = struct.unpack_from("<BBHI", reply)
            if status:
                raise dqa.errors.ToolError(f"board {name}: status {status} at row {number}")
            # QEMU runs an instruction in 2^shift ns
            counts.append(round(count * 1e9 / board.counter_hz / 2**board.qemu.icount_shift))
            if answered:
                answers.append(np.frombuffer(reply[8 : 8 + size], np.int8))
                at.append(number)
    return Answers(np.array(answers, np.int8).reshape(-1, size), np.array(at, np.int64)), counts, built.ram_model


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--frames", type=int, default=500)
    parser.add_argument("--board", default="mps2_an386")
    options = parser.parse_args()
    stream = load(options.out)
    x = np.load(options.data)["x"] if options.data else signal(tuple(stream.port.shape[1:]), options.frames, 1)
    rows = stream.rows(x)
    found = HostStream(stream.data).push(rows)
    alone = HostModel(stream.data).run(stream.windows(rows)).outputs
    equal = int((found.answers[: len(alone)] == alone).all(axis=1).sum())
    print(f"{len(rows)} rows, {len(found.at)} answers, the first after {stream.first} rows, then one every {stream.hop}")
    print(f"host: {equal} of {len(alone)} answers are those of their windows")
    if options.board:
        board, counts, _ = on_board(stream, rows, options.board)
        same = np.array_equal(board.at, found.at) and int((board.answers == found.answers).all(axis=1).sum())
        print(f"{options.board}: {same} of {len(found.at)} answers are the host's")
        print(f"{np.mean(counts):,.0f} instructions a row, {max(counts):,} at most")


if __name__ == "__main__":
    try:
        main()
    except dqa.DqaError as error:
        raise SystemExit(f"error: {error.message}\nhint: {error.hint}") from error
