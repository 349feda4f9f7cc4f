"""The Jinja2 templates of the folder `templates`, all rendered by the same rules."""

from __future__ import annotations

import jinja2

from dqa.support import resources


def environment(*, html: bool = False) -> jinja2.Environment:
    """What loads and renders templates: lines of tags leave none, and a name without a value is an error. html: values are escaped.

    Raises ToolError if the installation lacks the templates.
    """
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(resources.path("templates")),
        autoescape=html,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
