"""The plots of a study as PNG and SVG; equal results give equal bytes: fixed identifiers, no dates, matplotlib's own fonts."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from dqa.lab.study.analysis import Section, Summary
from dqa.lab.study.tables import label, show, unit

SIZE = (7.2, 5.6)
"""Inches."""
DPI = 130
MAX_LINES = 10
STYLE: dict[Any, Any] = {
    "svg.hashsalt": "dqa",
    "font.size": 9.0,
    "axes.grid": True,
    "grid.alpha": 0.3,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.fontsize": 7.5,
    "legend.frameon": False,
}
MARKERS = "osD^vP*X<>"


def draw_all(sections: Sequence[Section]) -> Iterator[tuple[str, bytes]]:
    """File name and bytes of every plot that the results have something for."""
    for section in sections:
        place = f"{section.model}-{section.tensors}"
        yield from _files(f"accuracy-{place}", section, _accuracy)
        for option, title in (("ratio", "important ratio r"), ("extra_bits", "extra bits m")):
            if _sweeps(section, option):
                yield from _files(f"{option.replace('_', '-')}-{place}", section, _sweep(option, title))
        if any(row.record["result"]["errors"] for row in section.rows):
            yield from _files(f"errors-{place}", section, _errors)
        yield from _files(f"sqnr-{place}", section, _sqnr)


def _files(name: str, section: Section, paint: Callable[[Any, Section], None]) -> Iterator[tuple[str, bytes]]:
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with matplotlib.rc_context({**matplotlib.rcParamsDefault, **STYLE}):
        figure = Figure(SIZE, dpi=DPI, layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.subplots()
        axes.set_title(f"{section.model}, tensors: {section.tensors}, {section.float_row.samples} samples")
        paint(axes, section)
        names = axes.get_legend_handles_labels()[1]
        figure.legend(loc="outside lower center", ncols=2 if max(map(len, names)) < 60 else 1)
        for kind, metadata in (("svg", {"Date": None, "Creator": "dqa"}), ("png", {"Software": "dqa"})):
            stream = io.BytesIO()
            figure.savefig(stream, format=kind, metadata=metadata)
            yield f"{name}.{kind}", stream.getvalue()


def _accuracy(axes: Any, section: Section) -> None:
    """The metric against stored bits, a line per method and setting of everything but the bits."""
    _float_line(axes, section)
    for place, (name, members) in enumerate(_lines(section, "bits")):
        members = sorted(members, key=lambda s: s.stored_bits)
        _line(axes, section, place, name, [s.stored_bits for s in members], members)
    axes.set_xlabel("stored bits per activation")
    _score_axis(axes, section)


def _sweep(option: str, title: str) -> Callable[[Any, Section], None]:
    def paint(axes: Any, section: Section) -> None:
        _float_line(axes, section)
        for place, (name, members) in enumerate(_sweeps(section, option)):
            members = sorted(members, key=lambda s: float(dict(s.job.options)[option] or 0))
            _line(axes, section, place, name, [float(dict(s.job.options)[option] or 0) for s in members], members)
        axes.set_xlabel(title)
        _score_axis(axes, section)

    return paint


def _errors(axes: Any, section: Section) -> None:
    """Shares of the values of the shifting errors."""
    having = [s for s in section.summaries if s.rows[0].record["result"]["errors"]][:MAX_LINES]
    width = 0.8 / len(having)
    for place, summary in enumerate(having):
        counts = np.sum([_padded(row.record["result"]["errors"], 16) for row in summary.rows], axis=0)
        most = int(np.flatnonzero(counts)[-1]) + 1
        shares = 100 * counts[:most] / counts.sum()
        at = np.arange(most) + (place - (len(having) - 1) / 2) * width
        axes.bar(at, shares, width, label=_name(section, summary))
    axes.set_xlabel("shifting error")
    axes.set_ylabel("share of the important values, %")


def _sqnr(axes: Any, section: Section) -> None:
    """Signal to quantization noise of each tensor, the mean over the seeds."""
    names = [layer["name"] for layer in section.rows[0].record["result"]["layers"]]
    shown = [s for s in section.summaries if len(s.rows[0].record["result"]["layers"]) == len(names)]
    for place, summary in enumerate(_spread_out(shown)):
        noise = [[layer["sqnr"] for layer in row.record["result"]["layers"]] for row in summary.rows]
        values = np.array(noise, np.float64).mean(axis=0)  # None (no noise) becomes NaN: a gap
        axes.plot(range(len(names)), values, marker=MARKERS[place % len(MARKERS)], markersize=3.5, lw=1, label=_name(section, summary))
    axes.set_xticks(range(len(names)), names, rotation=90, fontsize=5.5)
    axes.set_ylabel("SQNR, dB")


def _line(axes: Any, section: Section, place: int, name: str, x: Sequence[float], members: Sequence[Summary]) -> None:
    scale = 100 if unit(section.metric) else 1
    scores = np.array([(s.score.value, s.score.low, s.score.high) for s in members]) * scale
    reach = np.maximum(0, [scores[:, 0] - scores[:, 1], scores[:, 2] - scores[:, 0]])
    axes.errorbar(
        x,
        scores[:, 0],
        reach,
        label=name,
        marker=MARKERS[place % len(MARKERS)],
        color=f"C{place % 10}",
        ls=("-", "--", ":", "-.")[place // 10 % 4],
        markersize=4,
        lw=1.2,
        elinewidth=0.7,
        capsize=1.5,
    )


def _float_line(axes: Any, section: Section) -> None:
    score = section.float_row.score.value
    axes.axhline(score * (100 if unit(section.metric) else 1), color="0.4", lw=0.9, label=f"float {show(score, section.metric)}")


def _score_axis(axes: Any, section: Section) -> None:
    axes.set_ylabel(f"{section.metric}, {unit(section.metric)}".rstrip(", "))


def _lines(section: Section, option: str) -> list[tuple[str, list[Summary]]]:
    """Summaries that differ in one option only, by what they share."""
    lines: dict[str, list[Summary]] = {}
    jobs = [s.job for s in section.summaries]
    for summary in section.summaries:
        lines.setdefault(label(summary.job, jobs, [option]), []).append(summary)
    return list(lines.items())


def _sweeps(section: Section, option: str) -> list[tuple[str, list[Summary]]]:
    having = [(name, [s for s in members if dict(s.job.options).get(option) is not None]) for name, members in _lines(section, option)]
    return [(name, members) for name, members in having if len(members) > 1]


def _name(section: Section, summary: Summary) -> str:
    return label(summary.job, [s.job for s in section.summaries])


def _spread_out(summaries: Sequence[Summary]) -> list[Summary]:
    """At most MAX_LINES, of every method the first settings in turn, in the order of the grid."""
    by_method: dict[str, list[Summary]] = {}
    for summary in summaries:
        by_method.setdefault(summary.job.method, []).append(summary)
    longest = max((len(members) for members in by_method.values()), default=0)
    turns = [members[i] for i in range(longest) for members in by_method.values() if i < len(members)]
    chosen = set(map(id, turns[:MAX_LINES]))
    return [summary for summary in summaries if id(summary) in chosen]


def _padded(counts: Sequence[int], size: int) -> list[int]:
    return [*counts, *[0] * (size - len(counts))]
