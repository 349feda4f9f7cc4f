"""sparsify: fine-tunes a Keras model, and writes it only when it is whole."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from dqa.errors import InputError, ModelError, ToolError
from dqa.frontend.load import model_kind
from dqa.frontend.worker import run_worker
from dqa.sparsify.config import STEPS, SparsifyConfig
from dqa.support import processes
from dqa.support.files import refuse_same, write_atomically
from dqa.support.manifest import refuse_listed
from dqa.support.progress import Progress, SilentProgress

SECONDS = 7 * 24 * 3600
"""A fine-tuning that takes longer than this has gone wrong."""
_POLL_SECONDS = 0.5


@dataclass(frozen=True, eq=False)
class SparsifyResult:
    """out: the model written. report: metric, training_samples, held_out_samples, before and after (each value, zeros and, by layer,
    maps: on the held-out part), config."""

    out: Path
    report: dict[str, Any]


def sparsify(
    model: Path | str, data: Path | str, out: Path | str, config: SparsifyConfig | None = None, *, progress: Progress | None = None
) -> SparsifyResult:
    """Fine-tunes a Keras .h5 or .keras file on the samples of an .npz with an L1 penalty on its activation maps; writes OUT.keras.

    Raises ModelError, DataError, InputError, RecipeError; ToolError without TensorFlow. OUT is replaced at the end, or not touched.
    """
    model, data, out = Path(model), Path(data), Path(out)
    config, progress = config or SparsifyConfig(), progress or SilentProgress()
    _check_out(out)
    refuse_same(out, [model, data])
    if model_kind(model) not in ("h5", "keras"):
        raise ModelError(f"{model}: cannot be trained", hint="give the Keras .h5 or .keras file")
    if importlib.util.find_spec("tensorflow") is None:
        raise ToolError("TensorFlow is needed to train, and is not installed", hint="pip install 'dqa-convert[keras]'")
    with processes.folder() as workdir:
        job = {"data": str(data.absolute()), "config": asdict(config)}
        (workdir / "job.json").write_text(json.dumps(job), encoding="utf-8")
        with progress.task("Fine-tuning", STEPS) as done, _shown(workdir / "steps", done):
            report = run_worker("dqa.sparsify.worker", model, str(model), workdir, SECONDS)
        write_atomically(out, (workdir / "sparse.keras").read_bytes())
    return SparsifyResult(out, report)


def _check_out(out: Path) -> None:
    """Refuses a place for the result before the work, not after it."""
    if out.suffix != ".keras":
        raise InputError(f"'{out}': is not the name of a .keras file", hint="-o NAME.keras")
    if out.is_dir():
        raise InputError(f"'{out}': is a directory", hint="-o NAME.keras")
    if not out.parent.is_dir():
        raise InputError(f"'{out}': there is no directory '{out.parent}'", hint="make it, or name another")
    if not os.access(out.parent, os.W_OK):
        raise InputError(f"'{out}': the directory '{out.parent}' cannot be written", hint="name another")
    refuse_listed(out)


@contextlib.contextmanager
def _shown(steps: Path, done: Callable[[int], None]) -> Iterator[None]:
    """Meanwhile, reports the steps that the worker counts in a file."""
    end, reported = threading.Event(), 0

    def report() -> None:
        nonlocal reported
        count = steps.stat().st_size if steps.exists() else 0
        done(count - reported)
        reported = count

    def watch() -> None:
        while not end.wait(_POLL_SECONDS):
            report()

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        end.set()
        thread.join()
        report()
