"""Whether a commit and the working tree convert alike, byte for byte.

    python benchmarks/guard.py [--against COMMIT] [--now COMMIT] [--data] [--only NAME,...] [--jobs 2]

Both convert a fixed set: the Fashion-MNIST demo's network and small random ones of every operator, storage, layout and weight encoding;
with --data the MLPerf networks and the U-Net as well, each in the ways of LARGE; with --only just those that are named. Compared are the
SHA-256 of model.dqa, model.tflite and model.c (without the lines of its license), and of programs of every operator, stored and streamed,
as the tests' builders make them. Prints a table; ends with 1 if anything differs. What only the working tree (or the commit given by --now)
can convert is shown as new.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from dataclasses import fields
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from models import MODELS, ROOT

FILES = ("model.dqa", "model.tflite", "model.c")
NETWORKS, PROGRAMS = 30, 12
SETTINGS: tuple[dict[str, Any], ...] = (
    {"maps": "planes", "bits": 4, "extra_bits": 2},
    {"maps": "planes", "bits": 3, "extra_bits": 3, "error_coding": "raw", "weight_bits": 4},
    {"maps": "planes", "bits": 8, "extra_bits": 0, "method": "direct", "bias_correction": True},
    {"maps": "coded", "bits": 4.5, "weight_bits": 4},
    {"maps": "planes", "bits": 2, "extra_bits": 4, "important": 0.7},
    {"maps": "planes", "bits": 5, "extra_bits": 1, "weight_bits": 4, "bias_correction": True},
    {"maps": "planes", "ram": "auto"},
)
"""Of the small networks, in turn."""
MIXED = {"maps": "planes", "bits": 8, "extra_bits": 0}
DEMO: dict[str, dict[str, Any]] = {"demo": {}, "demo, RAM auto, 4-bit weights": {"ram": "auto", "weight_bits": 4}}
LARGE: dict[str, dict[str, Any]] = {
    "default": {},
    "3.05 bits": {"bits": 3.05},
    "4-bit weights": {"weight_bits": 4},
    "RAM auto": {"ram": "auto"},
}
"""Of each network of MODELS."""

Task = tuple[str, str, str, dict[str, Any]]
"""Name, model and calibration file (beside the list of tasks, or anywhere), settings."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--against", default="HEAD", metavar="COMMIT", help="the commit to compare with [HEAD]")
    parser.add_argument("--data", action="store_true", help="convert the real networks, of ../shared/data, as well")
    parser.add_argument("--now", metavar="COMMIT", help="compare this commit instead of the working tree")
    parser.add_argument("--only", default="", metavar="NAME,...", help=f"just these networks of --data, of {', '.join(MODELS)}")
    parser.add_argument("--jobs", type=int, default=2, help="conversions at a time [2]")
    parser.add_argument("--work", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work is not None:
        convert_all(options.work, options.jobs)
        return 0
    if options.only and not options.data:
        parser.error("--only names networks of --data: give that, too")
    with tempfile.TemporaryDirectory(prefix="dqa-guard-") as folder:
        work = Path(folder)
        only = options.only.split(",") if options.only else []
        tasks = [] if only else small(work)
        tasks += large(work, only or list(MODELS)) if options.data else []
        (work / "tasks.json").write_text(json.dumps(tasks), encoding="utf-8")
        before = hashes_of_commit(options.against, work, options.jobs)
        now = hashes_of_commit(options.now, work, options.jobs) if options.now else hashes_of(ROOT, work, options.jobs)
        return 1 if report(before, now) or not now else 0


def small(work: Path) -> list[Task]:
    """The demo and the small random networks: writes models and calibration data."""
    from guard_networks import networks

    tasks: list[Task] = []
    random = np.random.default_rng(12)
    for number, (name, model) in enumerate(networks(NETWORKS).items()):
        path = work / f"{number}.tflite"
        path.write_bytes(model)
        settings = SETTINGS[number % len(SETTINGS)] if name.startswith("random") else MIXED
        np.savez(work / f"{number}.npz", x=random.integers(0, 256, (32, *input_shape(model))).astype(np.uint8))
        tasks.append((name, path.name, f"{number}.npz", {"input_scale": 1 / 255, **settings}))
    np.savez(work / "demo.npz", x=images(random, 64))
    demo = str(ROOT / "examples" / "fashion_mnist" / "model.h5")
    return tasks + [(name, demo, "demo.npz", {"input_scale": 1 / 255, **settings}) for name, settings in DEMO.items()]


def large(work: Path, names: list[str]) -> list[Task]:
    """Networks of MODELS, their data prepared; data that `work` does not hold is named by its place."""
    tasks: list[Task] = []
    for name in names:
        entry = MODELS[name]
        calibration = entry.data(work / "data")[0]
        calibration = calibration.relative_to(work) if calibration.is_relative_to(work) else calibration
        own = {"input_scale": entry.input_scale, "input_zero_point": entry.input_zero_point, "metric": entry.metric}
        tasks += [(f"{name}, {way}", str(entry.path), str(calibration), {**own, **settings}) for way, settings in LARGE.items()]
    return tasks


def input_shape(model: bytes) -> tuple[int, ...]:
    from ai_edge_litert.interpreter import Interpreter

    return tuple(int(size) for size in Interpreter(model_content=model).get_input_details()[0]["shape"][1:])


def images(random: np.random.Generator, count: int) -> np.ndarray:
    """Blots that stand for clothes, uint8 (count, 28, 28, 1)."""
    y, x = np.mgrid[:28, :28]
    centers, sizes = random.uniform(8, 20, (count, 2, 1, 1)), random.uniform(3, 9, (count, 2, 1, 1))
    blots = np.exp(-(((y - centers[:, 0]) / sizes[:, 0]) ** 2) - ((x - centers[:, 1]) / sizes[:, 1]) ** 2)
    noisy = 255 * blots + random.normal(0, 12, blots.shape)
    return np.clip(np.where(blots > 0.1, noisy, 0), 0, 255).astype(np.uint8)[..., None]


def hashes_of_commit(commit: str, work: Path, jobs: int) -> dict[str, str]:
    """The same of a commit, in a tree of its own; kept under out/guard, since a commit does not change."""
    name = subprocess.run(["git", "rev-parse", "--verify", f"{commit}^{{commit}}"], check=True, cwd=ROOT, capture_output=True, text=True)
    files = [Path(__file__), *sorted(path for path in work.iterdir() if path.is_file())]
    asked = hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()
    kept = ROOT / "out" / "guard" / f"{name.stdout.strip()[:12]}-{asked[:12]}.json"
    if not kept.exists():
        tree = work / "tree"
        subprocess.run(["git", "worktree", "add", "--quiet", "--detach", str(tree), commit], check=True, cwd=ROOT)
        try:
            found = hashes_of(tree, work, jobs)
        finally:
            subprocess.run(["git", "worktree", "remove", "--force", str(tree)], check=True, cwd=ROOT)
        kept.parent.mkdir(parents=True, exist_ok=True)
        from dqa.support.files import write_atomically  # not at the top: an older tree reads this file, too

        write_atomically(kept, json.dumps(found))
    known: dict[str, str] = json.loads(kept.read_text(encoding="utf-8"))
    return known


def hashes_of(tree: Path, work: Path, jobs: int) -> dict[str, str]:
    """What the code of a tree makes of the tasks, by "name: file"."""
    places = os.pathsep.join(str(tree / part) for part in ("converter", "tests"))
    command = [sys.executable, str(Path(__file__).resolve()), "--work", str(work), "--jobs", str(jobs)]
    subprocess.run(command, check=True, env={**os.environ, "PYTHONPATH": places, "GUARD_TREE": str(tree)})
    found: dict[str, str] = json.loads((work / "hashes.json").read_text(encoding="utf-8"))
    return found


def convert_all(work: Path, jobs: int) -> None:
    """In a process of its own, whose PYTHONPATH says which tree: writes hashes.json."""
    import dqa

    assert Path(dqa.__file__).is_relative_to(os.environ["GUARD_TREE"]), dqa.__file__
    tasks: list[Task] = json.loads((work / "tasks.json").read_text(encoding="utf-8"))
    found = programs() if any(model.endswith(".tflite") for _, model, _, _ in tasks) else {}
    with ProcessPoolExecutor(jobs) as pool:
        for hashes in pool.map(partial(convert_one, work), tasks):
            found |= hashes
    (work / "hashes.json").write_text(json.dumps(found), encoding="utf-8")


def convert_one(work: Path, task: Task) -> dict[str, str]:
    """The hashes of one conversion's files, or why it was refused."""
    import dqa

    name, model, calibration, settings = task
    with tempfile.TemporaryDirectory(prefix="dqa-guard-") as folder:
        out = Path(folder) / "out"
        try:
            dqa.convert(work / model, work / calibration, out, config_of(settings))
        except dqa.DqaError as error:
            return {f"{name}: {file}": f"refused: {error.message}" for file in FILES}
        return {f"{name}: {file}": digest(next(out.rglob(file)).read_bytes(), file) if any(out.rglob(file)) else "none" for file in FILES}


def config_of(settings: dict[str, Any]) -> Any:
    """The ConvertConfig of the tree that runs: earlier commits call `maps` `layout`."""
    import dqa

    known = {field.name for field in fields(dqa.ConvertConfig)}
    return dqa.ConvertConfig(**{name if name in known else "layout": value for name, value in settings.items()})


def digest(data: bytes, file: str) -> str:
    if file.endswith(".c"):
        data = b"\n".join(line for line in data.splitlines() if b"SPDX-" not in line and b"Copyright" not in line)
    return hashlib.sha256(data).hexdigest()


def programs() -> dict[str, str]:
    """Programs of every operator by the tests' builders: stored and streamed."""
    from dqa import program

    room = "builders." if find_spec("builders") else ""  # commits before this room had its modules beside the tests
    operator_program, streamed = import_module(f"{room}programs").operator_program, import_module(f"{room}streams").streamed
    found = {}
    for kind in program.Kind:
        made = [operator_program(kind, seed, exact=0.5 * (seed % 2)) for seed in range(PROGRAMS)]
        stream = [streamed(one, seed) for seed, one in enumerate(made)]
        found[f"{kind.name}: stored"] = digest(b"".join(map(program.write, made)), "model.dqa")
        found[f"{kind.name}: streamed"] = digest(b"".join(map(program.write, stream)), "model.dqa")
    return found


def report(before: dict[str, str], now: dict[str, str]) -> int:
    """Prints a line for each result; gives how many differ."""
    different = 0
    for name in [*before, *(name for name in now if name not in before)]:
        old, new = before.get(name), now.get(name)
        verdict = "new" if old is None else "equal" if old == new else "DIFFERENT"
        different += verdict == "DIFFERENT"
        print(f"{verdict:9}  {str(new)[:16] if verdict != 'DIFFERENT' else f'{str(old)[:40]} -> {str(new)[:40]}':16}  {name}")
    refused = sum(hash.startswith("refused") for hash in now.values())
    print(f"{len(now)} results, {different} different, {refused} refused")
    return different


if __name__ == "__main__":
    sys.exit(main())
