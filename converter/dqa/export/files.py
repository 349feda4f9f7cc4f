"""The files of an export: `src`, the same for all forms, and what is rendered from the form's folder in templates/export."""

from __future__ import annotations

from collections.abc import Sequence

from dqa.export.models import INCREMENT, MULTIPLIER, Model
from dqa.program import Kind
from dqa.support import resources, templates
from dqa.support.limits import FIRMWARE_CODE
from dqa.support.version import __version__

RIGHT, WRONG = "the host's answer", "another answer than the host's"
"""What a self-test says of a model."""
_LONGEST = 59
"""Letters of a title: Arduino takes 63 of a library's name."""
_LIBRARY = "LIBRARY"
"""Stands for the library's name in names of templates."""


def title_of(models: Sequence[Model]) -> str:
    """The models' names as one."""
    title = "_".join(model.name for model in models)
    return title if len(title) <= _LONGEST else f"{models[0].name}_and_{len(models) - 1}_more"


def files(models: Sequence[Model], form: str, all_operators: bool) -> dict[str, bytes]:
    """All files by name, "/" between folders. form: one of dqa.support.settings.FORMS. all_operators: not only those in use."""
    found = _library(models, all_operators)
    for model in models:
        found |= {f"src/{model.name}.h": _shared(model.header, models).encode(), f"src/{model.name}.c": model.source.encode()}
    values = _values(models, form, all_operators)
    environment = templates.environment()
    if len(models) > 1:
        for name in ("dqa_arena.h", "dqa_arena.c"):
            found[f"src/{name}"] = environment.get_template(f"export/_{name}.j2").render(values).encode()
    values["sources"] = sorted(name for name in found if name.endswith(".c"))
    top = resources.path("templates")
    for path in sorted((top / "export" / form).rglob("*.j2")):
        name = path.relative_to(top / "export" / form).as_posix().removesuffix(".j2").replace(_LIBRARY, str(values["library"]))
        found[name] = environment.get_template(path.relative_to(top).as_posix()).render(values).encode()
    return found | {"LICENSE": resources.path("LICENSE").read_bytes()}


def _values(models: Sequence[Model], form: str, all_operators: bool) -> dict[str, object]:
    """What the templates show."""
    title = title_of(models)
    says = [f"{model.name}: {RIGHT}" for model in models]
    return {
        "models": models,
        "form": form,
        "all_operators": all_operators,
        "title": title,
        "library": f"dqa_{title}",
        "version": __version__,
        "arena": arena(models),
        "flash": sum(len(model.data) for model in models),
        "code": FIRMWARE_CODE,
        "multiplier": MULTIPLIER,
        "increment": INCREMENT,
        "right": RIGHT,
        "wrong": WRONG,
        "says": ", ".join(says),
    }


def arena(models: Sequence[Model]) -> int:
    """Bytes of the one arena of all models."""
    return max(model.arena for model in models)


def _library(models: Sequence[Model], all_operators: bool) -> dict[str, bytes]:
    """The executor: headers, and sources without those of operators that no model uses."""
    top = resources.path("firmware") / "lib" / "dqa"
    unused = set() if all_operators else {f"op_{kind.name.lower()}.c" for kind in {*Kind} - {k for model in models for k in model.kinds}}
    unused |= set() if all_operators else {"all_operators.c"}
    found = {f"src/{path.name}": path.read_bytes() for path in sorted((top / "include").glob("*.h"))}
    for path in sorted((top / "src").rglob("*.[ch]")):
        if path.name not in unused:
            found[f"src/dqa/{path.relative_to(top / 'src').as_posix()}"] = path.read_bytes()
    return found


def _shared(header: str, models: Sequence[Model]) -> str:
    """The header of a model; of one of several it knows that the arena is everyone's."""
    own = '#include "dqa.h"\n'
    return header.replace(own, f'#include "dqa_arena.h"\n\n{own}', 1) if len(models) > 1 else header
