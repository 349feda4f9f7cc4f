"""The documents of the project, and the links and places they name."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TOP = ("benchmarks", "boards", "converter", "docs", "dqa", "examples", "firmware", "templates", "tests")
"""Folders of the project, and the package; a name in code style that begins with one of them is a place in it."""
PLACE = re.compile(rf"(?:{'|'.join(TOP)})/[\w./*-]*\w[\w./*-]*")
MODULE = re.compile(r"dqa(?:\.\w{2,})+")


def documents() -> list[Path]:
    """All Markdown files of the checkout, or, without git, those that a source distribution holds."""
    listed = subprocess.run(["git", "ls-files", "*.md"], cwd=ROOT, capture_output=True, text=True, check=False).stdout.split()
    return [ROOT / name for name in listed] or sorted(ROOT.glob("*.md")) + sorted(ROOT.glob("[de]*/**/*.md")) + sorted(
        ROOT.glob("firmware/**/*.md")
    )


def prose(text: str) -> str:
    """A document without its blocks of code, whether fenced or set in by four blanks."""
    text = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    return re.sub(r"^ {4,}.*$", "", text, flags=re.MULTILINE)


def links(text: str) -> Iterator[str]:
    """Targets of links and images, those of the web left out."""
    for target in re.findall(r"\]\(([^)\s]+)\)", re.sub(r"`[^`\n]*`", "", prose(text))):
        if not re.match(r"[a-z]+:", target):
            yield target


def anchors(text: str) -> set[str]:
    """The names by which links reach the headings of a document."""
    found: set[str] = set()
    for heading in re.findall(r"^#+ +(.*?) *$", re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL), re.MULTILINE):
        name = re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        number = next(n for n in range(len(found) + 1) if (f"{name}-{n}" if n else name) not in found)
        found.add(f"{name}-{number}" if number else name)
    return found


def places(text: str) -> Iterator[str]:
    """Files and folders of the project that a document names in code style; `*` stands for any name."""
    for span in re.findall(r"`([^`\n]+)`", prose(text)):
        if PLACE.fullmatch(span):
            yield f"converter/{span}" if span.startswith("dqa/") else span


def modules(text: str) -> Iterator[str]:
    """Modules of dqa, and names in them, that a document names in code style."""
    for span in re.findall(r"`([^`\n]+)`", prose(text)):
        if MODULE.fullmatch(span):
            yield span
