"""The pages as a site, built from the checkout without the network."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import dqa
from dqa.cli.commands import cli


@pytest.mark.slow
def test_the_site_is_built_with_all_pages_commands_and_functions(root: Path, tmp_path: Path) -> None:
    pytest.importorskip("furo")
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-b", "html", "-c", str(root / "docs" / "site"), str(root)]
    done = subprocess.run([*command, str(tmp_path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "docs/site/index.html" in (tmp_path / "index.html").read_text()
    page = {name: (tmp_path / "docs" / "site" / f"{name}.html").read_text() for name in ("index", "commands", "api")}
    for name in cli.commands:
        assert f"Usage: dqa {name}" in page["commands"]
    for name in dqa.__all__:
        assert name.startswith("_") or f"dqa.{name}" in page["api"]
    for document in (root / "docs").glob("*.md"):
        assert f"../{document.stem}.html" in page["index"], document
    links = re.findall(r'href="(\.\./[^"#]+\.html)', page["index"])
    assert len(links) > 20 and all((tmp_path / "docs" / "site" / link).is_file() for link in links)
