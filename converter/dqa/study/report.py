"""Writes what a study found into its directory."""

from __future__ import annotations

from pathlib import Path

from dqa.errors import InputError
from dqa.study import plots, tables
from dqa.study.analysis import Section, analyse
from dqa.study.run import StudyRun
from dqa.study.store import write_whole


def write_report(run: StudyRun, out: Path, name: str, reference: str | None) -> list[Section]:
    """results.csv, results.json, summary.csv, layers.csv, tables.md, timings.csv and plots/. Raises InputError where that cannot be."""
    sections = analyse(run, reference)
    write_whole(out / "results.csv", tables.results_csv(sections))
    write_whole(out / "results.json", tables.results_json(sections))
    write_whole(out / "summary.csv", tables.summary_csv(sections))
    write_whole(out / "layers.csv", tables.layers_csv(sections))
    write_whole(out / "tables.md", tables.tables_md(name, sections, run.rankings, reference))
    write_whole(out / "timings.csv", tables.timings_csv(run))
    directory = out / "plots"
    try:
        directory.mkdir(exist_ok=True)
        for old in directory.glob("*-*.[ps][nv]g"):
            old.unlink()  # of an earlier form of the study
    except OSError as error:
        raise InputError(f"cannot write to '{directory}': {error.strerror}", hint="choose another directory with -o") from error
    for file, content in plots.draw_all(sections):
        write_whole(directory / file, content)
    return sections
