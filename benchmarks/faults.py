"""What faults of the line and of the board do to an evaluation.

    python benchmarks/faults.py [--inferences 5200] [--jobs 6] [--seed 1] [--resume] [-o out/benchmarks]

A tiny model, its input whole and pushed row by row, runs on mps2_an386 in QEMU, and as a process of this machine, built from the same
sources with AddressSanitizer and UndefinedBehaviorSanitizer. Between client and board, bytes are dropped, flipped, inserted, duplicated,
replayed, delayed and truncated, the line is cut, and the board is reset. Every answer is compared with the host's. Then each byte of an
inference is lost once, alone, and the line goes dead for good. Writes faults.json and faults.md.
"""

from __future__ import annotations

import argparse
import json
import logging
import statistics
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
from common import Row, table
from models import ROOT

from dqa.device import bare
from dqa.device.boards import load_board
from dqa.device.client import Device
from dqa.device.link import Link
from dqa.device.work import most_cycles
from dqa.engine.host import HostModel
from dqa.errors import DqaError, ToolError
from dqa.program import read
from dqa.support.files import write_atomically

sys.path.insert(0, str(ROOT / "tests"))
from builders.faulty import FAULTS, Emulated, FaultyLink, Native, OneByteLost, host_firmware
from builders.firmware import random_samples, write_out
from builders.programs import random_program
from builders.streams import ladder, streamed

BOARD = "mps2_an386"
RATE = 0.2
"""Faults per piece of bytes that passes."""
RANDOM_PROGRAM, LADDER = 3, 4
"""Seeds of small models of tests/: one of two inputs and two outputs, one whose rows are pushed."""

LOST = 250
"""About how many of the bytes one way are lost, one at a time."""
DEAD = (0, 5, 20, 40, 60, 500)
"""Bytes from the board after the greeting until the line goes dead."""

Start = Callable[[], AbstractContextManager[Emulated | Native]]


