"""Operators that DQA does not run stay TFLite builtins at int8 between DQA groups; the whole runs in TensorFlow Lite Micro."""

from __future__ import annotations

import json
import platform
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import yaml

from builders.cli import Shell
from builders.mixed_models import NETWORKS, SCALE, convert_bytes, difference, gates, pooled
from dqa import ConvertConfig, convert
from dqa.engine.tflm_host import TflmModel
from dqa.errors import InputError, ModelError, ProgramError, RecipeError, ToolError
from dqa.report import load_interface
from dqa.tflite.reader import read_contents, read_tflite
from tflite_builder import Net, options, run_litert

pytestmark = pytest.mark.skipif(find_spec("ai_edge_quantizer") is None, reason="needs ai-edge-quantizer (extra [builtins])")
needs_tflm = pytest.mark.skipif(
    find_spec("tflite_micro") is None or not sys.platform.startswith("linux") or platform.machine() != "x86_64",
    reason="needs the package tflite-micro (extra [tflm]; Linux on x86-64)",
)


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`gates`, converted; tests must not change it."""
    return convert_bytes(gates(), tmp_path_factory.mktemp("mixed"))


def relative_error(network: bytes, out: Path) -> float:
    """Root mean square of the first output's error over the output's deviation."""
    x, port = np.load(out.parent / "x.npz")["x"], load_interface(out).outputs[0]
    expected = run_litert(network, x * np.float32(SCALE))
    with TflmModel((out / "model.tflite").read_bytes()) as model:
        outputs = model.run(x.reshape(len(x), -1))
    got = port.to_real(outputs[:, : int(np.prod(port.shape))])
    return float(np.sqrt(np.mean((got - expected) ** 2)) / expected.std())


@needs_tflm
@pytest.mark.parametrize("network", NETWORKS, ids=lambda network: network.__name__)
def test_groups_and_builtins_together_compute_what_the_float_model_does(network: Callable[[], bytes], tmp_path: Path) -> None:
    assert relative_error(network(), convert_bytes(network(), tmp_path)) < 0.04


@needs_tflm
@pytest.mark.parametrize(("dtype", "low"), [("int8", -128), ("float32", 0.0)])
def test_the_input_may_be_of_any_type_though_a_builtin_reads_it(dtype: str, low: float, tmp_path: Path) -> None:
    net = Net(1, 6, 6, 2)
    network = net.build(net.conv(difference(net, net.input, net.weights(2)), 3))
    random = np.random.default_rng(0)
    x = random.integers(-128, 128, (32, 6, 6, 2)).astype(np.int8) if dtype == "int8" else random.random((32, 6, 6, 2), np.float32)
    scale, zero = ((0.5, 0.25), (3.0, -100.0)) if dtype == "int8" else ((1.0,), (0.0,))
    (tmp_path / "m.tflite").write_bytes(network)
    np.savez(tmp_path / "x.npz", x=x)
    config = ConvertConfig(maps="planes", method="direct", bits=8, input_scale=scale, input_zero_point=zero)
    convert(tmp_path / "m.tflite", tmp_path / "x.npz", tmp_path / "out", config)
    interface = load_interface(tmp_path / "out")
    real = ((x - np.array(zero)) * np.array(scale)).astype(np.float32)
    data = x.reshape(len(x), -1) if dtype == "int8" else interface.inputs[0].to_bytes(real)
    with TflmModel((tmp_path / "out" / "model.tflite").read_bytes()) as model:
        got = interface.outputs[0].to_real(model.run(data))
    expected = run_litert(network, real)
    assert np.sqrt(np.mean((got - expected) ** 2)) < 0.04 * expected.std()


@needs_tflm
def test_evaluate_runs_it_in_tensorflow_lite_micro_and_compares_with_nobody(dqa: Shell, mixed: Path) -> None:
    done = dqa("evaluate", mixed, "--data", mixed.parent / "x.npz", "--target", "tflm-host", "--limit", "5", "-q", "--json")
    assert done.code == 0, done.err
    result = json.loads(done.out)
    assert "agreement" not in result
    assert result["stored_bits"] == 8.0
    assert len(result["answers"]) == 5
    assert result["ram"]["arena"] > 1000


@pytest.mark.parametrize(
    "arguments",
    [
        ("evaluate", "--data", "x.npz"),
        ("evaluate", "--data", "x.npz", "--target", "sim:mps2_an386"),
        ("evaluate", "--data", "x.npz", "--target", "serial:/dev/null"),
        ("build", "--board", "mps2_an386"),
        ("flash", "--board", "nucleo_f446re"),
        ("simulate", "--board", "mps2_an386"),
    ],
    ids=lambda arguments: "-".join(arguments[::2]),
)
def test_what_runs_programs_alone_refuses_it(arguments: tuple[str, ...], dqa: Shell, mixed: Path) -> None:
    command, *rest = (str(mixed.parent / word) if word == "x.npz" else word for word in arguments)
    done = dqa.refuses(command, mixed, *rest, "-q")
    assert "MAXIMUM, SQUARED_DIFFERENCE, TRANSPOSE_CONV" in done.err
    assert "--target tflm-host" in done.err


def test_the_report_says_what_was_left_and_why(mixed: Path) -> None:
    report = json.loads((mixed / "report.json").read_text())
    assert [row["kind"] for row in report["builtins"]] == ["MAXIMUM", "TRANSPOSE_CONV", "SQUARED_DIFFERENCE"]
    assert all(row["reason"] for row in report["builtins"])
    assert report["runtimes"] == ["tflm"]
    edges = {row["name"] for row in report["edges"]}
    builtins = {row["name"] for row in report["builtins"]}
    for row in report["layers"]:
        assert {row["output"], *row["inputs"]} <= edges | builtins
    assert not any((mixed / name).exists() for name in ("model.dqa", "src", "firmware"))


def test_the_file_holds_a_program_for_each_group_and_the_builtins_between(mixed: Path) -> None:
    data = (mixed / "model.tflite").read_bytes()
    contents = read_contents(data)
    groups = {row["group"] for row in json.loads((mixed / "report.json").read_text())["layers"]}
    assert len(contents.groups) == len(groups) > 2
    assert contents.builtins >= 3
    assert (contents.inputs, contents.outputs) == ((8 * 8 * 3,), (10,))
    with pytest.raises(ProgramError, match="expected one program alone"):
        read_tflite(data)


def test_a_damaged_group_is_refused(mixed: Path) -> None:
    data = bytearray((mixed / "model.tflite").read_bytes())
    data[data.rindex(b"DQAP") + 100] ^= 1
    with pytest.raises(ProgramError):
        read_contents(bytes(data))


def test_the_recipe_reproduces_the_bytes(mixed: Path, tmp_path: Path) -> None:
    again = convert(mixed.parent / "model.tflite", mixed.parent / "x.npz", tmp_path / "out", recipe=mixed / "recipe.yaml").out
    for name in ("model.tflite", "recipe.yaml"):
        assert (again / name).read_bytes() == (mixed / name).read_bytes(), name
    report, earlier = (json.loads((out / "report.json").read_text()) for out in (again, mixed))
    earlier.pop("evaluations", None)  # other tests' evaluations
    assert report == earlier


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ("drop", "'t.*' is missing"),
        ("widen", "the builtin beside it has scale"),
        ("turn", "is above the highest"),
        ("text", "expected the lowest"),
    ],
)
def test_a_recipe_whose_ranges_do_not_fit_is_refused(change: str, expected: str, mixed: Path, tmp_path: Path) -> None:
    recipe = yaml.safe_load((mixed / "recipe.yaml").read_text())
    name = next(iter(recipe["builtins"]))
    low, high = recipe["builtins"].pop(name)
    if change != "drop":
        recipe["builtins"][name] = {"widen": [low, 2 * high], "turn": [high, low], "text": "all"}[change]
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(recipe))
    with pytest.raises(RecipeError, match=expected):
        convert(mixed.parent / "model.tflite", mixed.parent / "x.npz", tmp_path / "out", recipe=tmp_path / "recipe.yaml")
    assert not (tmp_path / "out").exists()


def test_nothing_of_an_earlier_conversion_stays(tmp_path: Path) -> None:
    net = Net(1, 6, 6, 3)
    out = convert_bytes(net.build(net.conv(net.input, 3)), tmp_path)
    assert (out / "model.dqa").is_file()
    convert_bytes(pooled(), tmp_path)
    assert not any((out / name).exists() for name in ("model.dqa", "src", "firmware"))


def no_int8(net: Net) -> int:
    return net.unary("LOCAL_RESPONSE_NORMALIZATION", net.conv(net.input, 4))


def whole_numbers(net: Net) -> int:
    x = net.conv(net.input, 4)
    shape = net.shape(x)[:3]
    place = net.op("ARG_MAX", [x, net.constant(np.array(3, np.int32))], shape, options("ArgMaxOptions", outputType=2), "int32")
    place = net.op("CAST", [place], shape, options("CastOptions", inDataType=2, outDataType=0))
    return net.binary("ADD", place, place)


@pytest.mark.parametrize(
    ("network", "layer"),
    [(no_int8, r"'local_response_normalization' \(LOCAL_RESPONSE_NORMALIZATION\)"), (whole_numbers, r"'arg_max' \(ARG_MAX\)")],
)
def test_an_operator_that_nobody_can_convert_is_named(network: Callable[[Net], int], layer: str, tmp_path: Path) -> None:
    net = Net(1, 6, 6, 3)
    with pytest.raises(ModelError, match=layer) as caught:
        convert_bytes(net.build(network(net)), tmp_path)
    assert caught.value.exit_code == 2
    assert caught.value.hint
    assert not (tmp_path / "out").exists()


def test_without_the_quantizer_the_error_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ai_edge_quantizer", None)
    with pytest.raises(ToolError, match="SQUARED_DIFFERENCE") as caught:
        convert_bytes(pooled(), tmp_path)
    assert "dqa-convert[builtins]" in caught.value.hint


def test_a_model_of_more_ends_than_a_group_may_have_is_refused(tmp_path: Path) -> None:
    net = Net(1, 4, 4, 3)
    x = net.conv(net.input, 4, kernel=1)
    branches = [net.conv(x, 2, kernel=1) for _ in range(9)]
    with pytest.raises(InputError, match="9 outputs"):
        convert_bytes(net.build(*(difference(net, y, net.weights(2)) for y in branches)), tmp_path)
