"""What a command leaves behind when it is ended: processes, files, and the result that was there before.

    python benchmarks/kills.py [--commands convert,build,...] [--signals SIGINT,...] [--moments 20] [--resume] [-o out/benchmarks]

Each command is run to its end once, then ended by each signal at random moments of that time, one in each of as many equal parts of it.
SIGINT goes to all processes of the terminal's group, as Ctrl-C does; SIGTERM and SIGKILL to the command alone; SIGHUP comes from closing
its terminal. Counted are processes that still live 10 seconds later, entries in its folder for temporary files, and names beside and in
its result that neither the earlier nor a finished one has. The earlier result is intact if each of its files is as before, or as the
command that ran to its end left it, times of the run aside; of a conversion all must be one or the other. The report of a conversion may
be between the two, if its manifest knows it: `evaluate` adds the build it makes before the evaluation. After the first SIGKILL the
command must run to its end. Writes kills.json and kills.md after each moment, so that a run that was ended goes on with --resume.
For Linux.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import pty
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from dqa.support import manifest
from dqa.support.files import write_atomically

MAKE = """
import sys, keras
l = keras.layers
keras.Sequential([l.Input((8, 8, 1)), l.Conv2D(6, 3, activation="relu"), l.Conv2D(8, 3, activation="relu"), l.Flatten(),
                  l.Dense(2, activation="softmax")]).save(sys.argv[1])
"""
STUDY = """\
dqa_study: 1
seeds: [0]
models:
  tiny: {model: float.tflite, calibration: x.npz, test: x.npz, calibration_samples: 8}
grid:
  - {method: uniform, bits: [2, 4, 6]}
