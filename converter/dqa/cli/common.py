"""What the commands share: errors in two lines, exit codes, --quiet and --json."""

from __future__ import annotations

import functools
import glob
import json
import logging
import os
import sys
import traceback
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NoReturn, TypeVar, cast

import click

from dqa.cli import signals
from dqa.errors import DqaError, InputError, RecipeError
from dqa.support import manifest
from dqa.support.files import FULL, refuse_same, write_atomically
from dqa.support.progress import LoggedProgress, Progress, RichProgress, SilentProgress
from dqa.support.settings import METRICS, PROTOCOLS, metric_by_output

F = TypeVar("F", bound=Callable[..., Any])
INTERRUPTED = 130
STDOUT = Path("-")


def run(command: click.Command) -> NoReturn:
    """Runs a command and exits: 0, 2 for input that was refused, 1 for what failed, 130 for Ctrl-C. Errors are one line and a hint."""
    try:
        code = command.main(standalone_mode=False)
        sys.stdout.flush()
        sys.exit(code if isinstance(code, int) else 0)
    except DqaError as error:
        _fail(error.message, error.hint or f"see {said.command} --help", error.exit_code, error)
    except click.ClickException as error:
        context = getattr(error, "ctx", None)
        hint = f"see {context.command_path} --help" if context else "see dqa --help"
        _fail(error.format_message(), hint, error.exit_code, error)
    except (KeyboardInterrupt, click.Abort):
        print("interrupted", file=sys.stderr)
        sys.exit(INTERRUPTED)
    except BrokenPipeError:
        # The reader of our output is gone; keep Python from complaining about it once more at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except Exception as error:
        if isinstance(error, OSError) and error.errno in FULL:
            where = f" '{error.filename}'" if error.filename else ", perhaps a temporary file"
            _fail(f"cannot write{where}: {error.strerror}", "make room, or set TMPDIR to a directory with room, and run it again", 1, error)
        hint = "this is a bug in dqa; please report it with what DQA_DEBUG=1 shows"
        _fail(f"{type(error).__name__}: {error}", hint, 1, error)


def _fail(message: str, hint: str, code: int, error: Exception) -> NoReturn:
    if signals.came():
        raise error
    if os.environ.get("DQA_DEBUG") == "1" or said.level <= logging.DEBUG:
        traceback.print_exception(error)
    print(f"error: {_one_line(message)}", file=sys.stderr)
    if hint:
        print(f"hint: {_one_line(hint)}", file=sys.stderr)
    sys.exit(code)


