"""The outputs of a model that are measured, each with its labels and its metric."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from dqa.data.answers import of_output
from dqa.data.dataset import Dataset
from dqa.errors import DataError
from dqa.evaluation import metrics
from dqa.program import Interface
from dqa.support.arrays import Float32
from dqa.support.settings import MetricByOutput


@dataclass(frozen=True, eq=False)
class Head:
    """place: of the output among the model's. name: the output's. dataset: with its labels, classes as numbers. metric: one of METRICS."""

    place: int
    name: str
    dataset: Dataset
    metric: str

    def value(self, outputs: Float32, real: Float32, *, limited: bool = False) -> float | None:
        """The metric of outputs (N, *shape) to inputs `real`; None where the few samples of a limited run cannot give it (an AUC of one
        class), which the agreement can do without."""
        try:
            return metrics.evaluate(self.metric, outputs, self.dataset, real)
        except metrics.OneClassError:
            if not limited:
                raise
            return None


@dataclass(frozen=True)
class Ends:
    """The outputs of a model. shapes: without the batch. rebuilt: the shape, batch included, of an output that is the input again."""

    names: Sequence[str]
    shapes: Sequence[tuple[int, ...]]
    rebuilt: tuple[int, ...]

    @classmethod
    def of(cls, interface: Interface) -> Ends:
        return cls(interface.output_names, [port.shape for port in interface.outputs], interface.entries.rebuilt)


Metric = str | MetricByOutput | None


def heads_of(ends: Ends, dataset: Dataset, place: int | None, asked: Sequence[Metric], limit: int | None = None) -> tuple[Head, ...]:
    """The outputs that have labels, at least one: each of those with labels of its own; else the one that `y` is of, the first.

    place: of one, which alone is measured. asked: metrics, for all or by output, the first that says one is taken; else that of the kind of
    task. limit: the first so many samples. Raises DataError where labels fit no metric, RecipeError for a metric of no output.
    """
    if place is not None or not dataset.each:
        places = [place or 0]
    else:
        places = [place for place, labels in enumerate(dataset.each) if labels.y is not None]
    return tuple(head_of(ends, dataset, place, asked, limit) for place in places)


def head_of(ends: Ends, dataset: Dataset, place: int, asked: Sequence[Metric], limit: int | None = None) -> Head:
    """One output. Arguments, and what it raises, as `heads_of`."""
    name, shapes = ends.names[place], (ends.rebuilt, (1, *ends.shapes[place]))
    wanted = next(filter(None, (of_output(given, ends.names, place, "metric") for given in asked)), None)
    with labels_of(ends.names, place, dataset):
        own = metrics.with_class_numbers(dataset.of_output(place, name), *shapes, wanted)
        own = own if limit is None else own.take(limit)
        return Head(place, name, own, metrics.choose(own, *shapes, wanted))


@contextmanager
def labels_of(names: Sequence[str], place: int, dataset: Dataset) -> Iterator[None]:
    """Labels `y` that do not fit may be those of another output."""
    try:
        yield
    except DataError as error:
        if len(names) > 1 and not dataset.each:
            error.hint = f"y is compared with output '{names[place]}'; name another with --output: {', '.join(names)}; or give y0, y1, ..."
        raise
