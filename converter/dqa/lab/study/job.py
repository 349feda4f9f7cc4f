"""One job of a study, as a worker process or a machine of a cluster does it: plain data in, plain data out, the same for every worker."""

from __future__ import annotations

import functools
import hashlib
import math
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from dqa.calibration.segments import Runner
from dqa.errors import DqaError
from dqa.graph import Graph
from dqa.lab.methods import CodedMethod, CodedNetwork, parse_method
from dqa.lab.methods.base import Quantizer
from dqa.lab.methods.evaluate import evaluate, fit
from dqa.lab.methods.rankings import Samples
from dqa.lab.methods.rankings import rank as rank_channels
from dqa.lab.methods.tensors import choose_tensors
from dqa.lab.study.grid import FLOAT, Job, Ranking
from dqa.lab.study.inputs import ModelInputs
from dqa.lab.study.statistics import outcome
from dqa.support import plugins
from dqa.support.arrays import Float32, Int32
from dqa.support.resources import PACKAGE

Orders = Mapping[str, Sequence[int]]

COUNTED = 512
"""Test samples whose shifting errors are counted, at most."""
CODE = (
    *("lab/methods", "lab/study/job.py", "lab/study/inputs.py", "lab/study/statistics.py", "evaluation/metrics.py"),
    *("calibration", "coding", "data", "frontend", "graph", "operators", "program", "quantization", "tflite"),
    "support/settings.py",
)
"""What results depend on: source files and packages of dqa."""


def attempt(work: Callable[..., dict[str, Any]], *arguments: Any) -> dict[str, Any]:
    """What `work` gives, with the seconds it took and the code that did it; {"failed": why} where it raises."""
    from threadpoolctl import threadpool_limits

    start = time.perf_counter()
    try:
        with threadpool_limits(1):  # the order of a sum, and with it its last digits, must not depend on the machine's cores
            result = work(*arguments)
    except DqaError as error:
        return {"failed": error.message}
    except Exception as error:
        return {"failed": f"{type(error).__name__}: {error}"}
    return {"result": result, "seconds": round(time.perf_counter() - start, 3), "code": code_digest()}


def measure(job: Job, inputs: ModelInputs, orders: Orders | None) -> dict[str, Any]:
    """Runs a job: the metric, what was stored, and per tensor the bits and the noise.

    orders: channels in ascending importance by tensor name, where the job has a ranking.
    Raises DqaError, and ValueError for a method that cannot do with these tensors.
    """
    loaded = _load(inputs)
    if job.method == FLOAT:
        return _scores(inputs, loaded.runner("").run(loaded.x), loaded)
    runner = loaded.runner(job.tensors)
    method = parse_method(job.settings())
    x = inputs.calibration(job.seed)[0]
    if isinstance(method, CodedMethod):
        graph, coded = method.fit_network(loaded.coded(job.tensors, job.seed, x))
        runner, quantizers = Runner(graph, runner.hooks), dict[int, Quantizer](coded)
    else:
        by_tensor = {loaded.index[name]: order for name, order in (orders or {}).items()}
        quantizers = fit(runner, x, dict.fromkeys(runner.hooks, method), by_tensor, job.seed)
    counts = ErrorCounts()
    found = evaluate(runner, loaded.x, {index: counts.watching(quantizer) for index, quantizer in quantizers.items()})
    layers = [
        {
            "name": loaded.names[index],
            "values": total.values // len(loaded.x),
            "stored_bits": total.bits_per_value,
            "sqnr": total.sqnr if math.isfinite(total.sqnr) else None,
        }
        for index, total in found.tensors.items()
    ]
    return {
        **_scores(inputs, found.outputs, loaded),
        "stored_bits": found.bits_per_value,
        "table_bits": sum(quantizer.table_bits for quantizer in quantizers.values()),
        "layers": layers,
        "errors": counts.counts,
    }


