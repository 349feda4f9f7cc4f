"""The pages as a site: `make docs`. Its source is the checkout, so that links between pages are those that editors and forges know."""

from __future__ import annotations

import inspect
import sys
from pathlib import Path

import click
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "converter"))

import dqa  # noqa: E402
from dqa.cli.commands import CONTEXT, cli  # noqa: E402

project, author, copyright = "dqa", "dqa maintainers", "dqa maintainers, Apache-2.0"
version = release = dqa.__version__
extensions = ["myst_parser"]
root_doc = "docs/site/index"
include_patterns = ["docs/**", "README.md", "CHANGELOG.md", "CONTRIBUTING.md", "examples/**/README.md", "firmware/**/README.md"]
exclude_patterns = ["**/.venv/**", "**/node_modules/**", "**/build/**"]
html_theme, html_title, html_show_sourcelink = "furo", "dqa", False
myst_heading_anchors = 4
suppress_warnings = ["myst.xref_missing", "myst.header", "toc.not_included"]
"""Links to files that are no pages; tests/test_documents.py checks all of them."""
highlight_language = "none"


class Commands(SphinxDirective):  # type: ignore[misc]
    """Every command with the help that it prints."""

    def run(self) -> list[nodes.Node]:
        return [_section(self, f"dqa {name}", _help(name, command)) for name, command in cli.commands.items()]


class Api(SphinxDirective):  # type: ignore[misc]
    """What `dqa` offers: signatures and docstrings."""

    def run(self) -> list[nodes.Node]:
        return [_section(self, f"dqa.{name}", _described(name)) for name in dqa.__all__ if not name.startswith("_")]


def _section(directive: SphinxDirective, title: str, text: str) -> nodes.section:
    section = nodes.section(ids=[nodes.make_id(title)])
    section += nodes.title(title, title)
    section += nodes.literal_block(text, text, language="none")
    return section


def _help(name: str, command: click.Command) -> str:
    return command.get_help(click.Context(command, info_name=f"dqa {name}", **CONTEXT))  # type: ignore[arg-type]


def _described(name: str) -> str:
    thing = getattr(dqa, name)
    parts = [_signature(name, thing), inspect.getdoc(thing) or ""]
    for own, method in inspect.getmembers(thing, inspect.isfunction) if inspect.isclass(thing) else ():
        if not own.startswith("_") and method.__doc__:
            parts.append(
                f"{_signature(f'    .{own}', method)}\n"
                + inspect.cleandoc(method.__doc__).replace("\n", "\n        ").join(("        ", ""))
            )
    return "\n\n".join(parts)


def _signature(name: str, thing: object) -> str:
    parameters = inspect.signature(thing).parameters.values()  # type: ignore[arg-type]
    shown = [str(one) for one in parameters if one.name != "self"]
    line = f"{name}({', '.join(shown)})"
    return line if len(line) < 100 else f"{name}(\n        " + ",\n        ".join(shown) + ")"


def front_door(app: Sphinx, _error: Exception | None) -> None:
    """The page that a server, or who opens the folder, looks for: it leads to the first one."""
    to = f"{root_doc}.html"
    page = (
        f'<!DOCTYPE html><meta charset="utf-8"><title>dqa</title><meta http-equiv="refresh" content="0; url={to}"><a href="{to}">dqa</a>\n'
    )
    (Path(app.outdir) / "index.html").write_text(page, encoding="utf-8")


def setup(app: Sphinx) -> None:
    app.connect("build-finished", front_door)
    app.add_directive("dqa-commands", Commands)
    app.add_directive("dqa-api", Api)