"""
SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP", "SIGKILL")
PATIENCE = 10.0
REPORT = {f"out/{name}" for name in (manifest.NAME, "report.json", "report.html")}
Files = dict[str, str]


@dataclass(frozen=True)
class Command:
    """A command on a copy of the prepared folder. endless: it is what runs until it is ended."""

    arguments: tuple[str, ...]
    whole: bool = False
    endless: bool = False


COMMANDS = {
    "convert": Command(("convert", "m.h5", "--calibration", "x.npz", "--bits", "3", "-o", "out", "-q"), whole=True),
    "evaluate": Command(("evaluate", "out", "--data", "x.npz", "-q", "--json", "host.json")),
    "evaluate tflm-host": Command(("evaluate", "out", "--data", "x.npz", "--target", "tflm-host", "-q", "--json", "tflm.json")),
    "evaluate sim": Command(
        ("evaluate", "out", "--data", "x.npz", "--target", "sim:mps2_an386", "--limit", "4", "-q", "--json", "sim.json")
    ),
    "build": Command(("build", "out", "--board", "mps2_an386", "-q", "--json", "build.json")),
    "simulate": Command(("simulate", "out", "--board", "mps2_an386", "-q"), endless=True),
    "study": Command(("study", "study.yaml", "-o", "study", "--jobs", "2", "-q")),
    "sparsify": Command(("sparsify", "m.h5", "--data", "x.npz", "-o", "sparse.keras", "--epochs", "1", "-q")),
}


@dataclass
class Row:
    """Of one command and signal."""

    command: str
    signal: str
    seconds: float
    moments: int = 0
    finished: int = 0
    processes_left: int = 0
    files_left: int = 0
    earlier_spoilt: int = 0
    not_one_line: int = 0
    other_codes: int = 0
    slowest_end: float = 0.0
    runs_again: bool | None = None
    faults: list[str] = field(default_factory=list)


def prepare(work: Path) -> Path:
    """A model, data, a study and an earlier result of each command."""
    start = work / "start"
    if (start / "complete").exists():
        return start
    shutil.rmtree(work, ignore_errors=True)
    start.mkdir(parents=True)
    subprocess.run([sys.executable, "-c", MAKE, str(start / "m.h5")], check=True, capture_output=True)
    generator = np.random.default_rng(0)
    np.savez(start / "x.npz", x=generator.integers(0, 256, (16, 8, 8, 1)).astype(np.uint8), y=generator.integers(0, 2, 16))
    (start / "study.yaml").write_text(STUDY, encoding="utf-8")
    dqa = [sys.executable, "-m", "dqa"]
    subprocess.run([*dqa, "convert", "m.h5", "--calibration", "x.npz", "--bits", "4", "-o", "out", "-q"], cwd=start, check=True)
    shutil.copy(start / "out" / "float.tflite", start)
    for target in ("host", "tflm-host"):  # compiles what they need
        subprocess.run([*dqa, "evaluate", "out", "--data", "x.npz", "--target", target, "-q"], cwd=start, check=True)
    for name in ("host.json", "tflm.json", "sim.json", "build.json"):
        (start / name).write_text('{"earlier": true}\n', encoding="utf-8")
    shutil.copy(start / "m.h5", start / "sparse.keras")
    (start / "study").mkdir()
    (start / "complete").touch()
    return start


class Trial:
    """A command in a fresh copy of the prepared folder, with a folder of its own for temporary files."""

    def __init__(self, command: Command, start: Path, place: Path, terminal: bool = False) -> None:
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(parents=True)
        self.work, self.scratch = place / "work", place / "scratch"
        shutil.copytree(start, self.work)
        self.scratch.mkdir()
        self._token = f"{os.getpid()}-{time.monotonic_ns()}"
        self.begin(command, terminal)

    def begin(self, command: Command, terminal: bool = False) -> None:
        environment = os.environ | {"TMPDIR": str(self.scratch), "DQA_KILLS": self._token}
        self.log = self.scratch.with_name("log")
        master, slave = pty.openpty() if terminal else (-1, -1)
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-c", _ON_TERMINAL if terminal else "from dqa.cli import main; main()", *command.arguments],
                cwd=self.work,
                env=environment,
                stdin=slave if terminal else subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=log,
                start_new_session=True,
            )
        if terminal:
            os.close(slave)
            while (Path("/proc") / str(self.process.pid) / "stat").read_text().rsplit(")", 1)[1].split()[4] == "0":
                time.sleep(0.005)  # it has no terminal yet
        self._master = master

    def end(self, name: str) -> None:
        number = signal.Signals[name]
        if number == signal.SIGHUP:
            os.close(self._master)
        elif number == signal.SIGINT:
            os.killpg(self.process.pid, number)
        else:
            self.process.send_signal(number)

    def alive(self) -> list[str]:
        """The processes of the trial, by what their environment says."""
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                if self._token.encode() in (folder / "environ").read_bytes():
                    found.append((folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")[:200])
            except OSError:
                continue
        return found


_ON_TERMINAL = "import fcntl, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); from dqa.cli import main; main()"


def files(folder: Path) -> Files:
    """The digest of each file, without what a build may leave half-way for the next to go on with."""
    return {
        name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "/.pio/" not in (name := path.relative_to(folder).as_posix())
    }


def intact(command: Command, now: Files, earlier: Files, finished: Files) -> list[str]:
    """Files of the earlier result that are neither as they were nor as a finished command leaves them."""
    if command.whole:
        return [] if now in (earlier, finished) else [name for name in earlier.keys() | now.keys() if now.get(name) != earlier.get(name)]
    return [name for name, digest in earlier.items() if now.get(name) not in (digest, finished.get(name))]


def attempt(row: Row, command: Command, start: Path, place: Path, moment: float, earlier: Files, finished: Files) -> Trial:
    """Ends the command at a moment and adds what is found to the row."""
    trial = Trial(command, start, place, terminal=row.signal == "SIGHUP")
    try:
        time.sleep(moment)
    except KeyboardInterrupt:
        trial.process.terminate()
        raise
    trial.end(row.signal)
    sent = time.monotonic()
    try:
        code = trial.process.wait(60)
    except subprocess.TimeoutExpired:
        code = 999
    row.moments += 1
    while (left := trial.alive()) and time.monotonic() < sent + PATIENCE:
        time.sleep(0.02)
    row.slowest_end = max(row.slowest_end, round(time.monotonic() - sent, 2))
    said = trial.log.read_text(encoding="utf-8", errors="replace")
    row.finished += code == 0

    def fault(name: str, count: int, what: object) -> None:
        if count:
            setattr(row, name, getattr(row, name) + count)
            row.faults.append(f"at {moment:.2f} s: {name}: {what}")

    number = signal.Signals[row.signal]
    wanted = {-number} if number == signal.SIGKILL else {128 + number}
    fault("other_codes", code not in wanted | {0}, f"exit code {code}")
    fault("not_one_line", len(said.splitlines()) != int(code > 0), said[-300:])
    fault("processes_left", len(left), left)
    scratch = [path.name for path in trial.scratch.iterdir()]
    now = files(trial.work)
    strange = sorted(now.keys() - earlier.keys() - finished.keys())
    fault("files_left", len(scratch) + len(strange), [*scratch, *strange])
    bad = [name for name in intact(command, now, earlier, finished) if not whole(trial.work, name)]
    fault("earlier_spoilt", bool(bad), bad)
    return trial


def whole(work: Path, name: str) -> bool:
    """Whether a file is as good as a finished command's that differs: a report that its manifest knows, a result with other times."""
    if name in REPORT:
        return not manifest.users(work / "out")
    try:
        return name.endswith(".json") and "dqa" in json.loads((work / name).read_text(encoding="utf-8"))
    except ValueError:
        return False


