"""The jobs a study stands for: every combination of its grid, once."""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from dqa.errors import RecipeError
from dqa.lab.methods import describe_method, parse_method
from dqa.lab.methods.rankings import RANKINGS
from dqa.lab.study.config import Entry, OptionValue, StudyConfig

MAX_JOBS = 100_000
RANKING = "ranking"
"""The option of the study, not of a method, that orders the channels for the methods that use an order."""
DEFAULT_RANKING = "energy"
FLOAT = "float"
"""The name of the job that measures the float model."""


@dataclass(frozen=True)
class Job:
    """One measurement: a method with all of its options, on some tensors of a model; ranking None: the method uses no order.

    method `float` is the model as it is: tensors and ranking are then empty.
    """

    model: str
    tensors: str
    method: str
    options: tuple[tuple[str, OptionValue | None], ...]
    ranking: str | None
    seed: int

    def settings(self) -> dict[str, Any]:
        """As dqa.lab.methods.parse_method takes them."""
        return {"method": self.method, **dict(self.options)}

    def title(self) -> str:
        """For people: `kws all uniform bits=3 clip=mse seed=0`."""
        words = [self.model, self.tensors, self.method, *(f"{key}={value}" for key, value in self.options if value is not None)]
        return " ".join([*filter(None, words), *([f"ranking={self.ranking}"] if self.ranking else []), f"seed={self.seed}"])


@dataclass(frozen=True)
class Ranking:
    """One order of the channels of the tensors of a model, which the jobs that use it share."""

    model: str
    tensors: str
    ranking: str
    seed: int

    def title(self) -> str:
        return f"{self.model} {self.tensors} ranking={self.ranking} seed={self.seed}"


def jobs(config: StudyConfig) -> list[Job]:
    """The jobs in the order of the grid, the float models first. Raises RecipeError for methods and options that are not allowed."""
    found = dict.fromkeys(Job(name, "", FLOAT, (), None, 0) for name in config.models)
    for number, entry in enumerate(config.entries):
        try:
            for job in _expand(entry):
                found[job] = None
                if len(found) > MAX_JOBS:
                    raise RecipeError(f"more than {MAX_JOBS} jobs", hint="name fewer values")
        except RecipeError as error:
            raise RecipeError(f"grid[{number}]: {error.message}", hint=error.hint) from error
    return list(found)


def rankings(work: list[Job]) -> list[Ranking]:
    """The orders these jobs need, each once."""
    return list(dict.fromkeys(Ranking(job.model, job.tensors, job.ranking, job.seed) for job in work if job.ranking is not None))


def key(item: Job | Ranking, inputs: Mapping[str, Any]) -> str:
    """A name for the result of a job: equal if and only if the job and what it reads are.

    inputs  hashes and settings of the job's model, plain data
    """
    plain = {"kind": type(item).__name__, **asdict(item), "inputs": inputs}
    return hashlib.sha256(json.dumps(plain, sort_keys=True, separators=(",", ":")).encode()).hexdigest()[:24]


def _expand(entry: Entry) -> Iterator[Job]:
    names = list(entry.options)
    for values in itertools.product(*entry.options.values()):
        settings = {"method": entry.method, **dict(zip(names, values, strict=True))}
        ranking = settings.pop(RANKING, None)
        method = parse_method(settings)
        if ranking is not None and (not isinstance(ranking, str) or ranking not in RANKINGS):
            raise RecipeError(f"'{RANKING}' must be one of {', '.join(RANKINGS)} (got {ranking!r})")
        if ranking is not None and not method.uses_order:
            raise RecipeError(f"method {entry.method} uses no ranking")
        described = describe_method(method)
        options = tuple((name, value) for name, value in described.items() if name != "method")
        chosen = ranking or (DEFAULT_RANKING if method.uses_order else None)
        for model, tensors, seed in itertools.product(entry.models, entry.tensors, entry.seeds):
            yield Job(model, tensors, entry.method, options, chosen, seed)
