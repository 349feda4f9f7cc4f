"""STUDY.yaml: what it stands for, and what is refused and how."""

from __future__ import annotations

from pathlib import Path

import pytest

from builders.cli import Shell
from builders.studies import STUDY, write_model, write_study
from dqa.errors import RecipeError
from dqa.lab.study.config import load, parse
from dqa.lab.study.grid import FLOAT, Ranking, jobs, key, rankings


def study(*grid: str) -> str:
    return STUDY + "".join(f"  - {line}\n" for line in grid)


def test_lists_stand_for_all_combinations_and_the_float_model_comes_first() -> None:
    work = jobs(parse(study("{method: uniform, bits: [3, 4], clip: [max, mse], tensors: [block, all]}"), Path()))
    assert work[0].method == FLOAT and len(work) == 1 + 2 * 2 * 2 * 2
    assert {(dict(job.options)["bits"], dict(job.options)["clip"], job.tensors, job.seed) for job in work[1:]} == {
        (bits, clip, tensors, seed) for bits in (3, 4) for clip in ("max", "mse") for tensors in ("block", "all") for seed in (0, 1)
    }


def test_a_job_that_two_entries_name_is_done_once() -> None:
    assert len(jobs(parse(study("{method: direct, bits: [3, 4]}", "{method: direct, bits: 3}"), Path()))) == 1 + 2 * 2


def test_defaults_of_a_method_are_spelled_out_so_that_naming_them_changes_nothing() -> None:
    short, long = study("{method: uniform, bits: 3}"), study("{method: uniform, bits: 3, clip: mse, granularity: channel}")
    assert jobs(parse(short, Path())) == jobs(parse(long, Path()))


def test_jobs_that_need_the_same_order_of_channels_share_it() -> None:
    work = jobs(parse(study("{method: paper, bits: [3, 4], ratio: [0.2, 0.4], ranking: [energy, random], seeds: 7}"), Path()))
    assert rankings(work) == [Ranking("tiny", "all", "energy", 7), Ranking("tiny", "all", "random", 7)]


def test_the_key_of_a_job_depends_on_the_job_and_on_what_it_reads() -> None:
    one, two = jobs(parse(study("{method: direct, bits: [3, 4], seeds: 0}"), Path()))[1:]
    keys = {key(one, {"model": "a"}), key(two, {"model": "a"}), key(one, {"model": "b"})}
    assert len(keys) == 3 and key(one, {"model": "a"}) in keys


def test_paths_are_relative_to_the_study_or_to_the_directory_given(tmp_path: Path) -> None:
    path = write_study(tmp_path, "{method: direct, bits: 3}")
    assert load(path).models["tiny"].test == tmp_path / "test.npz"
    assert load(path, tmp_path / "sets").models["tiny"].test == tmp_path / "sets" / "test.npz"


