"""Orders of channels by importance, for the methods that give some channels more bits."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from dqa.data import Dataset
from dqa.engine.segments import Runner
from dqa.errors import RecipeError
from dqa.methods.evaluate import capture

RANKINGS = ("energy", "random")


def order_channels(
    name: str, runner: Runner, x: npt.NDArray[np.float32], dataset: Dataset, seed: int
) -> tuple[dict[int, Sequence[int]], int]:
    """Channels in ascending importance of every hooked tensor, and how often the network was evaluated for it.

    x: float inputs (N, ...), dataset: the same samples with their labels.
    """
    if name == "energy":
        energies = {
            t: np.square(v, dtype=np.float64).reshape(-1, v.shape[-1]).mean(axis=0) for t, v in capture(runner, x, runner.hooks).items()
        }
        return {tensor: np.argsort(energy, kind="stable").tolist() for tensor, energy in energies.items()}, 1
    if name == "random":
        random = np.random.default_rng(seed)
        return {tensor: random.permutation(runner.graph.tensors[tensor].shape[-1]).tolist() for tensor in runner.hooks}, 0
    raise RecipeError(f"ranking '{name}' is not known", hint=f"one of {', '.join(RANKINGS)}")
