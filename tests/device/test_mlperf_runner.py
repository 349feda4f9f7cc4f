"""The runner for MLPerf Tiny's protocol, against the firmware itself and against devices that misbehave."""

from __future__ import annotations

import contextlib
import importlib.util
import subprocess
import sys
import threading
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from builders.faulty import Native, host_firmware
from builders.firmware import insert, needs_compiler, needs_qemu, random_samples
from builders.mlperf_models import SHAPES, Words, classifier, rebuilder, write_model
from dqa import ConvertConfig, convert
from dqa.data import dataset as datasets
from dqa.device import bare
from dqa.device.boards import load_board
from dqa.device.link import SerialLink
from dqa.device.serve import Server
from dqa.device.simulate import Simulator
from dqa.engine.host import HostModel
from dqa.errors import DataError, InputError, ToolError
from dqa.evaluation import metrics
from dqa.evaluation.subject import model_inputs
from dqa.report import load_interface


@pytest.fixture(scope="module")
def runner(root: Path) -> ModuleType:
    """benchmarks/mlperf_runner.py."""
    spec = importlib.util.spec_from_file_location("mlperf_runner", root / "benchmarks" / "mlperf_runner.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def exported(root: Path, task: str, folder: Path, **data: np.ndarray) -> Path:
    """The samples as files of the benchmark, by the example's own script."""
    np.savez(folder / "test.npz", allow_pickle=False, **data)
    script = root / "examples" / "mlperf_tiny" / "export.py"
    subprocess.run([sys.executable, script, task, folder / "test.npz", folder / "files"], check=True, capture_output=True)
    return folder / "files"


def keywords(count: int) -> tuple[np.ndarray, np.ndarray]:
    return random_samples(count, 490).view(np.int8).reshape(-1, 49, 10, 1), np.random.default_rng(9).integers(0, 12, count)


@pytest.mark.parametrize(
    ("name", "task", "count", "protocol"),
    [("kws01", "kws", 20, "mlperf"), ("kws01", "kws", 4, "both"), ("ic01", "ic", 8, "mlperf"), ("vww01", "vww", 2, "both")],
)
def test_accuracy_is_that_of_the_host(
    name: str, task: str, count: int, protocol: str, runner: ModuleType, root: Path, tmp_path: Path
) -> None:
    shape, classes = SHAPES[name]
    x = random_samples(count, int(np.prod(shape))).reshape(-1, *shape)
    x = x.view(np.int8) if task == "kws" else x
    y = np.random.default_rng(9).integers(0, classes, count)
    write_model(tmp_path, classifier(name))
    outputs = HostModel((tmp_path / "model.dqa").read_bytes()).run(x.reshape(count, -1), jobs=1).outputs
    files = exported(root, task, tmp_path, x=x, y=y)
    with Native(host_firmware(tmp_path, protocol=protocol)) as board:
        target = runner.Target(board.link)
        found = runner.accuracy(target, list(runner.samples(files)))
    assert target.model == name
    assert found["answers"] == outputs.argmax(axis=1).tolist()
    assert found["value"] == metrics.top1(outputs, y)


def test_anomalies_are_scored_by_the_mean_over_a_clip_s_windows(runner: ModuleType, root: Path, tmp_path: Path) -> None:
    interface = write_model(tmp_path, rebuilder())
    host = HostModel((tmp_path / "model.dqa").read_bytes())
    frames = np.random.default_rng(4).normal(0, 200, (4, 7, 128)).astype(np.int16)
    windows = np.lib.stride_tricks.sliding_window_view(frames, 5, axis=1).transpose(0, 1, 3, 2).reshape(-1, 640)
    y = np.array([0, 1, 1, 0])
    group = np.repeat(np.arange(4), 3)
    files = exported(root, "ad", tmp_path, x=windows, y=y[group], group=group)
    real = windows.astype(np.float32).reshape(-1, *interface.inputs[0].shape) / 16
    answers = interface.outputs[0].to_real(host.run(interface.inputs[0].to_bytes(real), jobs=1).outputs)
    clips = metrics.anomaly_scores(answers, real).reshape(4, 3).mean(axis=1)
    with Native(host_firmware(tmp_path, protocol="mlperf")) as board:
        found = runner.accuracy(runner.Target(board.link), list(runner.samples(files)))
    assert np.allclose(found["answers"], clips, atol=0.0006)
    assert found["metric"] == "auc" and found["value"] == metrics.auc(clips, y)


@pytest.mark.slow
@needs_compiler
@needs_qemu
def test_a_simulated_board_is_as_accurate_as_the_host(runner: ModuleType, root: Path, tmp_path: Path) -> None:
    x, y = keywords(6)
    write_model(tmp_path, classifier("kws01"))
    outputs = HostModel((tmp_path / "model.dqa").read_bytes()).run(x.reshape(6, -1), jobs=1).outputs
    files = exported(root, "kws", tmp_path, x=x, y=y)
    for protocol in ("mlperf", "both"):
        with Simulator(load_board("mps2_an386"), bare.build(tmp_path, "mps2_an386", protocol=protocol).elf, icount=True) as board:
            found = runner.accuracy(runner.Target(board.link), list(runner.samples(files)))
            assert found["answers"] == outputs.argmax(axis=1).tolist()


def test_performance_is_the_median_of_five_timed_runs_which_last_ten_seconds(runner: ModuleType, root: Path, tmp_path: Path) -> None:
    x, y = keywords(2)
    write_model(tmp_path, classifier("kws01"))
    files = exported(root, "kws", tmp_path, x=x, y=y)
    with Native(host_firmware(tmp_path, protocol="mlperf")) as board:
        target, chosen = runner.Target(board.link), list(runner.samples(files))
        for lasted, valid in ((9.9, False), (10.0, True)):
            times = iter((0.0, lasted))
            found = runner.performance(target, chosen, lambda times=times: next(times))
            assert len(found["loops"]) == 5 and found["value"] == sorted(found["loops"])[2] > 0
            assert found["valid"] is valid


class Script:
    """A device that gives the same replies to anybody."""

    def __init__(self, *replies: bytes) -> None:
        self.replies = list(replies)

    def send(self, _data: bytes) -> None: ...

    def receive(self, _timeout: float) -> bytes:
        return self.replies.pop(0) if self.replies else b""

    def close(self) -> None: ...


READY = b"m-ready\r\n"
KNOWN = (b"m-name-dut-[x]\r\n" + READY, b"m-profile-[p]\r\nm-model-[kws01]\r\n" + READY)


@pytest.mark.parametrize(
    ("replies", "message"),
    [
        ((), "silence for 5 s after 'name'"),
        ((READY,), "does not answer as the protocol says"),
        ((*KNOWN, b"e-[No]\r\n" + READY), r"answers 'infer 1 0' with e-\[No\]"),
        ((*KNOWN, b"m-results-[1.000]\r\n" + READY), "a time at its beginning"),
        ((*KNOWN, b"m-lap-us-5\r\nm-lap-us-4\r\nm-results-[1.000]\r\n" + READY), "a time at its beginning"),
        ((*KNOWN, b"m-lap-us-5\r\nm-lap-us-6\r\n" + READY), "m-results"),
        ((*KNOWN, b"m-lap-us-5\r\n"), "silence for 30 s"),
    ],
)
def test_a_device_that_breaks_the_rules_is_told_so(runner: ModuleType, replies: tuple[bytes, ...], message: str) -> None:
    with pytest.raises(ToolError, match=message):
        runner.Target(Script(*replies)).infer(1, 0)


@pytest.mark.parametrize(
    "row", ["a.bin", "a.bin,2", "a.bin,2,2", "a.bin,2,-1", "a.bin,x,1", "a.bin,2,1,8", "a.bin,2,1,8,0", "a.bin,2,1,9,4"]
)
def test_a_list_of_files_that_makes_no_sense_is_refused(runner: ModuleType, tmp_path: Path, row: str) -> None:
    (tmp_path / "a.bin").write_bytes(bytes(8))
    (tmp_path / "y_labels.csv").write_text(row + "\n")
    with pytest.raises(DataError):
        list(runner.samples(tmp_path))


def test_files_that_are_not_there_are_refused(runner: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"y_labels\.csv"):
        list(runner.samples(tmp_path))
    (tmp_path / "y_labels.csv").write_text("a.bin,2,1\n")
    with pytest.raises(InputError, match=r"a\.bin"):
        list(runner.samples(tmp_path))


def test_a_port_without_usb_numbers_is_found_by_the_benchmark_s_runner(root: Path, tmp_path: Path) -> None:
    """The runner's way to look for devices, in a script of our own."""
    (tmp_path / "helper.py").write_text("from serial.tools import list_ports\n")
    script = tmp_path / "main.py"
    script.write_text(
        "import sys\nfrom helper import list_ports\n"
        "print([(p.device, p.vid, p.pid) for p in list_ports.comports(True) if p.vid and p.description == 'dqa serve'], sys.argv[1:])\n"
    )
    command = [sys.executable, str(root / "examples" / "mlperf_tiny" / "with_port.py"), "/dev/pts/77", str(script), "--mode=a"]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "[('/dev/pts/77', 1155, 14155)] ['--mode=a']\n"


@needs_compiler
@needs_qemu
def test_a_fault_on_a_board_is_told_in_text_and_so_is_every_later_command(tmp_path: Path) -> None:
    write_model(tmp_path, classifier("generic"))
    insert(tmp_path, "dqa_status dqa_model_run(const int8_t **output) {", "*(volatile int *)0xF0000000u = 1;")
    with Simulator(load_board("mps2_an386"), bare.build(tmp_path, "mps2_an386", protocol="both").elf) as board:
        words = Words(board.link)
        words.load(bytes(40))
        *_, told = words.ask("infer 1 0")
        assert told.startswith("e-[Processor fault: status ")
        assert words.ask("name") == [told]


@pytest.mark.slow
@needs_compiler
def test_the_protocol_takes_no_ram_of_the_model(tmp_path: Path) -> None:
    write_model(tmp_path, classifier("generic"))
    for board in ("mps2_an386", "microbit", "nucleo_h743zi"):
        frames, text, both = (bare.build(tmp_path, board, protocol=protocol) for protocol in ("dqa", "mlperf", "both"))
        assert frames.ram_model == text.ram_model == both.ram_model
        assert both.ram_static > text.ram_static and both.flash_code > text.flash_code
        assert both.stack is not None


@pytest.mark.slow
@needs_compiler
@needs_qemu
@pytest.mark.parametrize(("task", "name", "count"), [("ic", "ic01", 5), ("vww", "vww01", 2)])
def test_the_benchmark_s_own_networks_are_as_accurate_as_on_the_host(
    task: str, name: str, count: int, runner: ModuleType, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a user would: converted, built, served as a port, and asked by the runner."""
    monkeypatch.syspath_prepend(str(root / "benchmarks"))
    from models import MODELS

    entry = MODELS[task]
    if not entry.path.is_file():
        pytest.skip(f"the network of {name} and its data are not beside the checkout")
    calibration, test = entry.data(tmp_path / "data")
    out = tmp_path / "out"
    convert(entry.path, calibration, out, ConvertConfig(input_scale=entry.input_scale, input_zero_point=entry.input_zero_point))
    data = datasets.load(test).take(count)
    assert data.y is not None
    outputs = HostModel((out / "model.dqa").read_bytes()).run(model_inputs(load_interface(out), data)[1]).outputs
    files = exported(root, task, tmp_path, x=data.x, y=data.y)
    board = load_board("mps2_an386")
    built = bare.build(out, board.name, pushed=load_interface(out).push_rows, protocol="mlperf")
    with Simulator(board, built.elf) as simulator, Server(simulator.link) as server:
        thread = threading.Thread(target=serve_until_the_board_ends, args=(server,))
        thread.start()
        try:
            target = runner.Target(SerialLink(server.terminal, 115200))
            found = runner.accuracy(target, list(runner.samples(files)))
        finally:
            simulator.stop()
            thread.join(20)
    assert not thread.is_alive()
    assert target.model == name
    assert found["answers"] == outputs.argmax(axis=1).tolist()
    assert found["value"] == metrics.top1(outputs, data.y)


def serve_until_the_board_ends(server: Server) -> None:
    with contextlib.suppress(ToolError, OSError, ValueError):
        server.run()
