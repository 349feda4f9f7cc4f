"""dqa study: a grid of methods, bits and models, measured and compared."""

from __future__ import annotations

import os
from pathlib import Path

import click

from dqa.cli.common import output_options, progress, table, talk, write_json
from dqa.errors import ToolError


@click.command()
@click.argument("study", type=click.Path(path_type=Path), metavar="STUDY.yaml")
@click.option("-o", "--out", type=click.Path(path_type=Path), required=True, metavar="DIR", help="Directory for finished jobs and results.")
@click.option("--jobs", type=click.IntRange(1), metavar="N", help="Processes on this machine.  [default: one per core]")
@click.option("--scheduler", metavar="ADDRESS", help="Run on a Dask cluster instead, e.g. tcp://host:8786.")
@click.option(
    "--data", type=click.Path(path_type=Path), metavar="DIR", help="Where the study's relative paths begin.  [default: its directory]"
)
@click.option("--keep-stale", is_flag=True, help="Keep finished jobs that other code of dqa measured.")
@output_options
def study(
    study: Path,
    out: Path,
    jobs: int | None,
    scheduler: str | None,
    data: Path | None,
    keep_stale: bool,
    quiet: bool,
    json_path: Path | None,
) -> None:
    """Measure the grid of STUDY.yaml and compare its methods.

    Jobs that DIR holds finished are not done again; a study that was killed goes on with the same command.
    """
    from dqa.lab.study.config import load
    from dqa.lab.study.run import Workers, run_study

    if jobs is not None and scheduler is not None:
        raise click.UsageError("--jobs counts processes of this machine; with --scheduler the cluster has its own")
    config = load(study, data)
    with Workers(jobs or os.cpu_count() or 1, scheduler) as workers:
        run = run_study(config, out, workers, keep_stale=keep_stale, progress=progress(quiet))
    from dqa.lab.study.report import write_report
    from dqa.lab.study.tables import job_rows, label, show

    with progress(quiet).task("Writing tables and plots", None):
        sections = write_report(run, out, config.name, config.reference)
    write_json({"out": str(out), "measured": run.made, "kept": run.kept, "failed": run.failed, "results": job_rows(sections)}, json_path)
    if talk(quiet, json_path):
        for section in sections:
            names = [summary.job for summary in section.summaries]
            rows = [
                [label(s.job, names), f"{s.stored_bits:.2f}", show(s.score.value, section.metric), show(s.loss.value, section.metric)]
                for s in section.summaries
            ]
            title = f"{section.model}, {section.tensors}: float {show(section.float_row.score.value, section.metric)}"
            table(title, ["method", "stored bits", section.metric, "loss"], rows)
        print(f"{run.made} measured, {run.kept} found finished; wrote {out / 'tables.md'}")
    if run.failed:
        title, why = run.failed[0]
        raise ToolError(
            f"{len(run.failed)} jobs failed, first {title}: {why}", hint="the results hold the others; the same command tries those again"
        )
