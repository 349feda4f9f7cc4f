"""How much the network's answers change when activations are replaced, measured on the float network; no labels are needed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from dqa.calibration.segments import Change, Runner, State
from dqa.graph import Graph
from dqa.graph.answers import answers
from dqa.graph.execute import run
from dqa.graph.gradient import gradients
from dqa.support.arrays import Float32, Float64

_BATCH, _DRAWS = 16, 2


class Impacts:
    """Replaces one activation at a time by what its storage gives back.

    x: float32 (B, *input shape without batch), the samples. tensors: those that will be replaced.
    """

    def __init__(self, graph: Graph, x: Float32, tensors: Sequence[int]) -> None:
        self.answers = answers(graph)
        self.runner = Runner(graph, tuple(dict.fromkeys([*tensors, *self.answers])), batch=len(x))
        self.start = self.runner.start(x)

    def of(self, replaced: Mapping[int, Float32]) -> Iterator[tuple[int, float]]:
        """Each tensor, and the mean squared change of the answers relative to their variance if it is replaced; in the network's order."""
        state, clean = self.start, self._answers(self.start, 0, {})
        spread = {answer: max(float(values.var(dtype=np.float64)), 1e-30) for answer, values in clean.items()}
        for number, stage in enumerate(self.runner.stages):
            for tensor in stage.changed:
                if tensor in replaced:
                    changed = self._answers(state, number, {tensor: replaced[tensor]})
                    yield (
                        tensor,
                        sum(
                            float(np.mean((values - clean[answer]) ** 2, dtype=np.float64)) / spread[answer]
                            for answer, values in changed.items()
                        ),
                    )
            state = self.runner.step(number, state)

    def _answers(self, state: State, first: int, replaced: Mapping[int, Float32]) -> dict[int, Float32]:
        """The answers that are computed from the state before stage `first` on."""
        found: dict[int, Float32] = {}

        def keep(answer: int) -> Change:
            return lambda values: found.setdefault(answer, values)

        def give(tensor: int) -> Change:
            return lambda values: replaced[tensor].reshape(values.shape)

        changes = {answer: keep(answer) for answer in self.answers} | {tensor: give(tensor) for tensor in replaced}
        self.runner.resume(state, first, changes)
        return found


def slopes(graph: Graph, x: Float32, tensors: Sequence[int]) -> dict[int, Float64]:
    """How steeply the answers depend on each channel of a tensor: mean squared derivatives, float64 (C,).

    x: float32 (B, *input shape without batch). Sums of the answers with random signs stand for all of them (Hutchinson's estimator).
    Beyond float32 they are infinite or NaN. Raises ValueError for an operator that has no derivative.
    """
    signs, judged = np.random.default_rng(0), answers(graph)
    found = {tensor: np.zeros(graph.tensors[tensor].hwc[2]) for tensor in tensors}
    for start in range(0, len(x), _BATCH):
        values = run(graph, x[start : start + _BATCH])
        for _ in range(_DRAWS):
            seeds = {t: (signs.choice([-1, 1], values[t].shape) / max(values[t].std(), 1e-9)).astype(np.float32) for t in judged}
            with np.errstate(over="ignore", invalid="ignore"):
                own = gradients(graph, values, seeds, tensors)
            for tensor, slope in own.items():
                found[tensor] += np.einsum("nc,nc->c", *[slope.reshape(-1, len(found[tensor]))] * 2, dtype=np.float64)
    return found
