"""What every command takes: --config, a file of options, and --log-level."""

from __future__ import annotations

import logging
import tomllib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import click

from dqa.cli import common
from dqa.errors import RecipeError

LEVELS = ("error", "warning", "info", "debug")
_HINT = "--config takes a YAML or TOML file of options by command, or a recipe"


def shared(command: click.Command, known: Collection[str]) -> click.Command:
    """The command with the options that all have. known: the names of all commands."""
    command.params += [
        click.Option(
            ["--config"],
            type=click.Path(path_type=Path),
            metavar="FILE",
            is_eager=True,
            expose_value=False,
            callback=lambda context, _parameter, path: _configure(context, path, known),
            help="Options from a YAML or TOML file, by command; those given beside it hold.",
        ),
        click.Option(
            ["--log-level"],
            type=click.Choice(LEVELS),
            default="info",
            show_default=True,
            is_eager=True,
            expose_value=False,
            callback=_log,
            help="What is said beside the result: warning no progress, error no notes either, debug each step and program run.",
        ),
    ]
    return command


def _log(context: click.Context, _parameter: click.Parameter, level: str) -> None:
    if context.resilient_parsing:
        return
    common.said.command = context.command_path
    common.said.level = logging.getLevelNamesMapping()[level.upper()]
    logging.getLogger("dqa").setLevel(common.said.level)
    if level == "debug":
        logging.basicConfig(format="%(asctime)s %(name)s: %(message)s")


def _configure(context: click.Context, path: Path | None, known: Collection[str]) -> None:
    if path is not None and not context.resilient_parsing:
        context.default_map = defaults(context.command, path, known)


def defaults(command: click.Command, path: Path, known: Collection[str]) -> dict[str, Any]:
    """The options of a command, or, of a recipe, its settings, in a file, by parameter. Raises RecipeError, naming file and key."""
    from dqa.support import strict_yaml

    def parse(text: str) -> dict[str, Any]:
        data = strict_yaml.mapping("options", _toml(text) if path.suffix.lower() == ".toml" else strict_yaml.load(text))
        if "dqa_recipe" in data:
            section = data.get("config", {}) if command.name == "convert" else {}
        else:
            strict_yaml.check_known("options", data, known)
            section = data.get(command.name or "", {})
        return _by_parameter(command, strict_yaml.mapping(command.name or "", section))

    return strict_yaml.parsed(path, "options", parse, _HINT)


def _toml(text: str) -> object:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise RecipeError(f"not TOML ({error})") from error


def _by_parameter(command: click.Command, section: Mapping[str, Any]) -> dict[str, Any]:
    from dqa.support.settings import refuse_renamed
    from dqa.support.strict_yaml import check_known

    known = {_key(name): parameter for parameter in command.params for name in (*parameter.opts, parameter.name or "")}
    own = {name: one for name, one in known.items() if one.name not in ("config", "help") and not getattr(one, "hidden", False)}
    given = {_key(name): value for name, value in section.items()}
    refuse_renamed(given)
    check_known(command.name or "", given, own)
    return {own[name].name or "": _value(own[name], value) for name, value in given.items()}


def _key(name: str) -> str:
    return name.lstrip("-").replace("-", "_")


def _value(parameter: click.Parameter, value: Any) -> Any:
    """As it would be typed."""
    if isinstance(value, bool) and not getattr(parameter, "is_flag", False):
        raise RecipeError(f"{parameter.opts[-1]}: expected a value, got {str(value).lower()}")
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, Mapping):
        texts = [f"{key}={_text(item)}" for key, item in value.items()]
        return texts if parameter.multiple else ",".join(texts)
    return [_text(value)] if parameter.multiple else _text(value)


def _text(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)
