"""A runner for MLPerf Tiny's serial protocol that follows the rules of the benchmark's own (docs/mlperf.md).

    python benchmarks/mlperf_runner.py --port PORT --data DIR [--mode accuracy|performance] [--limit N] [--json FILE]

PORT: a serial port, or what `dqa serve` prints. DIR: the benchmark's files of one model, y_labels.csv and the .bin files it names.
Accuracy: `infer 1 0` for every file; of ad01 for every window, and a file's score is the mean over its windows.
Performance: five times `infer N W`, as many as the benchmark says for the model; the median counts, and all five together must last 10 s.
"""

from __future__ import annotations

import argparse
import csv
import json
import re
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from dqa.device.link import Link, SerialLink
from dqa.errors import DataError, DqaError, InputError, ToolError
from dqa.evaluation.metrics import auc, top1

BYTES_A_COMMAND = 31
SILENCE_S, INFERENCE_SILENCE_S = 5.0, 30.0
LOOPS, LEAST_S = 5, 10.0
ITERATIONS = {"ic01": (20, 5), "kws01": (70, 10), "vww01": (20, 5), "ad01": (1500, 10)}
"""Inferences, and those before them to warm up, of a timed run."""
_UNTIL = b"m-ready\r\n"


class Target:
    """A device that speaks the protocol. Its methods raise ToolError where it answers an error, nonsense, or not in time."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self.name = self._one(self._ask("name"), r"m-name-dut-\[([^]]+)\]")
        profile = self._ask("profile")
        self.profile, self.model = (self._one(profile, rf"m-{what}-\[([^]]+)\]") for what in ("profile", "model"))

    def load(self, data: bytes) -> None:
        if not data:
            raise DataError("a sample of no bytes")
        self._one(self._ask(f"db load {len(data)}"), r"m-\[(Expecting \d+ bytes)\]")
        for at in range(0, len(data), BYTES_A_COMMAND):
            lines = self._ask(f"db {data[at : at + BYTES_A_COMMAND].hex()}")
        self._one(lines, "m-load-(done)")

    def infer(self, count: int, warmups: int) -> tuple[list[float], int]:
        """Results, and the microseconds that the device measured."""
        lines = self._ask(f"infer {count} {warmups}", INFERENCE_SILENCE_S)
        laps = [int(found[1]) for line in lines if (found := re.fullmatch(r"m-lap-us-(\d+)", line))]
        if len(laps) != 2 or laps[1] < laps[0]:
            raise ToolError(f"an inference has a time at its beginning and one at its end, not {laps}")
        results = self._one(lines, r"m-results-\[([^]]+)\]")
        try:
            return [float(value) for value in results.split(",")], laps[1] - laps[0]
        except ValueError:
            raise ToolError(f"the device gives results that are no numbers: {results:.60}") from None

    def _ask(self, command: str, silence: float = SILENCE_S) -> list[str]:
        self._link.send(f"{command}%".encode("ascii"))
        heard = b""
        while not (heard == _UNTIL or heard.endswith(b"\r\n" + _UNTIL)):
            more = self._link.receive(silence)
            if not more:
                raise ToolError(f"silence for {silence:g} s after '{command}'", hint="is it built with --protocol mlperf or both?")
            heard += more
        lines = heard.decode("ascii", "replace").split("\r\n")[:-2]
        if error := next((line for line in lines if line.startswith("e-")), None):
            raise ToolError(f"the device answers '{command}' with {error}")
        return lines

    @staticmethod
    def _one(lines: list[str], pattern: str) -> str:
        for line in lines:
            if found := re.fullmatch(pattern, line):
                return found[1]
        raise ToolError(f"the device does not answer as the protocol says: expected {pattern}, got {lines}")


@dataclass(frozen=True)
class Sample:
    """One file of the benchmark: the pieces that are inferred one by one, and its class of how many."""

    name: str
    pieces: tuple[bytes, ...]
    classes: int
    label: int


def samples(folder: Path) -> Iterator[Sample]:
    """The files that y_labels.csv names, in its order: name, classes, class and, of windows, their bytes and stride.

    Raises InputError, DataError.
    """
    try:
        with (folder / "y_labels.csv").open(newline="", encoding="utf-8") as file:
            rows = [[cell.strip() for cell in row] for row in csv.reader(file) if row]
        for row in rows:
            yield _sample(folder, row)
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"'{folder}': {error}", hint="examples/mlperf_tiny/export.py writes such a folder") from error


def _sample(folder: Path, row: list[str]) -> Sample:
    try:
        classes, label, *window = (int(cell) for cell in row[1:])
        size, stride = window or (0, 0)
        if not 0 <= label < classes or (window and (size < 1 or stride < 1)):
            raise ValueError
    except ValueError:
        raise DataError(f"y_labels.csv: expected a name, a number of classes and a class, got {','.join(row)}") from None
    data = (folder / row[0]).read_bytes()
    pieces = [data[at : at + size] for at in range(0, len(data) - size + 1, stride)] if window else [data]
    if not pieces:
        raise DataError(f"'{folder / row[0]}' has {len(data)} bytes, a window {size}")
    return Sample(row[0], tuple(pieces), classes, label)


def accuracy(target: Target, chosen: list[Sample], step: Callable[[Sample], None] = lambda _sample: None) -> dict[str, Any]:
    """Every file once: the share of right classes or, where one number comes, the AUC."""
    scores = []
    for sample in chosen:
        found = []
        for piece in sample.pieces:
            target.load(piece)
            found.append(target.infer(1, 0)[0])
        scores.append(np.mean(found, axis=0))
        step(sample)
    table, labels = np.array(scores), np.array([sample.label for sample in chosen])
    if table.shape[1] == 1:
        return {"metric": "auc", "value": auc(table[:, 0], labels), "answers": table[:, 0].tolist()}
    return {"metric": "top1", "value": top1(table, labels), "answers": table.argmax(axis=1).tolist()}


def performance(target: Target, chosen: list[Sample], clock: Callable[[], float] = time.monotonic) -> dict[str, Any]:
    """The first files, each with one timed run; of windows the first. valid: whether the rules were kept."""
    count, warmups = ITERATIONS.get(target.model, (10, 10))
    start, throughput = clock(), []
    for loop in range(LOOPS):
        target.load(chosen[loop % len(chosen)].pieces[0])
        _, elapsed = target.infer(count, warmups)
        if elapsed == 0:
            raise ToolError(f"{count} inferences took no time", hint="the device's clock stands still")
        throughput.append(count * 1e6 / elapsed)
    lasted = clock() - start
    return {
        "metric": "inferences per second",
        "value": statistics.median(throughput),
        "loops": throughput,
        "host_seconds": lasted,
        "valid": lasted >= LEAST_S,
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--mode", choices=("accuracy", "performance"), default="accuracy")
    parser.add_argument("--limit", type=int, help="the first so many files (accuracy)")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    try:
        chosen = list(samples(options.data))[: options.limit]
        if not chosen:
            raise DataError(f"'{options.data}' has no files")
        with closing(SerialLink(options.port, 115200)) as link:
            target = Target(link)
            done = accuracy(target, chosen) if options.mode == "accuracy" else performance(target, chosen)
    except DqaError as error:
        print(f"error: {error.message}\nhint: {error.hint}" if error.hint else f"error: {error.message}", file=sys.stderr)
        return error.exit_code
    result = {"device": target.name, "model": target.model, "mode": options.mode, "files": len(chosen), **done}
    if options.json:
        options.json.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(", ".join(f"{key} {value}" for key, value in result.items() if not isinstance(value, list)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