MODELS = "models: {m: {model: m, calibration: c, test: t}}\n"
GRID = "grid: [{method: direct, bits: 3}]\n"
BAD = {
    "not a mapping": ("[1, 2]", "expected names and values"),
    "other version": ("dqa_study: 2\n" + MODELS + GRID, "dqa_study: expected 1"),
    "true as version": ("dqa_study: true\n" + MODELS + GRID, "dqa_study: expected 1"),
    "unknown section": ("dqa_study: 1\nmodel: {}\n" + MODELS + GRID, "unknown key 'model'"),
    "no models": ("dqa_study: 1\nmodels: {}\n" + GRID, "models: expected at least one"),
    "models missing": ("dqa_study: 1\n" + GRID, "models: expected names"),
    "name with a slash": ("dqa_study: 1\nmodels: {../m: {model: m, calibration: c, test: t}}\n" + GRID, "a name is"),
    "model without data": ("dqa_study: 1\nmodels: {m: {model: m, test: t}}\n" + GRID, "models.m.calibration: expected a path"),
    "unknown key of a model": ("dqa_study: 1\nmodels: {m: {model: m, calibration: c, test: t, tests: 3}}\n" + GRID, "unknown key 'tests'"),
    "scale 0": ("dqa_study: 1\nmodels: {m: {model: m, calibration: c, test: t, input_scale: 0}}\n" + GRID, "models.m.input_scale"),
    "no samples": ("dqa_study: 1\nmodels: {m: {model: m, calibration: c, test: t, test_samples: 0}}\n" + GRID, "models.m.test_samples"),
    "unknown metric": ("dqa_study: 1\nmodels: {m: {model: m, calibration: c, test: t, metric: f1}}\n" + GRID, "models.m.metric"),
    "no grid": ("dqa_study: 1\n" + MODELS, "grid: expected a list"),
    "empty grid": ("dqa_study: 1\ngrid: []\n" + MODELS, "grid: expected a list"),
    "entry without method": ("dqa_study: 1\ngrid: [{bits: 3}]\n" + MODELS, "grid[0].method"),
    "unknown method": ("dqa_study: 1\ngrid: [{method: magic}]\n" + MODELS, "grid[0]: 'method' must be"),
    "unknown option": ("dqa_study: 1\ngrid: [{method: direct, bits: 3, bots: 2}]\n" + MODELS, "no option 'bots'"),
    "option missing": ("dqa_study: 1\ngrid: [{method: direct}]\n" + MODELS, "needs 'bits'"),
    "bits as text": ("dqa_study: 1\ngrid: [{method: direct, bits: three}]\n" + MODELS, "must be a whole number"),
    "bits out of range": ("dqa_study: 1\ngrid: [{method: direct, bits: [3, 99]}]\n" + MODELS, "'bits' must be in"),
    "no values": ("dqa_study: 1\ngrid: [{method: direct, bits: []}]\n" + MODELS, "grid[0].bits: expected 1 to"),
    "values in values": ("dqa_study: 1\ngrid: [{method: direct, bits: [[3]]}]\n" + MODELS, "grid[0].bits: expected numbers"),
    "infinite value": ("dqa_study: 1\ngrid: [{method: paper, bits: 3, ratio: .inf}]\n" + MODELS, "grid[0].ratio"),
    "unknown ranking": ("dqa_study: 1\ngrid: [{method: paper, bits: 3, ranking: best}]\n" + MODELS, "'ranking' must be one of"),
    "ranking without use": ("dqa_study: 1\ngrid: [{method: direct, bits: 3, ranking: energy}]\n" + MODELS, "uses no ranking"),
    "unknown model": ("dqa_study: 1\ngrid: [{method: direct, bits: 3, models: n}]\n" + MODELS, "grid[0].models"),
    "unknown tensors": ("dqa_study: 1\ntensors: some\n" + MODELS + GRID, "tensors: expected of block, all"),
    "negative seed": ("dqa_study: 1\nseeds: [-1]\n" + MODELS + GRID, "seeds: expected a whole number"),
    "fraction of a seed": ("dqa_study: 1\nseeds: 0.5\n" + MODELS + GRID, "seeds: expected a whole number"),
    "reference not in the grid": ("dqa_study: 1\nreference: paper\n" + MODELS + GRID, "reference: 'paper'"),
    "too many jobs": (
        f"dqa_study: 1\nseeds: {list(range(1000))}\ngrid: [{{method: paper, bits: [3, 4, 5], ratio: {[i / 100 for i in range(99)]}}}]\n"
        + MODELS,
        "more than",
    ),
    "a key twice": ("dqa_study: 1\ndqa_study: 1\n" + MODELS + GRID, "given twice"),
    "an alias": ("dqa_study: &a 1\nseeds: *a\n" + MODELS + GRID, "aliases"),
    "code": ("dqa_study: !!python/object/apply:os.system ['true']\n" + MODELS + GRID, "not YAML"),
    "not YAML": ("dqa_study: [1\n", "not YAML"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_does_not_fit_is_refused_with_its_place(name: str, tmp_path: Path) -> None:
    text, message = BAD[name]
    path = tmp_path / "bad.yaml"
    path.write_text(text)
    with pytest.raises(RecipeError) as caught:
        jobs(load(path))
    assert message in caught.value.message, caught.value.message


def test_the_command_refuses_in_one_line_and_writes_nothing(dqa: Shell, tmp_path: Path) -> None:
    path = write_study(tmp_path, "{method: uniform, bits: 3, clip: [mse, best]}")
    done = dqa.refuses("study", path, "-o", tmp_path / "out")
    assert "'clip' must be one of" in done.err and not (tmp_path / "out").exists()
    assert "no such" in dqa.refuses("study", tmp_path / "none.yaml", "-o", tmp_path / "out").err.lower()


@pytest.mark.parametrize(
    ("missing", "message"), [("tiny.tflite", "tiny.tflite"), ("test.npz", "test.npz"), ("calibration.npz", "calibration.npz")]
)
def test_the_command_refuses_models_and_data_that_are_not_there(dqa: Shell, tmp_path: Path, missing: str, message: str) -> None:
    write_model(tmp_path)
    (tmp_path / missing).unlink()
    path = write_study(tmp_path, "{method: direct, bits: 3}")
    assert message in dqa.refuses("study", path, "-o", tmp_path / "out", "--quiet").err


def test_the_command_refuses_an_output_that_is_a_file(dqa: Shell, tmp_path: Path) -> None:
    write_model(tmp_path)
    (tmp_path / "out").touch()
    dqa.refuses("study", write_study(tmp_path, "{method: direct, bits: 3}"), "-o", tmp_path / "out", "--quiet")


@pytest.mark.parametrize("name", ["kws", "mlperf", "rankings", "resnet32", "resnet32_all", "sweeps"])
def test_the_examples_are_studies(root: Path, name: str) -> None:
    work = jobs(load(root / "examples" / "study" / f"{name}.yaml"))
    assert len(work) > 3 and {job.method for job in work} > {FLOAT}
