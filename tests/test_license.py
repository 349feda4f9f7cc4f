"""The license travels: every source that reaches a user's firmware says which it is, and whose."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest

LINES = ("SPDX-License-Identifier: Apache-2.0", "Copyright 2026 The dqa authors")
OTHERS = {".json", ".md"}


def sources(root: Path) -> list[Path]:
    if not (root / ".git").exists():
        pytest.skip("not a git checkout")
    done = subprocess.run(["git", "ls-files", "firmware", "templates"], cwd=root, check=True, capture_output=True, text=True)
    return [root / name for name in done.stdout.split()]


def says_its_license(text: str) -> bool:
    first, second, *_ = text.splitlines()
    return LINES[0] in first and LINES[1] in second


def test_every_source_says_its_license(root: Path) -> None:
    found = [path for path in sources(root) if path.suffix not in OTHERS]
    assert len(found) > 70
    assert [path for path in found if not says_its_license(path.read_text())] == []


def test_what_cannot_hold_a_comment_says_its_license_in_a_field(root: Path) -> None:
    found = [path for path in sources(root) if path.suffix == ".json"]
    assert len(found) == 3
    assert {json.loads(path.read_text())["license"] for path in found} == {"Apache-2.0"}


def test_it_is_the_license_of_the_project(root: Path) -> None:
    assert re.search(r"^license = \"Apache-2.0\"$", (root / "pyproject.toml").read_text(), re.MULTILINE)
    assert "Apache License\n                           Version 2.0" in (root / "LICENSE").read_text()
