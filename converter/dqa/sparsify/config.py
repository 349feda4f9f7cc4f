"""The settings of a sparsification: one definition for the command and the Python API."""

from __future__ import annotations

from dataclasses import dataclass

from dqa.errors import RecipeError
from dqa.support.settings import Numbers, numbers, whole

STEPS = 100
"""Parts of a fine-tuning that its progress shows."""


@dataclass(frozen=True)
class SparsifyConfig:
    """How a model is fine-tuned. Raises RecipeError, naming the setting, if a value is not allowed.

    l1                weight of the penalty, 0..1e6: what it adds to the loss before the first step
    epochs            passes over the training part, 1..1000
    lr                learning rate of Adam at the start, 1e-9..10; falls to 0 along a cosine
    batch             samples of a step, 1..4096
    held_out          share of the samples that are kept out of training and measured, 0.001..0.999
    seed              of the split, of the order of the samples and of TensorFlow, 0..2^32 - 1
    input_scale       S of the model's float input (x - Z) * S, x as in the .npz; one number > 0, or one per channel
    input_zero_point  Z, one number or one per channel
    """

    l1: float = 1.0
    epochs: int = 5
    lr: float = 3e-4
    batch: int = 64
    held_out: float = 0.1
    seed: int = 0
    input_scale: Numbers = 1.0
    input_zero_point: Numbers = 0.0

    def __post_init__(self) -> None:
        _check("l1", self.l1, 0, 1e6, "a number from 0 to 1000000")
        whole("epochs", self.epochs, 1, 1000)
        _check("lr", self.lr, 1e-9, 10, "a number from 1e-9 to 10")
        whole("batch", self.batch, 1, 4096)
        _check("held_out", self.held_out, 0.001, 0.999, "a share from 0.001 to 0.999")
        whole("seed", self.seed, 0, (1 << 32) - 1)
        object.__setattr__(self, "input_scale", numbers("input_scale", self.input_scale, positive=True))
        object.__setattr__(self, "input_zero_point", numbers("input_zero_point", self.input_zero_point))


def _check(name: str, value: object, low: float, high: float, expected: str) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise RecipeError(f"{name}: expected {expected}, got {value!r}")
