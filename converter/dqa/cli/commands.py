"""`dqa`: the commands, one file each; what is heavy is imported when a command runs, so that --help is quick."""

from __future__ import annotations

import click

from dqa.cli.analyze import analyze
from dqa.cli.boards import boards
from dqa.cli.build import build
from dqa.cli.convert import convert
from dqa.cli.doctor import doctor
from dqa.cli.evaluate import evaluate
from dqa.cli.export import export
from dqa.cli.flash import flash
from dqa.cli.options import shared
from dqa.cli.profile import profile
from dqa.cli.serve import serve
from dqa.cli.sign import sign, verify
from dqa.cli.simulate import simulate
from dqa.cli.sparsify import sparsify
from dqa.cli.study import study
from dqa.support.version import __version__

CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 110}


def _say_versions(context: click.Context) -> None:
    from dqa.device.doctor import examine

    click.echo(f"dqa, version {__version__}")
    for finding in examine():
        if finding.version:
            click.echo(f"  {finding.name}: {finding.version}")
    context.exit()


@click.group(context_settings=CONTEXT, invoke_without_command=True)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=lambda context, _option, wanted: _say_versions(context) if wanted and not context.resilient_parsing else None,
    help="Show the version, and those of what it works with.",
)
@click.pass_context
def cli(context: click.Context, /) -> None:
    """Deep-quantized activations for Keras models on Cortex-M.

    \b
      dqa analyze model.h5
      dqa convert model.h5 --calibration x.npz -o out/model
      dqa evaluate out/model --data test.npz --target sim:mps2_an386
    """
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


for command in (analyze, convert, evaluate, build, flash, export, sign, verify, simulate, serve, profile, study, sparsify, boards, doctor):
    cli.add_command(shared(command, cli.commands))
