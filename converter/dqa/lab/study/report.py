"""Writes what a study found into its directory."""

from __future__ import annotations

from pathlib import Path

from dqa.lab.study import plots, tables
from dqa.lab.study.analysis import Section, analyse
from dqa.lab.study.run import StudyRun
from dqa.lab.study.store import KIND, PLOTS, RESULTS
from dqa.support import manifest


def write_report(run: StudyRun, out: Path, name: str, reference: str | None) -> list[Section]:
    """results.csv, results.json, summary.csv, layers.csv, tables.md, timings.csv and plots/, in the place of earlier ones.

    Raises InputError where something else has one of the names, DqaError where the disk is full.
    """
    sections = analyse(run, reference)
    texts = (
        tables.results_csv(sections),
        tables.results_json(sections),
        tables.summary_csv(sections),
        tables.layers_csv(sections),
        tables.tables_md(name, sections, run.rankings, reference),
        tables.timings_csv(run),
    )
    files = {file: text.encode() for file, text in zip(RESULTS, texts, strict=True)}
    files |= {f"{PLOTS}/{file}": drawn for file, drawn in plots.draw_all(sections)}
    manifest.refresh(out, files, KIND, whole=True)
    return sections
