"""dqa profile: what each operator of a converted model costs, and where its values part from the host's."""

from __future__ import annotations

from pathlib import Path

import click

from dqa.cli.common import out_argument, output_options, progress, table, talk, warn, write_json


@click.command()
@out_argument
@click.option("--target", default="host", show_default=True, metavar="TARGET", help="host, sim:BOARD or serial:PORT.")
@click.option("--data", type=click.Path(path_type=Path), metavar="X.npz", help="Samples `x`.  [default: random bytes]")
@click.option("--sample", type=click.IntRange(0), default=0, show_default=True, metavar="N", help="The number of the sample.")
@click.option("--compare", is_flag=True, help="Each operator's values with the host's and the float model's.")
@output_options
def profile(out: Path, target: str, data: Path | None, sample: int, compare: bool, quiet: bool, json_path: Path | None) -> None:
    """Profile OUT, a directory of `dqa convert`, operator by operator, on one sample.

    On a simulated board instructions are counted, elsewhere time; a real board is flashed with `dqa flash --profile`
    before. With --compare exit code 1 says that the target's values are not the host's.
    """
    from dqa.errors import InputError
    from dqa.profiling.run import profile as run

    if data is None and sample:
        raise InputError("--sample is of --data, which is not given")
    found = run(out, target, data, sample, compare=compare, progress=progress(quiet))
    write_json(found.to_json(), json_path)
    warn(found.notes)
    if talk(quiet, json_path):
        on_board = compare and target != "host"
        columns = ["operator", "kind", found.unit, "%", *(["host"] if on_board else []), *(["float, dB"] if compare else [])]
        rows = [
            [
                row.name,
                row.kind,
                f"{row.cost:,.0f}",
                f"{100 * row.share:.1f}",
                *(["equal" if row.equal else "DIFFERS"] if on_board else []),
                *(["" if row.float_db is None else f"{row.float_db:.1f}"] if compare else []),
            ]
            for row in found.operators
        ]
        blank = [""] * (len(columns) - 3)
        rows.append(["all operators", "", f"{found.total:,.0f}", *blank])
        if found.stack is not None:
            rows.append(["stack, bytes", "", f"{found.stack:,}", *blank])
        table(f"{out} on {target}", columns, rows)
        if found.first_far_from_float is not None:
            print(f"first operator far from the float model: {found.first_far_from_float}")
    if found.first_difference is not None or found.output_equal is False:
        from dqa.errors import DqaError

        where = f"first at operator '{found.first_difference}'" if found.first_difference else "in the output only"
        raise DqaError(
            f"{target} does not compute what this machine does: {where}",
            hint="that operator's kernel, or how its input was stored, is wrong there",
        )
