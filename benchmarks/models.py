"""The real models of the benchmarks and their data, found under ../shared; nothing of them is kept in the project."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared" / "data"
PREPARE = ROOT / "examples" / "mlperf_tiny" / "prepare.py"


@dataclass(frozen=True)
class Benchmark:
    """model: a file of SHARED/models. task: the data's name for examples/mlperf_tiny/prepare.py, None for the CIFAR-10 sets as they are."""

    model: str
    task: str | None = None
    input_scale: float | tuple[float, ...] = 1.0
    input_zero_point: float | tuple[float, ...] = 0.0
    metric: str = "top1"

    @property
    def path(self) -> Path:
        return SHARED / "models" / self.model

    def data(self, work: Path) -> tuple[Path, Path]:
        """Calibration and test files; prepared under `work` at first use."""
        if self.task is None:
            return SHARED / "sets" / "cifar10_train5k.npz", SHARED / "sets" / "cifar10_test.npz"
        folder = work / self.task
        if not (folder / "test.npz").exists():
            subprocess.run([sys.executable, str(PREPARE), self.task, str(SHARED / "sets"), str(folder)], check=True)
        return folder / "calibration.npz", folder / "test.npz"


MODELS = {
    "ic": Benchmark("mlperf_ic01_resnet8.h5"),
    "kws": Benchmark("mlperf_kws01_dscnn.h5", "kws", 0.5847029, 83.0),
    "vww": Benchmark("mlperf_vww01_mobilenetv1_025_96.h5", "vww", 1 / 255),
    "ad": Benchmark("mlperf_ad01_autoencoder.h5", "ad", 1 / 16, metric="auc"),
    "resnet32": Benchmark(
        "cifar10_resnet32.h5", None, (1 / (255 * 0.229), 1 / (255 * 0.224), 1 / (255 * 0.225)), (255 * 0.485, 255 * 0.456, 255 * 0.406)
    ),
    "unet": Benchmark("unet_camvid.h5", "camvid", 1 / 255, metric="miou"),
}
