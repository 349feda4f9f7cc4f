"""C sources of a program, rendered from templates/."""

from dqa.codegen.render import render

__all__ = ["render"]
