"""What documents point to is there: links, their anchors, files, folders and modules that are named."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

from builders.documents import ROOT, anchors, documents, links, modules, places
from dqa.support.plugins import GROUPS

DOCUMENTS = documents()
NAMES = [str(path.relative_to(ROOT)) for path in DOCUMENTS]
LONG_LIVED = ("CHANGELOG.md",)
"""Documents that speak of what was, too."""


def broken(document: Path) -> list[str]:
    """The links of a document that lead nowhere."""
    found = []
    for target in links(document.read_text(encoding="utf-8")):
        name, _, anchor = target.partition("#")
        place = document.parent / name if name else document
        if not place.exists() or (anchor and anchor not in anchors(place.read_text(encoding="utf-8"))):
            found.append(target)
    return found


def missing(text: str) -> list[str]:
    """What a text names as a place or a module of the project and is none."""
    found = [name for name in places(text) if not any(ROOT.glob(name.rstrip("/")))]
    return found + [name for name in modules(text) if name not in GROUPS and not exists(name)]


def exists(module: str) -> bool:
    """Whether `dqa.a.b` is a module, or a name in one."""
    try:
        importlib.import_module(module)
    except ModuleNotFoundError:
        home, _, name = module.rpartition(".")
        return bool(home) and exists(home) and hasattr(importlib.import_module(home), name)
    return True


@pytest.mark.parametrize("document", DOCUMENTS, ids=NAMES)
def test_every_link_leads_somewhere(document: Path) -> None:
    assert not broken(document)


@pytest.mark.parametrize(
    "document", [path for path in DOCUMENTS if path.name not in LONG_LIVED], ids=lambda path: str(path.relative_to(ROOT))
)
def test_every_place_that_is_named_is_there(document: Path) -> None:
    assert not missing(document.read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", ["glossary", "tour"])
def test_pages_that_lead_through_the_code_name_it(name: str) -> None:
    text = (ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8")
    assert len({*places(text)}) > 20


def test_the_readme_is_read_in_a_few_minutes() -> None:
    before_tables = (ROOT / "README.md").read_text(encoding="utf-8").partition("\n| ")[0]
    assert 300 < len(before_tables.split()) < 600


def test_the_design_names_every_room() -> None:
    text = (ROOT / "docs" / "design.md").read_text(encoding="utf-8")
    for place in ("converter/dqa", "firmware/lib/dqa/src"):
        rooms = {path.stem for path in (ROOT / place).iterdir() if path.stem[0] not in "_." and path.suffix != ".typed"}
        assert {room for room in rooms if f"`{room}`" not in text} == set()


def test_what_is_not_there_is_noticed(tmp_path: Path) -> None:
    document = tmp_path / "page.md"
    document.write_text(
        "# One: `two`\n## One: `two`\n[a](#one-two) [b](#one-two-1) [c](page.md#one-two) [d](https://example.org/x)\n"
        "[w](#one) [x](page.md#three) [y](none.md) ![z](none.png)\n\n    [in code](none.md)\n"
        "`docs/format.md`, `tests/test_*.py`, `dqa/cli/`, `dqa.program.lifetimes`, `dqa.h`, `dqa.ConvertConfig`\n"
        "`docs/none.md`, `tests/none_*.py`, `dqa/none/`, `dqa.program.none`, `dqa.none.none`\n"
    )
    assert broken(document) == ["#one", "page.md#three", "none.md", "none.png"]
    wrong = ["docs/none.md", "tests/none_*.py", "converter/dqa/none/", "dqa.program.none", "dqa.none.none"]
    assert missing(document.read_text()) == wrong