def rank(ranking: Ranking, inputs: ModelInputs) -> dict[str, Any]:
    """Orders the channels of the tensors of a model, ascending, by tensor name."""
    loaded = _load(inputs)
    x, dataset = inputs.calibration(ranking.seed)
    # An AUC's labels name no classes of the outputs; rankings then go by the network's own answers.
    samples = Samples(x, None if inputs.metric == "auc" or dataset.labels_are_per_group else dataset.y)
    found = rank_channels(ranking.ranking, loaded.runner(ranking.tensors), samples, seed=ranking.seed)
    orders = {loaded.names[index]: order for index, order in found.orders.items()}
    return {"orders": orders, "evaluations": found.evaluations, "runs": found.runs}


@functools.cache
def code_digest() -> str:
    """Names the code that makes results, so that results of different code are not taken for each other's."""
    root = PACKAGE
    digest = hashlib.sha256()
    for name in CODE:
        path = root / name
        for file in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
            digest.update(f"{file.relative_to(root).as_posix()}\0".encode() + file.read_bytes())
    for file in plugins.sources(plugins.METHODS, plugins.STUDY_RANKINGS):
        digest.update(f"{file.name}\0".encode() + file.read_bytes())
    return digest.hexdigest()[:16]


class ErrorCounts:
    """Counts the shifting errors of quantizers that have some (that offer `split`), on the first samples."""

    def __init__(self) -> None:
        self.counts: list[int] = []

    def watching(self, quantizer: Any) -> Any:
        return _Watched(quantizer, self) if hasattr(quantizer, "split") else quantizer

    def add(self, errors: Int32) -> None:
        found = np.bincount(errors.reshape(-1), minlength=len(self.counts))
        before = np.pad(self.counts, (0, len(found) - len(self.counts))) if self.counts else 0
        self.counts = [int(count) for count in found + before]


class _Watched:
    """A quantizer whose shifting errors are counted as it works."""

    def __init__(self, quantizer: Any, counts: ErrorCounts) -> None:
        self.quantizer, self.counts, self.seen = quantizer, counts, 0

    def apply(self, x: Float32) -> Any:
        if self.seen < COUNTED:
            self.counts.add(self.quantizer.split(x)[1])
            self.seen += len(x)
        return self.quantizer.apply(x)


class _Loaded:
    """A model and its test set in memory, with a runner for the tensors asked for last."""

    def __init__(self, inputs: ModelInputs) -> None:
        self.model = inputs.load()
        self.graph: Graph = self.model.graph
        self.names = self.graph.activation_names()
        self.index = {name: index for index, name in self.names.items()}
        self.x, self.dataset = inputs.test()
        self._runner: tuple[str, Runner] | None = None
        self._coded: tuple[str, int, CodedNetwork] | None = None

    def runner(self, tensors: str) -> Runner:
        if self._runner is None or self._runner[0] != tensors:
            hooks = choose_tensors(self.graph, tensors) if tensors else []  # type: ignore[arg-type]
            self._runner = (tensors, Runner(self.graph, hooks))
        return self._runner[1]

    def coded(self, tensors: str, seed: int, x: Float32) -> CodedNetwork:
        """The search for coded maps, which all numbers of bits share; x: the calibration samples of `seed`."""
        if self._coded is None or self._coded[:2] != (tensors, seed):
            self._coded = None  # frees the memory first
            self._coded = (tensors, seed, CodedNetwork(self.runner(tensors), self.model, x))
        return self._coded[2]


def _scores(inputs: ModelInputs, outputs: Float32, loaded: _Loaded) -> dict[str, Any]:
    found = outcome(inputs.metric, outputs, loaded.dataset, loaded.x)
    return {"value": found.value(), "outcome": found.to_json()}


_kept = threading.local()


def _load(inputs: ModelInputs) -> _Loaded:
    """The model of the job before, if it is the same. Threads, which a cluster's workers may use, do not share one."""
    if getattr(_kept, "inputs", None) != inputs:
        _kept.loaded = None  # frees the memory first
        _kept.loaded, _kept.inputs = _Loaded(inputs), inputs
    loaded: _Loaded = _kept.loaded
    return loaded


code_digest()  # now, while the files are those that were imported
