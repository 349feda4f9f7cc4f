"""Rankings of the channels of each tensor by importance, behind one interface.

greedy       the DQA authors' Algorithm 3, evaluation by evaluation; greedy_fast gives the same orders (dqa.lab.methods.greedy)
energy       sum of the squares of a channel's values
pg_g         squared error that the extra bits save, times the sum of |dLoss/dx|
random       the control
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dqa.calibration.segments import Change, Runner
from dqa.errors import ModelError, RecipeError
from dqa.graph.execute import run
from dqa.graph.gradient import gradients
from dqa.lab.methods.base import rows
from dqa.lab.methods.greedy import fast, literal
from dqa.lab.methods.loss import loss_gradient
from dqa.lab.methods.paper import signed_codes
from dqa.support import plugins
from dqa.support.arrays import Float32, Float64

Orders = dict[int, list[int]]
Done = Callable[[int], None]

GRADIENT_BATCH = 32


@dataclass(frozen=True, eq=False)
class Ranking:
    """orders: tensor number -> its channels in ascending importance.

    evaluations: candidates whose accuracy was measured (greedy), else 0. runs: the float network's work, in runs over all samples.
    seconds: of wall time.
    """

    name: str
    orders: Orders
    evaluations: int
    runs: float
    seconds: float


@dataclass(frozen=True, eq=False)
class Samples:
    """What a ranking may look at: x float32 (N, *input shape); y labels (N, ...) or None: see dqa.lab.methods.loss."""

    x: Float32
    y: npt.NDArray[np.generic] | None = None


def rank(
    name: str,
    runner: Runner,
    samples: Samples,
    *,
    bits: int = 3,
    extra_bits: int = 3,
    seed: int = 0,
    done: Done = lambda _count: None,
) -> Ranking:
    """Ranks the channels of all hooked tensors of `runner` for codes of `bits` and `extra_bits` more.

    The authors rank at 3 bits whatever the bits used later. `done` is called with the number of candidates (greedy) or tensors finished.
    Raises RecipeError for an unknown name, DataError where a ranking needs labels,
    ModelError where pg_g has no derivative of an operator.
    """
    if name not in RANKINGS:
        raise RecipeError(f"'ranking' must be one of {', '.join(RANKINGS)} (got {name!r})")
    start = time.perf_counter()
    orders, evaluations, runs = RANKINGS[name](runner, samples, bits, extra_bits, seed, done)
    return Ranking(name, orders, evaluations, runs, time.perf_counter() - start)


def units(name: str, runner: Runner) -> int:
    """How often `done` counts one."""
    return sum(runner.graph.tensors[index].shape[-1] for index in runner.hooks) if name.startswith("greedy") else len(runner.hooks)


def _ascending(scores: Float64) -> list[int]:
    return [int(channel) for channel in np.argsort(scores, kind="stable")]


def _greedy(runner: Runner, samples: Samples, bits: int, _extra: int, _seed: int, done: Done) -> tuple[Orders, int, float]:
    return literal(runner, samples.x, samples.y, bits, done)


def _greedy_fast(runner: Runner, samples: Samples, bits: int, _extra: int, _seed: int, done: Done) -> tuple[Orders, int, float]:
    return fast(runner, samples.x, samples.y, bits, done)


def _energy(runner: Runner, samples: Samples, _bits: int, _extra: int, _seed: int, done: Done) -> tuple[Orders, int, float]:
    totals = _sums(runner, samples.x, lambda values: np.einsum("nc,nc->c", values, values, dtype=np.float64))
    done(len(runner.hooks))
    return {index: _ascending(total) for index, total in totals.items()}, 0, 1.0


def _pg_g(runner: Runner, samples: Samples, bits: int, extra: int, _seed: int, done: Done) -> tuple[Orders, int, float]:
    graph = runner.graph
    gain = _sums(runner, samples.x, lambda values: _squared_error(values, bits) - _squared_error(values, bits + extra))
    slope = {index: np.zeros_like(total) for index, total in gain.items()}
    for start in range(0, len(samples.x), GRADIENT_BATCH):
        part = slice(start, start + GRADIENT_BATCH)
        try:
            values = run(graph, samples.x[part])
            seeds = loss_gradient(graph, values, None if samples.y is None else samples.y[part])
            found = gradients(graph, values, seeds, runner.hooks)
        except ValueError as error:
            raise ModelError(f"the ranking pg_g cannot follow the network: {error}", hint="choose the ranking energy") from error
        for index, gradient in found.items():
            slope[index] += np.abs(rows(gradient)).sum(axis=0, dtype=np.float64)
    done(len(runner.hooks))
    return {index: _ascending(gain[index] * slope[index]) for index in runner.hooks}, 0, 3.0


def _sums(runner: Runner, x: Float32, measure: Callable[[Float32], Float64]) -> dict[int, Float64]:
    """The sum of measure(values (V, C)) (C,) over the batches, for every hooked tensor."""
    totals = {index: np.zeros(runner.graph.tensors[index].shape[-1]) for index in runner.hooks}

    def watch(index: int) -> Change:
        def add(values: Float32) -> Float32:
            totals[index] += measure(rows(values))
            return values

        return add

    runner.run(x, {index: watch(index) for index in runner.hooks})
    return totals


def _squared_error(x: Float32, bits: int) -> Float64:
    codes, step = signed_codes(x, bits)
    error = x - codes * step
    return np.asarray(np.einsum("nc,nc->c", error, error, dtype=np.float64))


def _random(runner: Runner, _samples: Samples, _bits: int, _extra: int, seed: int, done: Done) -> tuple[Orders, int, float]:
    draw = np.random.default_rng(seed)
    orders = {index: [int(c) for c in draw.permutation(runner.graph.tensors[index].shape[-1])] for index in runner.hooks}
    done(len(runner.hooks))
    return orders, 0, 0.0


Rank = Callable[[Runner, Samples, int, int, int, Done], tuple[Orders, int, float]]
"""(runner, samples, bits, extra_bits, seed, done) -> (orders, evaluations, runs): see Ranking."""

RANKINGS: plugins.Registry[Rank] = plugins.Registry(
    plugins.STUDY_RANKINGS, {"greedy": _greedy, "greedy_fast": _greedy_fast, "energy": _energy, "pg_g": _pg_g, "random": _random}
)
