"""Objects that tests share are those of any build, whatever became of the one that made them."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from builders.firmware import needs_compiler, write_out
from builders.objects import reusing
from builders.streams import ladder
from dqa.device import bare


@needs_compiler
def test_the_bound_of_the_stack_is_found_when_the_first_build_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bare, "_call", reusing(bare._call, tmp_path / "objects"))
    bounds = []
    for name in ("first", "second"):
        write_out(tmp_path / name, ladder(4))
        bounds.append(bare.build(tmp_path / name, "mps2_an386").stack)
        shutil.rmtree(tmp_path / name)
    assert bounds[0] is not None and bounds[0] == bounds[1]
