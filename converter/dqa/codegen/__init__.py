"""C sources of a program, rendered from templates/."""

from dqa.codegen.render import render, render_readme

__all__ = ["render", "render_readme"]