@dataclass(frozen=True)
class Case:
    """A kind of board with a model; start() gives one of it."""

    board: str
    pushed: bool
    host: HostModel
    most_cycles: int
    start: Start

    @property
    def input(self) -> str:
        return "rows pushed" if self.pushed else "whole"

    def device(self, link: Link) -> Device:
        """A client of one of these boards, as dqa makes it."""
        return Device(link, most_cycles=self.most_cycles)

    def samples(self, count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """Inputs, and the bytes that are right."""
        inputs = random_samples(count + seed, sum(self.host.input_sizes))[seed:]
        return inputs, self.host.run(inputs, jobs=1).outputs.view(np.uint8)


@dataclass
class Tally:
    """What happened in one lane."""

    inferences: int = 0
    wrong: int = 0
    missing: list[str] = field(default_factory=list)
    seconds: float = 0.0
    longest: float = 0.0
    injected: Counter[str] = field(default_factory=Counter)
    mended: Counter[str] = field(default_factory=Counter)


def cases(work: Path) -> list[Case]:
    found = []
    for pushed in (False, True):
        out = work / ("faults-pushed" if pushed else "faults")
        data = write_out(out, streamed(ladder(LADDER), LADDER) if pushed else random_program(RANDOM_PROGRAM))
        host = HostModel(data, "pushed" if pushed else "internal")
        elf, binary = bare.build(out, BOARD, pushed=pushed).elf, host_firmware(out, pushed=pushed)
        cycles = most_cycles(read(data))
        found.append(Case("emulated", pushed, host, cycles, partial(Emulated, load_board(BOARD), elf)))
        found.append(Case("native", pushed, host, cycles, partial(Native, binary)))
    return found


def lane(case: Case, count: int, seed: int) -> Tally:
    """So many inferences behind a faulty link, one after the other."""
    tally = Tally(count)
    inputs, right = case.samples(count, seed)
    with case.start() as board:
        link = FaultyLink(board, RATE, seed)
        device = case.device(link)
        begin = time.monotonic()
        hello = device.hello()
        for sample, answer in zip(inputs, right, strict=True):
            start = time.monotonic()
            try:
                tally.wrong += device.infer(hello, sample.tobytes())[0] != answer.tobytes()
            except DqaError as error:
                tally.missing.append(f"{type(error).__name__}: {error.message}")
            tally.longest = max(tally.longest, time.monotonic() - start)
        tally.seconds = time.monotonic() - begin
    tally.injected = link.injected
    tally.mended.update(repeats=device.repeats, restarts=device.restarts, boots=device.boots, reconnects=device.reconnects)
    return tally


def campaign(case: Case, count: int, jobs: int, seed: int) -> Row:
    """The lanes of one kind of board, added up."""
    with ThreadPoolExecutor(jobs) as pool:
        tallies = list(pool.map(lambda index: lane(case, -(-count // jobs), seed * 1000 + index), range(jobs)))
    injected = sum((tally.injected for tally in tallies), Counter[str]())
    mended = sum((tally.mended for tally in tallies), Counter[str]())
    return {
        "board": case.board,
        "input": case.input,
        "inferences": sum(tally.inferences for tally in tallies),
        "faults": injected.total(),
        "injected": {kind: injected[kind] for kind in FAULTS},
        "wrong": sum(tally.wrong for tally in tallies),
        "missing": [words for tally in tallies for words in tally.missing],
        "mended": dict(mended),
        "seconds": round(sum(tally.seconds for tally in tallies), 1),
        "longest": round(max(tally.longest for tally in tallies), 2),
    }


def lost_bytes(case: Case, jobs: int) -> Row:
    """Bytes of an inference that are lost one at a time: of a client's first inference and of a later one, and of both ways."""
    with ThreadPoolExecutor(jobs) as pool:
        found = [one for lane in pool.map(lambda index: _lost_bytes(case, index, jobs), range(jobs)) for one in lane]
    delays = [delay for delay, _ in found]
    row: Row = {"board": case.board, "input": case.input, "lost": len(found), "wrong": sum(not equal for _, equal in found)}
    return {**row, "median": round(statistics.median(delays), 3), "worst": round(max(delays), 3)}


def _lost_bytes(case: Case, lane: int, lanes: int) -> list[tuple[float, bool]]:
    """Extra seconds, and whether the answer was right, for every so many bytes."""
    (sample, *_), (answer, *_) = case.samples(2, 0)
    found = []
    with case.start() as board:
        for first in (True, False):
            for way in ("to", "from"):
                clean, _, size = min(_timed(case, board, sample, way, None, first) for _ in range(3))
                for at in range(lane, size, lanes * -(-size // LOST)):
                    seconds, output, _ = _timed(case, board, sample, way, at, first)
                    found.append((seconds - clean, output == answer.tobytes()))
    return found


def _timed(case: Case, board: Emulated | Native, sample: np.ndarray, way: str, at: int | None, first: bool) -> tuple[float, bytes, int]:
    """Seconds of an inference that loses a byte, its output, and how many bytes passed."""
    link = OneByteLost(board.link, way)
    device = case.device(link)
    hello = device.hello()
    if not first:
        device.infer(hello, sample.tobytes())
    link.at, link.passed = at, 0
    start = time.monotonic()
    output, _ = device.infer(hello, sample.tobytes())
    return time.monotonic() - start, output, link.passed


def dead_lines(case: Case, jobs: int) -> Row:
    """Lines that go dead for good after some bytes from the board: the client must end with an error, and in time."""
    with ThreadPoolExecutor(jobs) as pool:
        seconds = list(pool.map(lambda at: _until_error(case, at), DEAD))
    row: Row = {"board": case.board, "input": case.input, "dead": len(DEAD), "refused": sum(took is not None for took in seconds)}
    return {**row, "longest": round(max(took or 0.0 for took in seconds), 1)}


def _until_error(case: Case, at: int) -> float | None:
    """Seconds until a client says that nobody answers; None if it says nothing in 20 inferences."""
    (sample, *_), _ = case.samples(2, 0)
    with case.start() as board:
        link = OneByteLost(board.link, "from")
        device = case.device(link)
        hello = device.hello()
        link.dead_from, link.passed = at, 0
        start = time.monotonic()
        try:
            for _ in range(20):
                device.infer(hello, sample.tobytes())
        except ToolError:
            return time.monotonic() - start
    return None


def markdown(result: dict[str, list[Row]]) -> str:
    rows = [
        [r["board"], r["input"], r["inferences"], r["faults"], r["wrong"], len(r["missing"]), *r["mended"].values(), r["longest"]]
        for r in result["faults"]
    ]
    if rows:
        rows.append(["all", "", *(sum(row[column] for row in rows) for column in range(2, 10)), max(row[10] for row in rows)])
    head = ["board", "input", "inferences", "faults", "wrong answers accepted", "answers missing", "requests repeated", "begun again"]
    head += ["starts noticed", "reconnections", "longest inference, s"]
    kinds = [[r["board"], r["input"], *r["injected"].values()] for r in result["faults"]]
    lost = [[r["board"], r["input"], r["lost"], r["wrong"], r["median"], r["worst"]] for r in result["lost"]]
    dead = [[r["board"], r["input"], r["dead"], r["refused"], r["longest"]] for r in result["dead"]]
    lines = ["# Faults of the line and of the board", "", *table(head, rows), "", "## Injected", ""]
    lines += [*table(("board", "input", *FAULTS), kinds), "", "## One byte lost", ""]
    lines += [*table(("board", "input", "bytes lost, one at a time", "wrong", "extra delay: median, s", "worst, s"), lost), ""]
    lines += [
        "## A line that goes dead",
        "",
        *table(("board", "input", "lines", "ended by an error", "longest, s"), dead),
    ]
    return "\n".join([*lines, ""])


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--inferences", type=int, default=5200, help="on emulated boards, and as many on native ones [5200]")
    parser.add_argument("--jobs", type=int, default=6, help="boards side by side; mostly they wait [6]")
    parser.add_argument("--seed", type=int, default=1, help="[1]")
    parser.add_argument("--resume", action="store_true", help="measure what faults.json of an earlier run lacks")
    parser.add_argument("-o", "--out", type=Path, default=ROOT / "out" / "benchmarks")
    options = parser.parse_args(arguments)
    logging.disable(logging.WARNING)  # each fault would be told
    options.out.mkdir(parents=True, exist_ok=True)
    store = options.out / "faults.json"
    result: dict[str, list[Row]] = {"lost": [], "dead": [], "faults": []}
    if options.resume and store.exists():
        result = json.loads(store.read_text(encoding="utf-8"))
    known = {(part, row["board"], row["input"]) for part, rows in result.items() for row in rows}

    def note(part: str, case: Case, measure: Callable[[], Row]) -> None:
        if (part, case.board, case.input) in known:
            return
        result[part].append(row := measure())
        print(json.dumps(row), flush=True)
        write_atomically(store, json.dumps(result, indent=1) + "\n")
        (options.out / "faults.md").write_text(markdown(result), encoding="utf-8")

    boards = cases(options.out)
    for case in boards:
        note("faults", case, partial(campaign, case, options.inferences // 2, options.jobs, options.seed))
    for case in boards:
        note("lost", case, partial(lost_bytes, case, options.jobs))
        note("dead", case, partial(dead_lines, case, options.jobs))
    print(markdown(result))


if __name__ == "__main__":
    main()