def _one_line(text: str) -> str:
    """Names from a model or a file may hold anything: line breaks become spaces, other control characters are shown, not sent."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in " ".join(text.split()))


def check_place(option: str, path: Path, given: Iterable[object]) -> None:
    """Refuses a place for the result before the work, not after it. given: the other arguments, of which none may be overwritten."""
    if not path.parent.is_dir():
        raise InputError(f"{option} {path}: there is no directory '{path.parent}'", hint="make it, or name another file")
    if path.is_dir():
        raise InputError(f"{option} {path}: is a directory", hint="name a file")
    refuse_same(path, [value for value in given if isinstance(value, Path)])
    manifest.refuse_listed(path)


def output_options(function: F) -> F:
    """--quiet, and --json with an optional file (None: not given, "-": standard output)."""
    quiet = click.option("-q", "--quiet", is_flag=True, help="Show no progress and no summary.")
    as_json = click.option(
        "--json",
        "json_path",
        is_flag=False,
        flag_value="-",
        type=click.Path(path_type=Path),
        metavar="[FILE]",
        help="Write the result as JSON to FILE, or, without FILE, to standard output.",
    )

    @functools.wraps(function)
    def checked(*values: Any, **named: Any) -> Any:
        if named["json_path"] not in (None, STDOUT):
            check_place("--json", named["json_path"], [value for name, value in named.items() if name != "json_path"])
        return function(*values, **named)

    return quiet(as_json(cast(F, checked)))


def metric_option(function: F) -> F:
    """--metric: one, or NAME=METRIC of each output, with commas or repeated; without names those of the outputs in order."""

    def parsed(_context: click.Context, _parameter: click.Parameter, values: tuple[str, ...]) -> object:
        pairs = [one.strip().rpartition("=") for value in values for one in value.split(",")]
        if len(pairs) < 2 and not any(sign for _, sign, _ in pairs):
            return metric_by_output("metric", pairs[0][2] if pairs else None)
        if len({sign for _, sign, _ in pairs}) > 1:
            raise RecipeError("--metric: some have a name, some not", hint="write NAME=METRIC for each output, or none")
        given = [(name if sign else f"y{place}", metric) for place, (name, sign, metric) in enumerate(pairs)]
        if len(dict(given)) < len(given):
            raise RecipeError("--metric: names an output twice", hint="write NAME=METRIC once for each output")
        return metric_by_output("metric", dict(given))

    about = f"{', '.join(METRICS)}; of several outputs NAME=METRIC of each.  [default: by the kind of task]"
    return click.option("--metric", multiple=True, metavar="METRIC", callback=parsed, help=about)(function)


def out_argument(function: F) -> F:
    return click.argument("out", type=click.Path(path_type=Path))(function)


def board_option(function: F) -> F:
    about = "A board of `dqa boards`."
    return click.option("--board", required=True, metavar="BOARD", help=about, shell_complete=_boards)(function)


def _boards(_context: click.Context, _parameter: click.Parameter, begun: str) -> list[str]:
    """Names of boards, for the shell's completion."""
    from dqa.support import resources

    return sorted(file.stem for file in resources.path("boards").glob(f"{glob.escape(begun)}*.json"))


def runtime_options(function: F) -> F:
    """--runtime and --tflm, of firmware (see dqa.support.settings.firmware_runtime)."""
    runtime = click.option("--runtime", metavar="RUNTIME", help="standalone, or tflm: in TensorFlow Lite Micro.  [default: standalone]")
    tree = click.option(
        "--tflm", type=click.Path(path_type=Path), metavar="DIR", help="Tree of TensorFlow Lite Micro, made.  [default: $DQA_TFLM_DIR]"
    )
    return runtime(tree(function))


def protocol_option(default: str) -> Callable[[F], F]:
    """--protocol, of the serial port of firmware."""
    about = "Of the serial port: dqa's own, MLPerf Tiny's, or both, told apart by the first bytes."
    return click.option("--protocol", type=click.Choice(PROTOCOLS), default=default, show_default=True, help=about)


class _Said:
    """How much is said beside the result, a level of logging, and by which command (dqa.cli.options)."""

    level = logging.INFO
    command = "dqa"


said = _Said()


def progress(quiet: bool) -> Progress:
    if said.level < logging.INFO:
        return LoggedProgress()
    return SilentProgress() if quiet or said.level > logging.INFO else RichProgress()


def write_json(data: object, path: Path | None) -> None:
    """Writes to the place --json named, if it was given."""
    if path is None:
        return
    text = json.dumps(data, indent=2, default=str)
    if path == STDOUT:
        print(text)
        return
    write_atomically(path, text + "\n")


def warn(notes: Iterable[str]) -> None:
    """Says on standard error what did not end the command, but is not as one would expect."""
    for note in notes if said.level <= logging.WARNING else ():
        print(f"note: {_one_line(note)}", file=sys.stderr)


def talk(quiet: bool, json_path: Path | None) -> bool:
    """Whether a summary for people goes to standard output."""
    return not quiet and json_path != STDOUT


def table(title: str, columns: list[str], rows: list[list[str]]) -> None:
    """Prints a table; redirected output is never narrower than the text."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    drawn = Table(*columns, show_header=any(columns))
    for row in rows:
        drawn.add_row(*(Text(_one_line(cell)) for cell in row))
    console = Console()
    width = console.measure(drawn, options=console.options.update(max_width=1000)).maximum
    if not console.is_terminal:
        console.width = max(console.width, width)
    if title:
        print(title)
    console.print(drawn)
