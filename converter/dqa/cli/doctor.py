"""dqa doctor: what is installed, what is missing, how to get it."""

from __future__ import annotations

from pathlib import Path

import click

from dqa.cli.common import output_options, table, talk, write_json


@click.command()
@output_options
@click.pass_context
def doctor(context: click.Context, quiet: bool, json_path: Path | None) -> None:
    """Say what is installed, what is missing, and how to get it. Exits with 1 if something required is missing."""
    from dqa.device import doctor as checks

    findings = checks.examine()
    write_json([finding.to_json() for finding in findings], json_path)
    if talk(quiet, json_path):
        rows = []
        for finding in findings:
            missing = "MISSING" if finding.required else "missing (optional)"
            rows.append([finding.name, finding.version or missing, finding.purpose, finding.get])
        table("", ["tool", "found", "used for", "how to get it"], rows)
    if not checks.complete(findings):
        context.exit(1)
