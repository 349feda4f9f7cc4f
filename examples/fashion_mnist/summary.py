"""One table of what `dqa evaluate --json` said about each target, beneath the name of the model's directory.

python summary.py demo/host.json demo/mps2_an386.json demo-stored/mps2_an386.json
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table


def cell(result: dict[str, Any], *keys: str) -> str:
    """A number of the result, "-" where the target cannot give it."""
    value: Any = result
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    if value is None:
        return "-"
    return f"{value:.4f}" if isinstance(value, float) else f"{value:,}" if isinstance(value, int) else str(value)


def agreement(result: dict[str, Any]) -> str:
    equal = result.get("agreement")
    return f"{equal['equal']} of {equal['of']}" if equal else "-"


def main() -> None:
    parser = argparse.ArgumentParser(description="One table of several evaluations.")
    parser.add_argument("results", type=Path, nargs="+")
    paths = parser.parse_args().results
    results = [json.loads(path.read_text()) for path in paths]
    table = Table(title="Fashion-MNIST")
    table.add_column("")
    for path, result in zip(paths, results, strict=True):
        table.add_column(f"{path.parent.name}\n{result['target']}", justify="right")
    table.add_row("samples", *(cell(result, "samples") for result in results))
    table.add_row(str(results[0]["metric"]), *(cell(result, "value") for result in results))
    table.add_row("float model", *(cell(result, "float_value") for result in results))
    table.add_row("bits per stored activation", *(cell(result, "stored_bits") for result in results))
    table.add_row("equal to the host", *(agreement(result) for result in results))
    table.add_row("RAM of the model, bytes", *(cell(result, "ram", "model") for result in results))
    table.add_row("stack, bytes", *(cell(result, "ram", "stack") for result in results))
    table.add_row("flash, code", *(cell(result, "flash", "code") for result in results))
    table.add_row("flash, model", *(cell(result, "flash", "model") for result in results))
    table.add_row("instructions", *(cell(result, "instructions") for result in results))
    Console(width=118).print(table)


if __name__ == "__main__":
    main()
