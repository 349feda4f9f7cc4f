"""Rankings, methods and coders of other packages: the one of examples/extension, installed."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from builders.cli import Shell
from builders.studies import write_model, write_study
from dqa.conversion import recipe
from dqa.errors import RecipeError, ToolError
from dqa.lab.entropy import fit
from dqa.lab.methods import METHODS, parse_method
from dqa.lab.study.job import code_digest
from dqa.quantization.ranking import scores
from dqa.support import plugins

EXAMPLE = "examples/extension"


@pytest.fixture(scope="module")
def target(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder into which pip installed the package, as it would into an environment."""
    pytest.importorskip("hatchling", reason="builds the package without the network: pip install '.[test]'")
    folder = tmp_path_factory.mktemp("packages")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--no-build-isolation", "--target"]
    subprocess.run([*pip, folder, root / EXAMPLE], check=True, capture_output=True)
    return folder


@pytest.fixture
def installed(target: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.syspath_prepend(target)
    return target


def named(folder: Path, group: str, line: str) -> None:
    """A package in `folder` that offers this."""
    about = folder / f"{folder.name}-1.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {folder.name}\nVersion: 1\n")
    (about / "entry_points.txt").write_text(f"[{group}]\n{line}\n")


def test_convert_ranks_channels_as_the_package_says(installed: Path, dqa: Shell, tmp_path: Path) -> None:
    write_model(tmp_path)
    options = ["--maps", "planes", "--bits", "3", "--important", "0.5"]
    for name in ("sparse", "random"):
        done = dqa(
            "convert",
            tmp_path / "tiny.tflite",
            "--calibration",
            tmp_path / "calibration.npz",
            *options,
            "--ranking",
            name,
            "-o",
            tmp_path / name,
        )
        assert done.code == 0, done.err
    assert recipe.load(tmp_path / "sparse" / "recipe.yaml").config.ranking == "sparse"
    assert (tmp_path / "sparse" / "model.dqa").read_bytes() != (tmp_path / "random" / "model.dqa").read_bytes()


def test_a_study_takes_method_and_ranking_of_the_package(target: Path, tmp_path: Path) -> None:
    for library in ("joblib", "matplotlib", "threadpoolctl"):
        pytest.importorskip(library, reason="studies need dqa-convert[study]")
    write_model(tmp_path, samples=40)
    grid = ("{method: companded, bits: [4, 8]}", "{method: paper, bits: 3, ranking: by_peak}")
    study = write_study(tmp_path, *grid)
    study.write_text(study.read_text().replace("seeds: [0, 1]", "seeds: [0]"))
    command = [sys.executable, "-m", "dqa", "study", "--jobs", "1", "--quiet", "-o"]
    done = subprocess.run([*command, tmp_path / "out", study], env=os.environ | {"PYTHONPATH": str(target)}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    rows = list(csv.DictReader((tmp_path / "out" / "results.csv").open()))
    bits = {row["method"]: float(row["stored_bits"]) for row in rows if row["method"] != "float"}
    assert {"companded", "paper"} <= set(bits) and bits["companded"] == 8


def test_its_coder_gives_maps_back(installed: Path) -> None:
    maps = np.random.default_rng(0).integers(0, 16, (5, 4, 3))
    for name in ("unary", "unary-channel"):
        coder = fit(name, maps, 4)
        np.testing.assert_array_equal(coder.decode(coder.encode(maps), maps.shape), maps)
        assert coder.encoded_bits(maps) == (maps + 1).sum()


def test_results_depend_on_the_code_of_packages(installed: Path) -> None:
    assert installed / "dqa_example.py" in plugins.sources(plugins.METHODS)
    assert code_digest.__wrapped__() != code_digest()  # that of before it was installed


def test_a_package_cannot_take_a_name_and_what_is_wrong_with_it_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    named(tmp_path / "a", plugins.RANKINGS, "energy = nowhere:none")
    named(tmp_path / "b", plugins.METHODS, "broken = nowhere:none\nplain = os:getcwd")
    named(tmp_path / "c", plugins.RANKINGS, "flat = numpy:float64")
    for folder in "abc":
        monkeypatch.syspath_prepend(tmp_path / folder)
    one = np.ones(2)
    np.testing.assert_array_equal(scores("energy", energy=one, gain=one, sensitivity=one, seed=0), one)
    with pytest.raises(ToolError, match="'broken' of 'nowhere:none' cannot be loaded"):
        parse_method({"method": "broken"})
    with pytest.raises(RecipeError, match="method plain: its class is no dataclass"):
        parse_method({"method": "plain"})
    with pytest.raises(RecipeError, match=r"must be one of .*plain"):
        parse_method({"method": "none"})
    assert "broken" in METHODS and len(METHODS) == len(list(METHODS))
