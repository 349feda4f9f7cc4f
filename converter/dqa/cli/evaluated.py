"""The tables at the end of `dqa evaluate`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from dqa.api import EvaluateResult, OutputResult
from dqa.cli.common import table
from dqa.evaluation.by_class import Classes

MOST_CLASSES, WIDEST, MOST_SAMPLES = 20, 12, 5
"""Classes listed, classes of a confusion matrix that is shown, and samples listed; --json has them all."""


def print_evaluated(found: EvaluateResult, title: str) -> None:
    """To standard output: the model beside float, and of each output classes, which is taken for which, the worst samples."""
    several = len(found.each) > 1
    beside = {"metric", "value", "float_value", *found.details, "classes", "worst", *(["output"] if several else [])}
    others = {name: value for name, value in found.to_json().items() if name not in beside and not name.endswith("sha256")}
    compared = [row for one in found.each for row in _compared(one, f"{one.output}: " if several else "")]
    table(title, ["", "dqa", "float", "difference"], [*compared, *([name, value, "", ""] for name, value in rows(others))])
    for one in found.each:
        _print_output(one, f"{one.output}: " if several else "")


def _print_output(found: OutputResult, head: str) -> None:
    if found.classes is not None:
        _print_classes(found.classes, head)
    if found.worst:
        names = found.classes.names if found.classes is not None else ()
        lines = [
            [str(one.sample), *([] if one.answer is None or one.label is None else [names[one.label], names[one.answer]]), f"{one.by:.4g}"]
            for one in found.worst[:MOST_SAMPLES]
        ]
        columns = ["sample", "label", "answer", "score above label's"] if names else ["sample", "squared error"]
        table(f"{head}answered worst", columns, lines)


def _compared(found: OutputResult, head: str) -> Iterator[list[str]]:
    """Metrics of the model and of the float network, and the difference."""
    pairs = [(found.metric, found.value, found.float_value)]
    pairs += [(name, value, found.details.get(f"float_{name}")) for name, value in found.details.items() if not name.startswith("float_")]
    for name, value, reference in pairs:
        difference = "" if value is None or reference is None else f"{value - reference:+.4f}"
        yield [head + name.replace("_", " "), *("" if one is None else f"{one:.4f}" for one in (value, reference)), difference]


def rows(result: Mapping[str, object], prefix: str = "") -> Iterator[tuple[str, str]]:
    """A result as lines of a table; long lists (per-sample answers) are left to --json."""
    for name, value in result.items():
        title = f"{prefix}{name}".replace("_", " ")
        if isinstance(value, Mapping):
            if set(value) == {"equal", "of"}:
                yield title, f"{value['equal']} of {value['of']} equal"
            else:
                yield from rows(value, f"{title} ")
        elif isinstance(value, bool) or value is None:
            yield title, str(value)
        elif isinstance(value, int):
            yield title, f"{value:,}"
        elif isinstance(value, float):
            yield title, f"{value:.4f}"
        elif isinstance(value, str):
            yield title, value


def _print_classes(found: Classes, head: str) -> None:
    occur = [i for i in range(len(found.names)) if not np.isnan(found.values[i])]
    order = occur if len(occur) <= MOST_CLASSES else sorted(occur, key=lambda i: found.values[i])[:MOST_CLASSES]
    lines = [
        [
            found.names[i],
            f"{found.confusion[i].sum():,}",
            f"{found.values[i]:.4f}",
            f"{found.float_values[i]:.4f}",
            f"{found.values[i] - found.float_values[i]:+.4f}",
        ]
        for i in order
    ]
    title = "by class" if len(order) == len(occur) else f"by class, the worst {len(order)} of {len(occur)}"
    table(head + title, ["class", "labels", found.figure, "float", "difference"], lines)
    if len(found.names) <= WIDEST:
        table(
            f"{head}labels (rows) and answers",
            ["", *found.names],
            [[name, *map(str, row)] for name, row in zip(found.names, found.confusion, strict=True)],
        )