def measure(name: str, start: Path, place: Path) -> tuple[float, Files]:
    """The seconds a command takes, and the files that a finished one leaves."""
    command = COMMANDS[name]
    begun = time.monotonic()
    trial = Trial(command, start, place)
    if (ended := finish(trial, command)) is None:
        sys.exit(f"{name} fails without being ended:\n{trial.log.read_text()}")
    return ended - begun, files(trial.work)


def finish(trial: Trial, command: Command) -> float | None:
    """When the command was done, or simulated for a second; None if it failed."""
    if command.endless:
        while trial.process.poll() is None and not any("qemu" in line for line in trial.alive()):
            time.sleep(0.05)
        time.sleep(1)
        if trial.process.poll() is not None:
            return None
        trial.end("SIGINT")
    return time.monotonic() if trial.process.wait(600) == (130 if command.endless else 0) else None


def run(options: argparse.Namespace, rows: list[Row], write: Callable[[Row], None]) -> None:
    """Adds moments to the rows, to each in turn, until all have as many as wanted."""
    work = options.out.resolve() / "kills-work"
    start = prepare(work)
    earlier = files(start)
    measured = {name: measure(name, start, work / "trial") for name in options.commands.split(",")}
    pairs = [(name, sent) for name in measured for sent in options.signals.split(",")]
    known = {(row.command, row.signal): row for row in rows}
    for done in range(options.moments):
        for name, sent in pairs:
            seconds, finished = measured[name]
            if (name, sent) not in known:
                rows.append(known.setdefault((name, sent), Row(name, sent, round(seconds, 2))))
            row, command = known[name, sent], COMMANDS[name]
            if row.moments > done:
                continue
            generator = random.Random(f"{name} {sent}")
            moments = [(part + generator.random()) / options.moments for part in range(options.moments)]
            generator.shuffle(moments)  # those of a part of a run are spread, too
            trial = attempt(row, command, start, work / "trial", moments[done] * seconds, earlier, finished)
            if sent == "SIGKILL" and row.runs_again is None:
                trial.begin(command)
                row.runs_again = finish(trial, command) is not None
            write(row)
    shutil.rmtree(work)


def markdown(rows: list[Row]) -> str:
    head = ["command", "seconds", "ended by", "moments", "it had finished", "processes left", "files left", "earlier result spoilt"]
    head += ["not one line", "other exit codes", "all gone after, s", "runs again"]
    lines: list[list[Any]] = [head, ["---"] * len(head)]
    for r in rows:
        cells: list[Any] = [r.command, r.seconds, r.signal, r.moments, r.finished, r.processes_left, r.files_left, r.earlier_spoilt]
        lines.append([*cells, r.not_one_line, r.other_codes, r.slowest_end, {True: "yes", False: "no", None: "-"}[r.runs_again]])
    return "".join(f"| {' | '.join(map(str, cells))} |\n" for cells in lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--commands", default=",".join(COMMANDS))
    parser.add_argument("--signals", default=",".join(SIGNALS))
    parser.add_argument("--moments", type=int, default=20)
    parser.add_argument("-o", "--out", type=Path, default=Path("out/benchmarks"))
    parser.add_argument("--resume", action="store_true", help="go on with the moments that kills.json of an earlier run lacks")
    options = parser.parse_args()
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)  # a job in the background may ignore them, and so would the commands
    options.out.mkdir(parents=True, exist_ok=True)
    store = options.out / "kills.json"
    rows = [Row(**row) for row in json.loads(store.read_text(encoding="utf-8"))] if options.resume and store.exists() else []

    def write(row: Row) -> None:
        write_atomically(store, json.dumps([vars(row) for row in rows], indent=1) + "\n")
        (options.out / "kills.md").write_text(markdown(rows), encoding="utf-8")
        print(markdown([row]).splitlines()[-1], flush=True)

    run(options, rows, write)


if __name__ == "__main__":
    main()
