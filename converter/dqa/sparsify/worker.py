"""Fine-tunes a Keras model in a process of its own: `python -m dqa.sparsify.worker MODEL NAME WORKDIR`.

Reads WORKDIR/job.json: {"data": path, "config": settings}. Writes WORKDIR/sparse.keras, WORKDIR/steps (as many characters as
steps of STEPS are done) and WORKDIR/result.json: what was measured, or {"error": message, "hint": hint, "kind": kind}.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from dqa.data import dataset as datasets
from dqa.errors import DataError, DqaError, ModelError, ToolError
from dqa.frontend.in_memory import save_undated
from dqa.frontend.keras import only_input
from dqa.frontend.keras_load import load_keras
from dqa.frontend.limits import limit_process
from dqa.sparsify import task as tasks
from dqa.sparsify.config import STEPS, SparsifyConfig


def sparsify(source: Path, name: str, workdir: Path) -> dict[str, Any]:
    """Writes workdir/sparse.keras; gives the metric and the share of zeros before and after, on the held-out part."""
    job = json.loads((workdir / "job.json").read_text(encoding="utf-8"))
    config = SparsifyConfig(**job["config"])
    samples = datasets.DataFile(Path(job["data"]))
    model, _ = load_keras(source, name, workdir, training=True)
    shape = (1, *only_input(model, name).shape[1:])
    if len(model.outputs) != 1:
        raise ModelError(f"{name}: the model has {len(model.outputs)} outputs, expected 1", hint="sparsify models with one output")
    samples.check_shape(shape)
    dataset = samples.load()
    task = tasks.choose(dataset, shape, (1, *model.outputs[0].shape[1:]))
    training, held_out = tasks.split(dataset, task, config.held_out, config.seed)

    import keras
    import tensorflow as tf

    from dqa.sparsify.train import FineTuning

    keras.utils.set_random_seed(config.seed)
    tf.config.experimental.enable_op_determinism()
    tuning = FineTuning(model, name, config)
    before = tuning.measure(held_out)
    with (workdir / "steps").open("wb", buffering=0) as steps:
        total, seen = config.epochs * len(training[0]), 0

        def done(count: int) -> None:
            nonlocal seen
            steps.write(b"." * ((seen + count) * STEPS // total - seen * STEPS // total))
            seen += count

        tuning.train(training, done)
    after = tuning.measure(held_out)
    save_undated(model, workdir / "sparse.keras")
    return {
        "metric": task.metric,
        "training_samples": len(training[0]),
        "held_out_samples": len(held_out[0]),
        "before": asdict(before),
        "after": asdict(after),
        "config": asdict(config),
    }


def main(source: Path, name: str, workdir: Path) -> None:
    limit_process()
    os.environ["KERAS_BACKEND"] = "tensorflow"
    try:
        result = sparsify(source, name, workdir)
    except DqaError as error:
        kind = "tool" if isinstance(error, ToolError) else "data" if isinstance(error, DataError) else "model"
        result = {"error": error.message, "hint": error.hint, "kind": kind}
    (workdir / "result.json").write_text(json.dumps(result), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]))
