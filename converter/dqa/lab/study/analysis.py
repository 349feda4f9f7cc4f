"""What a study found: a row per job, a summary per setting over its seeds, and the methods compared at equal stored bits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

import numpy as np

from dqa.evaluation.metrics import HIGHER_IS_BETTER
from dqa.lab.study.grid import FLOAT, Job
from dqa.lab.study.run import StudyRun
from dqa.lab.study.statistics import Outcome, interval, mcnemar, resampled, wilson
from dqa.lab.study.store import Record
from dqa.support.arrays import Float64

BUDGETS = (2.0, 2.5, 3.0, 3.5, 4.0, 4.5, 5.0, 5.5, 6.0)
"""Stored bits per activation at which methods are compared."""


@dataclass(frozen=True)
class Estimate:
    """A measured value with its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, eq=False)
class Row:
    """One job. score: the metric. loss: how much worse than the float model on the same samples, in units of the metric.

    p: McNemar's of the float model and this one being equally often right; of top-1 only.
    """

    job: Job
    record: Record
    metric: str
    samples: int
    float_score: float
    score: Estimate
    loss: Estimate
    p: float | None


@dataclass(frozen=True, eq=False)
class Summary:
    """One setting over its seeds: means of scores, losses and stored bits; spread: standard deviation of the score over the seeds.

    draws: the mean score on resampled test sets, (B,), the same test sets for all summaries of a model.
    """

    job: Job
    rows: tuple[Row, ...]
    score: Estimate
    loss: Estimate
    spread: float | None
    stored_bits: float
    draws: Float64


@dataclass(frozen=True, eq=False)
class Comparison:
    """The best setting of each method within a budget of stored bits, None where none fits, and how far the reference is ahead of it."""

    budget: float
    best: dict[str, Summary | None]
    behind: dict[str, Estimate]


@dataclass(frozen=True, eq=False)
class Section:
    """One model with one choice of tensors; rows and summaries in the order of the grid, without the float model."""

    model: str
    tensors: str
    metric: str
    float_row: Row
    rows: tuple[Row, ...]
    summaries: tuple[Summary, ...]
    comparisons: tuple[Comparison, ...]


def analyse(run: StudyRun, reference: str | None = None) -> list[Section]:
    """The results by model and tensors. `reference`: the method the others are compared with."""
    sections = []
    for model in run.inputs:
        measured = [(job, record) for job, record in run.measured if job.model == model]
        floats = [record for job, record in measured if job.method == FLOAT]
        if not floats:
            continue
        outcomes = [Outcome.from_json(record["result"]["outcome"]) for _, record in measured]
        draws = resampled(outcomes)
        rows = _rows(measured, outcomes, draws)
        float_row = next(row for row in rows if row.job.method == FLOAT)
        others = [(row, draws[:, place]) for place, row in enumerate(rows) if row.job.method != FLOAT]
        base = draws[:, rows.index(float_row)]
        for tensors in dict.fromkeys(row.job.tensors for row, _ in others):
            part = [(row, drawn) for row, drawn in others if row.job.tensors == tensors]
            summaries = _summaries(part, base)
            sections.append(
                Section(
                    model,
                    tensors,
                    float_row.metric,
                    float_row,
                    tuple(row for row, _ in part),
                    tuple(summaries),
                    tuple(_compare(summaries, budget, reference) for budget in BUDGETS),
                )
            )
    return sections


def _rows(measured: Sequence[tuple[Job, Record]], outcomes: Sequence[Outcome], draws: Float64) -> list[Row]:
    place = next(i for i, (job, _) in enumerate(measured) if job.method == FLOAT)
    base, base_draws = outcomes[place], draws[:, place]
    float_score = float(measured[place][1]["result"]["value"])
    rows = []
    for (job, record), found, drawn in zip(measured, outcomes, draws.T, strict=True):
        score = float(record["result"]["value"])
        sign = 1 if HIGHER_IS_BETTER[found.metric] else -1
        loss = Estimate(sign * (float_score - score), *interval(sign * (base_draws - drawn)))
        p = mcnemar(base.data, found.data) if found.metric == "top1" else None
        estimate = Estimate(score, *_interval(found.metric, score, found.samples, drawn))
        rows.append(Row(job, record, found.metric, found.samples, float_score, estimate, loss, p))
    return rows


def _summaries(part: Sequence[tuple[Row, Float64]], base: Float64) -> list[Summary]:
    def setting(item: tuple[Row, Float64]) -> Any:
        return replace(item[0].job, seed=0)

    order = {job: place for place, job in enumerate(dict.fromkeys(map(setting, part)))}
    ranked = sorted(part, key=lambda item: order[setting(item)])
    summaries = []
    for job, group in groupby(ranked, key=setting):
        members = list(group)
        rows = tuple(row for row, _ in members)
        draws = np.mean([drawn for _, drawn in members], axis=0)
        scores = [row.score.value for row in rows]
        mean = float(np.mean(scores))
        sign = 1 if HIGHER_IS_BETTER[rows[0].metric] else -1
        summaries.append(
            Summary(
                job,
                rows,
                Estimate(mean, *_interval(rows[0].metric, mean, rows[0].samples, draws)),
                Estimate(sign * (rows[0].float_score - mean), *interval(sign * (base - draws))),
                float(np.std(scores, ddof=1)) if len(scores) > 1 else None,
                float(np.mean([row.record["result"]["stored_bits"] for row in rows])),
                draws,
            )
        )
    return summaries


def _interval(metric: str, score: float, samples: int, draws: Float64) -> tuple[float, float]:
    """Wilson's for a share of right answers, of the mean share where seeds were averaged; the bootstrap's for other metrics."""
    return wilson(score, samples) if metric == "top1" else interval(draws)


def _compare(summaries: Sequence[Summary], budget: float, reference: str | None) -> Comparison:
    best: dict[str, Summary | None] = {}
    for method in dict.fromkeys(summary.job.method for summary in summaries):
        fitting = [s for s in summaries if s.job.method == method and s.stored_bits <= budget + 1e-9]
        best[method] = min(fitting, key=lambda s: s.loss.value, default=None)
    ahead = best.get(reference) if reference is not None else None
    behind = {}
    for method, summary in best.items():
        if ahead is not None and summary is not None and method != reference:
            sign = 1 if HIGHER_IS_BETTER[summary.rows[0].metric] else -1
            difference = sign * (ahead.score.value - summary.score.value)
            behind[method] = Estimate(difference, *interval(sign * (ahead.draws - summary.draws)))
    return Comparison(budget, best, behind)
