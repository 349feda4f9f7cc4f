"""The results as files for programs (CSV, JSON) and people (Markdown). Equal results give equal bytes: no times, no places."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from dqa.lab.study.analysis import Comparison, Estimate, Row, Section
from dqa.lab.study.grid import Job, Ranking
from dqa.lab.study.run import StudyRun
from dqa.lab.study.store import Record

DIGITS = 8
"""Significant ones in files: what the order of a sum may change is not shown."""
SHARES = ("top1", "auc", "miou")
"""Metrics from 0 to 1, shown in percent."""


def job_rows(sections: Sequence[Section]) -> list[dict[str, Any]]:
    """One flat row per job, the float models included (with each choice of tensors)."""
    return [_flat(row, section.tensors) for section in sections for row in (section.float_row, *section.rows)]


def results_csv(sections: Sequence[Section]) -> str:
    return _csv(job_rows(sections))


def layers_csv(sections: Sequence[Section]) -> str:
    """One row per job and tensor: values per sample, stored bits per value, signal to quantization noise in dB."""
    rows = []
    for section in sections:
        for row in section.rows:
            for place, layer in enumerate(row.record["result"]["layers"]):
                rows.append({**_identity(row.job), "place": place, **{key: _round(value) for key, value in layer.items()}})
    return _csv(rows)


def summary_csv(sections: Sequence[Section]) -> str:
    """One row per setting, over its seeds."""
    rows = []
    for section in sections:
        for s in section.summaries:
            identity = {key: value for key, value in _identity(s.job).items() if key != "seed"}
            numbers = {"score": s.score.value, "low": s.score.low, "high": s.score.high, "spread": s.spread, **_loss(s.loss)}
            rows.append({**identity, "seeds": len(s.rows), "stored_bits": _round(s.stored_bits), **_rounded(numbers)})
    return _csv(rows)


def results_json(sections: Sequence[Section]) -> str:
    """The rows of results.csv, each with its layers and the counts of its shifting errors."""
    rows = []
    for section in sections:
        for flat, row in zip(job_rows([section]), (section.float_row, *section.rows), strict=True):
            result = row.record["result"]
            layers = [{key: _round(value) for key, value in layer.items()} for layer in result.get("layers", [])]
            rows.append({**flat, "layers": layers, "errors": result.get("errors", [])})
    return json.dumps({"dqa_study": 1, "results": rows}, indent=1, allow_nan=False) + "\n"


def timings_csv(run: StudyRun) -> str:
    """Seconds of every job, as they happened to be when it ran: the one file that differs from run to run."""
    rows: list[dict[str, Any]] = []
    for kind, items in (("ranking", run.rankings), ("job", run.measured)):
        rows += [{"kind": kind, "title": item.title(), "key": record["key"], "seconds": record["seconds"]} for item, record in items]
    return _csv(rows)


def tables_md(name: str, sections: Sequence[Section], rankings: Sequence[tuple[Ranking, Record]], reference: str | None) -> str:
    """The study for people: a table per model and tensors, methods at equal stored bits, what the rankings took."""
    parts = [f"# Study {name}\n"]
    for section in sections:
        parts.append(_section(section, reference))
    if rankings:
        parts.append(
            "## Rankings\n\nAccuracies measured, and runs of the network over all calibration samples; timings.csv has the seconds.\n"
        )
        rows = []
        for r, record in rankings:
            result = record["result"]
            rows.append([r.model, r.tensors, r.ranking, str(r.seed), str(result["evaluations"]), f"{result['runs']:.1f}"])
        parts.append(_markdown(["model", "tensors", "ranking", "seed", "evaluations", "runs"], rows))
    return "\n".join(parts)


def label(job: Job, among: Iterable[Job], without: Sequence[str] = ()) -> str:
    """A short name for a setting: its method and the options that differ among the jobs of that method, but for those in `without`."""
    same = [other for other in among if other.method == job.method]
    words = []
    for key, value in (*job.options, ("ranking", job.ranking)):
        given = {dict((*other.options, ("ranking", other.ranking)))[key] for other in same}
        if key not in without and len(given) > 1:
            words.append(f"{key}={value}")
    return " ".join([job.method, *words])


def show(value: float, metric: str, digits: int = 2) -> str:
    """A value of the metric for people: in percent where it is a share."""
    return f"{100 * value:z.{digits}f}" if metric in SHARES else f"{value:.5g}"  # z: no -0.00


def unit(metric: str) -> str:
    return "%" if metric in SHARES else ""


def _section(section: Section, reference: str | None) -> str:
    base, metric = section.float_row, section.metric
    jobs = [s.job for s in section.summaries]
    intro = (
        f"## {section.model}, tensors: {section.tensors}\n\n"
        f"{metric} of the float model {_between(base.score, metric)} {unit(metric)} on {base.samples} samples. "
        "In brackets: 95 % intervals; loss: float less quantized, paired over the samples; "
        "p: McNemar's test against float, the smallest of the seeds.\n"
    )
    rows = []
    for s in section.summaries:
        ps = [row.p for row in s.rows if row.p is not None]
        rows.append(
            [
                label(s.job, jobs, ["bits"]),
                str(dict(s.job.options).get("bits", "")),
                f"{s.stored_bits:.3f}",
                _between(s.score, metric),
                "-" if s.spread is None else show(s.spread, metric),
                _between(s.loss, metric),
                f"{min(ps):.2g}" if ps else "-",
                str(len(s.rows)),
            ]
        )
    titles = ["method", "bits", "stored bits", f"{metric} {unit(metric)}".strip(), "s.d. of seeds", "loss", "p", "seeds"]
    fixed = "".join(f"- {line}\n" for line in _fixed(jobs))
    return "\n".join([intro, _markdown(titles, rows), "Options that do not differ:\n\n" + fixed, _equal_bits(section, reference)])


def _fixed(jobs: Sequence[Job]) -> list[str]:
    """The options of each method that all of its jobs share."""
    lines = []
    for method in dict.fromkeys(job.method for job in jobs):
        same = [job for job in jobs if job.method == method]
        shared = []
        for key, value in (*same[0].options, ("ranking", same[0].ranking)):
            if value is not None and all(dict((*job.options, ("ranking", job.ranking)))[key] == value for job in same):
                shared.append(f"{key} = {value}")
        if shared:
            lines.append(f"{method}: {', '.join(shared)}")
    return lines


def _equal_bits(section: Section, reference: str | None) -> str:
    """The best of each method within each budget; beside it how far the reference is ahead."""
    methods = list(dict.fromkeys(s.job.method for s in section.summaries))
    shown = [c for c in section.comparisons if any(c.best.values())]
    if not shown:
        return ""
    rows = [[f"{c.budget:g}", *(_best(c, method, section.metric) for method in methods)] for c in shown]
    intro = f"Best setting of each method within a budget of stored bits per activation, {section.metric} {unit(section.metric)}".rstrip()
    if reference in methods:
        intro += f"; in brackets how far {reference} is ahead, 95 % interval of the paired difference"
    note = "Settings were chosen by the same test samples, for every method alike.\n"
    return f"{intro}. {note}\n" + _markdown(["stored bits", *methods], rows)


def _best(comparison: Comparison, method: str, metric: str) -> str:
    summary = comparison.best[method]
    if summary is None:
        return "-"
    text = show(summary.score.value, metric)
    if method in comparison.behind:
        behind = comparison.behind[method]
        text += f" ({'+' if behind.value >= 0 else ''}{_between(behind, metric)})"
    return text


def _between(estimate: Estimate, metric: str) -> str:
    return f"{show(estimate.value, metric)} [{show(estimate.low, metric)}, {show(estimate.high, metric)}]"


def _identity(job: Job) -> dict[str, Any]:
    return {"model": job.model, "tensors": job.tensors, "method": job.method, **dict(job.options), "ranking": job.ranking, "seed": job.seed}


def _flat(row: Row, tensors: str) -> dict[str, Any]:
    result = row.record["result"]
    numbers = {
        "float_score": row.float_score,
        "score": row.score.value,
        "low": row.score.low,
        "high": row.score.high,
        **_loss(row.loss),
        "p": row.p,
        "stored_bits": result.get("stored_bits"),
    }
    last = {"table_bits": result.get("table_bits"), "key": row.record["key"], "code": row.record["code"]}
    return {**_identity(row.job), "tensors": tensors, "metric": row.metric, "samples": row.samples, **_rounded(numbers), **last}


def _loss(loss: Estimate) -> dict[str, float]:
    return {"loss": loss.value, "loss_low": loss.low, "loss_high": loss.high}


def _rounded(numbers: Mapping[str, float | None]) -> dict[str, float | None]:
    return {key: _round(value) for key, value in numbers.items()}


def _round(value: Any) -> Any:
    return float(f"{value:.{DIGITS}g}") + 0.0 if isinstance(value, float) else value  # + 0.0: no -0.0


def _csv(rows: Sequence[Mapping[str, Any]]) -> str:
    """Options of different methods share the table; what does not apply is empty."""
    early = ("model", "tensors", "method", "kind", "title")
    columns = dict.fromkeys([*(c for c in early if any(c in row for row in rows)), *(c for row in rows for c in row)])
    tail = [c for c in ("ranking", "seed", "seeds", *_MEASURED) if c in columns]
    order = [c for c in columns if c not in tail] + tail
    stream = io.StringIO()
    writer = csv.DictWriter(stream, order, lineterminator="\n", restval="")
    writer.writeheader()
    writer.writerows(rows)
    return stream.getvalue()


_MEASURED = (
    *("metric", "samples", "place", "name", "values", "sqnr"),
    *("float_score", "score", "low", "high", "spread", "loss", "loss_low", "loss_high", "p"),
    *("stored_bits", "table_bits", "seconds", "key", "code"),
)
"""The columns behind the options, in order."""


def _markdown(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(cells) + " |" for cells in (titles, ["---"] * len(titles), *rows)]
    return "\n".join(lines) + "\n"
