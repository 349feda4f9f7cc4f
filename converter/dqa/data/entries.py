"""The inputs of a model, and samples of several inputs as one array."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from math import prod

import numpy as np

from dqa.errors import RecipeError
from dqa.support.arrays import Array, Float64
from dqa.support.settings import Numbers, NumbersByInput


@dataclass(frozen=True)
class Entry:
    """An input of a model. shape: of a sample, without the batch."""

    name: str
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Entries:
    """All inputs, in the model's order.

    Samples of one input are an array (N, *shape). Those of several are (N, size): the values of all inputs, one after the other.
    """

    items: tuple[Entry, ...]

    @property
    def several(self) -> bool:
        return len(self.items) > 1

    @property
    def shape(self) -> tuple[int, ...]:
        """Of an array of one sample, its batch of 1 included."""
        return (1, sum(prod(entry.shape) for entry in self.items)) if self.several else (1, *self.items[0].shape)

    @property
    def rebuilt(self) -> tuple[int, ...]:
        """The shape, batch included, of outputs that may be the input again: none where there are several inputs."""
        return () if self.several else self.shape

    def split(self, x: Array) -> list[Array]:
        """Of each input its samples (N, *shape), from those of all."""
        if not self.several:
            return [x]
        ends = list(accumulate((prod(entry.shape) for entry in self.items), initial=0))
        return [x[:, a:b].reshape(len(x), *entry.shape) for entry, a, b in zip(self.items, ends[:-1], ends[1:], strict=True)]

    def keys(self, taken: Sequence[str] = ()) -> list[tuple[str, ...]]:
        """Under what each input is found: x0, x1, ..., and its name, unless that is one of `taken`."""
        return [tuple(dict.fromkeys([f"x{i}", *({one.name}.difference(taken))])) for i, one in enumerate(self.items)]

    def number(self, place: int, given: Numbers | NumbersByInput, absent: float, what: str) -> Numbers:
        """What a setting, one for all inputs or each under its name or x0, x1, ..., says of an input.

        Raises RecipeError for the name of none, and for one given twice.
        """
        if not isinstance(given, Mapping):
            if self.several and not isinstance(given, float | int):
                raise RecipeError(f"{what} has a number for each channel, of which input?", hint=f"write {self.items[0].name}=...")
            return given
        names = self.keys()
        if strange := [name for name in given if not any(name in own for own in names)]:
            raise RecipeError(
                f"{what}: the model has no input '{strange[0]}'", hint=f"its inputs: {', '.join(entry.name for entry in self.items)}"
            )
        found = [given[name] for name in names[place] if name in given]
        if len(found) > 1:
            raise RecipeError(f"{what} of input '{self.items[place].name}' is given twice")
        return found[0] if found else absent

    def spread(self, each: Sequence[Float64]) -> Float64:
        """Numbers of each input, () or (channels,), as one for each value of a sample: (size,)."""
        pairs = zip(each, self.items, strict=True)
        return np.concatenate([np.broadcast_to(values, entry.shape).reshape(-1) for values, entry in pairs])
