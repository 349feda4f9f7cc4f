"""Studies run to the end, go on after a kill, and give the same bytes wherever they ran."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("joblib")
pytest.importorskip("matplotlib")
pytest.importorskip("threadpoolctl")

from builders.cli import Shell
from builders.studies import write_model, write_study, write_two_inputs, write_two_outputs
from dqa.frontend import load_model
from dqa.lab.study import job as jobs
from dqa.lab.study.store import Store
from tflite_builder import Net

COMPARED = ("results.csv", "results.json", "summary.csv", "layers.csv", "tables.md")
GRID = (
    "{method: uniform, bits: [2, 3, 8], clip: [max, mse]}",
    "{method: direct, bits: 3}",
    "{method: paper, bits: [2, 3], ratio: [0.25, 0.5], extra_bits: [1, 3], ranking: [energy, random], tensors: block}",
)


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("study")
    write_model(directory)
    return write_study(directory, *GRID, more="reference: uniform\n")


@pytest.fixture(scope="module")
def alone(study: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The study, run in one go in one process."""
    out = tmp_path_factory.mktemp("alone") / "out"
    done = subprocess.run([*command(study, out), "--jobs", "1"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return out


def command(study: Path, out: Path) -> list[str]:
    return [sys.executable, "-m", "dqa", "study", str(study), "-o", str(out), "--quiet"]


def contents(out: Path) -> dict[str, bytes]:
    """What must be equal: results, tables and plots."""
    return {
        str(path.relative_to(out)): path.read_bytes() for path in [*(out / name for name in COMPARED), *sorted((out / "plots").iterdir())]
    }


def finished(out: Path) -> dict[str, tuple[int, int]]:
    """The jobs on disk: name -> inode and time of writing."""
    return {path.name: (path.stat().st_ino, path.stat().st_mtime_ns) for path in (out / "jobs").glob("*.json")}


def rows(out: Path, name: str = "results.csv") -> list[dict[str, str]]:
    with (out / name).open(newline="") as file:
        return list(csv.DictReader(file))


def test_every_job_gives_a_row_with_its_intervals(alone: Path) -> None:
    found = rows(alone)
    assert len([row for row in found if row["method"] == "uniform"]) == 3 * 2 * 2
    assert len([row for row in found if row["method"] == "paper"]) == 2 * 2 * 2 * 2 * 2
    for row in found:
        assert float(row["low"]) <= float(row["score"]) <= float(row["high"])
        assert float(row["loss"]) == pytest.approx(float(row["float_score"]) - float(row["score"]), abs=1e-7)
        assert float(row["loss_low"]) <= float(row["loss"]) <= float(row["loss_high"])
    fine = [row for row in found if row["method"] == "uniform" and row["bits"] == "8" and row["clip"] == "max"]
    assert all(float(row["stored_bits"]) == 8 and abs(float(row["loss"])) < 0.02 for row in fine)


def test_the_float_row_is_the_float_model(alone: Path, study: Path) -> None:
    """Nine in ten labels are the float model's own answers."""
    row = next(row for row in rows(alone) if row["method"] == "float")
    assert float(row["score"]) == 0.9 and row["p"] == "1.0" and float(row["loss"]) == 0


def test_layers_say_bits_and_noise_and_shifting_errors_are_counted(alone: Path) -> None:
    results = json.loads((alone / "results.json").read_bytes())["results"]
    block = [r for r in results if r["method"] == "paper" and r["tensors"] == "block"]
    assert all(len(r["layers"]) == 1 for r in block) and all(len(r["layers"]) == 3 for r in results if r["method"] == "uniform")
    for r in block:
        assert len(r["errors"]) <= 1 << r["extra_bits"] and sum(r["errors"]) == 150 * 36 * int(8 * r["ratio"])
    by_bits = {r["bits"]: r["layers"][0]["sqnr"] for r in results if r["method"] == "uniform" and r["clip"] == "mse" and not r["seed"]}
    assert by_bits[2] < by_bits[3] < by_bits[8]


def test_a_model_of_several_inputs_takes_each_with_its_scale(dqa: Shell, tmp_path: Path) -> None:
    study, out = write_two_inputs(tmp_path), tmp_path / "out"
    done = dqa("study", study, "-o", out, "--jobs", "1", "--quiet")
    assert done.code == 0, done.err
    score = {(row["method"], row["ranking"]): float(row["score"]) for row in rows(out)}
    assert score["float", ""] == 1.0 and len(score) == 5
    assert score["uniform", ""] >= 0.95 and min(score.values()) > 0.5
    study.write_text(study.read_text().replace("x1: 2", "x2: 2"))
    assert "the model has no input 'x2'" in dqa.refuses("study", study, "-o", tmp_path / "other", "--jobs", "1", "--quiet").err


def test_of_several_outputs_one_is_measured(dqa: Shell, tmp_path: Path) -> None:
    study = write_two_outputs(tmp_path)
    head, _, grid = study.read_text().partition("models:\n")
    line = "  {name}: {{model: outputs.tflite, calibration: outputs.npz, test: outputs.npz{more}}}\n"
    models = [("first", ""), ("number", f", output: {load_model(tmp_path / 'outputs.tflite').output_names[1]}")]
    lines = "".join(line.format(name=name, more=more) for name, more in models)
    study.write_text(head.replace("[0, 1]", "[0]") + "models:\n" + lines + grid[grid.index("grid:") :])
    done = dqa("study", study, "-o", tmp_path / "out", "--jobs", "1", "--quiet")
    assert done.code == 0, done.err
    score = {(row["model"], row["method"]): float(row["score"]) for row in rows(tmp_path / "out")}
    assert score["first", "float"] == 1.0 and score["first", "uniform"] >= 0.9  # top-1
    assert score["number", "float"] < 1e-9 < score["number", "uniform"] < 1  # the mean squared error
    study.write_text(study.read_text().replace("output: ", "output: no_"))
    assert "the model has no output 'no_" in dqa.refuses("study", study, "-o", tmp_path / "other", "--jobs", "1", "--quiet").err


def test_vectors_cannot_be_coded_and_that_is_said(dqa: Shell, tmp_path: Path) -> None:
    net = Net(1, 24)
    (tmp_path / "tiny.tflite").write_bytes(net.build(net.dense(net.unary("RELU", net.dense(net.input, 8)), 3)))
    x, y = np.random.default_rng(0).normal(size=(20, 24)).astype(np.float32), np.arange(20) % 3
    for name in ("calibration", "test"):
        np.savez(tmp_path / f"{name}.npz", x=x, y=y)
    study = write_study(tmp_path, "{method: coded, bits: 4}")
    assert "no maps to code" in dqa("study", study, "-o", tmp_path / "out", "--jobs", "1", "--quiet").err


def test_there_are_plots_of_everything_the_study_varied(alone: Path) -> None:
    names = {path.stem for path in (alone / "plots").iterdir()}
    block = {f"{kind}-tiny-block" for kind in ("accuracy", "ratio", "extra-bits", "errors", "sqnr")}
    assert names == block | {"accuracy-tiny-all", "sqnr-tiny-all"}
    assert (alone / "plots" / "sqnr-tiny-all.png").read_bytes().startswith(b"\x89PNG")
    assert b"<svg" in (alone / "plots" / "sqnr-tiny-all.svg").read_bytes()


def test_a_finished_study_measures_nothing_again_and_writes_the_same(alone: Path, study: Path, dqa: Shell, tmp_path: Path) -> None:
    before, jobs_before = contents(alone), finished(alone)
    done = dqa("study", study, "-o", alone, "--jobs", "1", "--json")
    assert done.code == 0, done.err
    assert json.loads(done.out)["measured"] == 0 and json.loads(done.out)["kept"] == len(jobs_before)
    assert finished(alone) == jobs_before and contents(alone) == before


@pytest.mark.slow
def test_a_study_killed_halfway_goes_on_and_ends_with_the_bytes_of_one_left_alone(alone: Path, study: Path, tmp_path: Path) -> None:
    psutil = pytest.importorskip("psutil")
    out, total = tmp_path / "out", len(finished(alone))
    process = subprocess.Popen([*command(study, out), "--jobs", "2"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for(lambda: len(finished(out)) >= 5 or process.poll() is not None, 120)
        workers = psutil.Process(process.pid).children(recursive=True)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert process.returncode == -signal.SIGKILL, "it ended before it could be killed"
    survived = finished(out)
    (out / "jobs" / ".half.json.dqa-writing").write_text('{"key"')
    assert 5 <= len(survived) < total and not (out / "results.csv").exists()
    wait_for(lambda: not [worker for worker in workers if worker.is_running() and worker.status() != psutil.STATUS_ZOMBIE], 30)

    done = subprocess.run([*command(study, out), "--jobs", "2"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert {name: finished(out)[name] for name in survived} == survived, "a finished job was done again"
    assert finished(out).keys() == finished(alone).keys()
    assert contents(out) == contents(alone)
    assert not list(out.rglob("*.dqa-writing"))


@pytest.mark.slow
@pytest.mark.parametrize(("death", "says"), [("SIGINT", "interrupted"), ("SIGTERM", "terminated")])
@pytest.mark.parametrize("processes", ["1", "2"])
def test_a_signal_ends_a_study_in_one_line_keeps_what_is_done_and_leaves_nothing_else(
    study: Path, tmp_path: Path, processes: str, death: str, says: str
) -> None:
    out, scratch = tmp_path / "out", tmp_path / "scratch"
    scratch.mkdir()
    process = subprocess.Popen(
        [*command(study, out), "--jobs", processes],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env=os.environ | {"TMPDIR": str(scratch)},
    )
    wait_for(lambda: len(finished(out)) >= 3 or process.poll() is not None, 120)
    number = signal.Signals[death]
    if number == signal.SIGINT:
        os.killpg(process.pid, number)  # as a terminal does: the command and its workers
    else:
        process.send_signal(number)
    _, said = process.communicate(timeout=60)
    assert (process.returncode, said) == (128 + number, f"{says}\n")
    assert len(finished(out)) >= 3 and not (out / "results.csv").exists()
    wait_for(lambda: not list(scratch.iterdir()), 30)


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "pthread_sigmask"), reason="Windows")
def test_workers_do_not_hear_the_terminal_from_their_first_moment_on() -> None:
    code = """
import signal
from dqa.lab.study.run import Task, Workers
with Workers(2) as workers:
    found = list(workers.run([Task("a", "a", signal.pthread_sigmask, (signal.SIG_BLOCK, [])), Task("b", "b", int, ())]))
print([signal.SIGINT in made["result"] for key, made in found if key == "a"], signal.pthread_sigmask(signal.SIG_BLOCK, []))
import multiprocessing
print(multiprocessing.active_children())  # which multiprocessing's own end would wait for
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("[True] set()\n[]\n", "")


@pytest.mark.slow
def test_a_dask_cluster_of_two_workers_gives_the_same_bytes(alone: Path, study: Path, dqa: Shell, tmp_path: Path) -> None:
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address=None) as cluster:
        assert cluster.scheduler_address.startswith("tcp://127.0.0.1:")
        done = dqa("study", study, "-o", tmp_path / "out", "--scheduler", cluster.scheduler_address, "--quiet")
        with distributed.Client(cluster) as client:
            pids = client.run(os.getpid)
    assert done.code == 0, done.err
    assert len(set(pids.values())) == 2 and os.getpid() not in pids.values()
    assert contents(tmp_path / "out") == contents(alone)


def test_a_scheduler_that_does_not_answer_is_an_error_and_not_a_wait(
    study: Path, dqa: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("distributed")
    monkeypatch.setattr("dqa.lab.study.run.CONNECT_SECONDS", 1)
    for address in ("tcp://127.0.0.1:9", "nonsense", "http://127.0.0.1:9"):
        done = dqa.refuses("study", study, "-o", tmp_path / "out", "--scheduler", address, "--quiet", code=1)
        assert address in done.err


def test_a_job_that_fails_leaves_the_results_of_the_others(dqa: Shell, tmp_path: Path) -> None:
    """The last convolution gives negative values, which one bit cannot hold."""
    write_model(tmp_path, 20)
    path = write_study(tmp_path, "{method: uniform, bits: [1, 2], tensors: [block, all], seeds: 0}")
    done = dqa("study", path, "-o", tmp_path / "out", "--jobs", "1", "--quiet")
    assert done.code == 1 and "1 jobs failed" in done.err and "tiny all uniform bits=1" in done.err and "needs at least 2 bits" in done.err
    assert [(row["tensors"], row["bits"]) for row in rows(tmp_path / "out") if row["method"] != "float"] == [
        ("block", "1"),
        ("block", "2"),
        ("all", "2"),
    ]


def test_labels_that_do_not_fit_the_metric_are_refused_before_any_job(dqa: Shell, tmp_path: Path) -> None:
    write_model(tmp_path, 20)
    path = write_study(tmp_path, "{method: direct, bits: 3}")
    path.write_text(path.read_text().replace("test: test.npz", "test: test.npz, metric: auc"))
    done = dqa.refuses("study", path, "-o", tmp_path / "out", "--quiet")
    assert "AUC" in done.err and not list((tmp_path / "out").glob("jobs/*"))


def test_results_of_other_code_are_measured_again_unless_told_otherwise(
    dqa: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_model(tmp_path, 20)
    path, out = write_study(tmp_path, "{method: direct, bits: 3, seeds: 0}"), tmp_path / "out"

    def measured(*options: str) -> int:
        done = dqa("study", path, "-o", out, "--jobs", "1", "--json", *options)
        assert done.code == 0, done.err
        return int(json.loads(done.out)["measured"])

    assert measured() == 2 and measured() == 0
    monkeypatch.setattr(jobs, "code_digest", lambda: "of other code")
    assert measured("--keep-stale") == 0 and measured() == 2 and measured() == 0
    assert {row["code"] for row in rows(out)} == {"of other code"}


def test_other_data_of_the_same_name_are_other_jobs(dqa: Shell, tmp_path: Path) -> None:
    write_model(tmp_path, 20)
    path, out = write_study(tmp_path, "{method: direct, bits: 3, seeds: 0}"), tmp_path / "out"
    assert dqa("study", path, "-o", out, "--jobs", "1", "--quiet").code == 0
    write_model(tmp_path, 30)
    done = dqa("study", path, "-o", out, "--jobs", "1", "--json")
    assert json.loads(done.out)["measured"] == 2 and {row["samples"] for row in rows(out)} == {"30"}


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b'{"key": "other", "result": {}}', b"\xff\xfe"])
def test_a_damaged_record_counts_as_not_done(content: bytes, tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.put({"key": "a", "result": {"value": 1.5}})
    assert store.get("a") == {"key": "a", "result": {"value": 1.5}}
    (tmp_path / "a.json").write_bytes(content)
    assert store.get("a") is None


def wait_for(condition: object, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)
