"""Fixtures for all tests."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from builders.cli import Shell
from builders.objects import reusing
from dqa.device import bare

ROOT = Path(__file__).resolve().parents[1]

# A job in the background may ignore Ctrl-C, and so would the commands that tests interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def _no_power_cut() -> Iterator[None]:
    """What tests write in this process need not outlive the machine: waiting for the disk is a good part of a small conversion."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda handle: None)
        yield


@pytest.fixture(scope="session", autouse=True)
def _executor_compiled_once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bare, "_call", reusing(bare._call, shared / "objects"))
        yield


@pytest.fixture(scope="session")
def root() -> Path:
    """The top of the checkout."""
    return ROOT


@pytest.fixture(scope="session")
def shared() -> Path:
    """Real models and data beside the checkout; not part of the project, so tests that need them skip without them."""
    directory = ROOT.parent / "shared" / "data"
    if not directory.is_dir():
        pytest.skip(f"real models and data are not here ({directory})")
    return directory


@pytest.fixture
def dqa(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Shell:
    """Runs `dqa ...` in this process."""
    return Shell(monkeypatch, capfd)


@pytest.fixture(scope="session")
def example_h5(root: Path) -> Path:
    """The Fashion-MNIST example: (28, 28, 1) -> 10 probabilities."""
    return root / "examples" / "fashion_mnist" / "model.h5"


@pytest.fixture(scope="session")
def noise_npz(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """32 images of smoothed noise that fit the example, with labels."""
    random = np.random.default_rng(0)
    coarse = random.integers(0, 256, (32, 7, 7, 1))
    path = tmp_path_factory.mktemp("data") / "noise.npz"
    np.savez(path, x=coarse.repeat(4, 1).repeat(4, 2).astype(np.uint8), y=random.integers(0, 10, 32))
    return path


@pytest.fixture(scope="session")
def example_out(example_h5: Path, noise_npz: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example, converted; tests must not change it."""
    if find_spec("tensorflow") is None:
        pytest.skip("reading .h5 needs TensorFlow")
    from dqa import ConvertConfig, convert

    out = tmp_path_factory.mktemp("out") / "example"
    convert(example_h5, noise_npz, out, ConvertConfig(input_scale=1 / 255, bits=4))
    return out
