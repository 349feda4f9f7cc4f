"""Several outputs: in the model's order and under its names, from the file to report, header and evaluation."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from builders.c_tools import WARNINGS
from builders.cli import Shell
from builders.keras_files import in_process
from dqa import ConvertConfig, convert, evaluate
from dqa.calibration import float_outputs
from dqa.engine.compile import build, executor_includes
from dqa.errors import InputError, ModelError
from dqa.frontend import load_model
from dqa.report import load_interface
from tflite_builder import Net

X = np.random.default_rng(2).normal(size=(40, 8)).astype(np.float32)


def signed(net: Net, inputs: dict[str, int], outputs: dict[str, int]) -> None:
    """Gives a network a signature; the file lists its entries in this order."""
    ends = [[schema.TensorMapT(name=name, tensorIndex=index) for name, index in end.items()] for end in (inputs, outputs)]
    net.model.signatureDefs = [schema.SignatureDefT(inputs=ends[0], outputs=ends[1], signatureKey="serving_default", subgraphIndex=0)]


def two_heads(path: Path, names: tuple[str, str] | None) -> Path:
    """Two heads of one shape, which the subgraph lists the other way round than the signature."""
    net = Net(1, 8)
    first, second = net.dense(net.input, 4), net.dense(net.input, 4)
    if names is not None:
        signed(net, {"sensor": net.input}, dict(zip(names, (first, second), strict=True)))
    path.write_bytes(net.build(second, first))
    return path


def heads(path: Path) -> list[np.ndarray]:
    """What the heads of two_heads give, the first one first."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_content=path.read_bytes())
    interpreter.allocate_tensors()
    entry, found = interpreter.get_input_details()[0]["index"], sorted(out["index"] for out in interpreter.get_output_details())
    answers: list[list[np.ndarray]] = [[], []]
    for sample in X:
        interpreter.set_tensor(entry, sample[np.newaxis])
        interpreter.invoke()
        for part, index in zip(answers, found, strict=True):
            part.append(interpreter.get_tensor(index)[0])
    return [np.array(part) for part in answers]


@pytest.mark.parametrize("names", [("output_0", "output_1"), ("output_2", "output_10"), ("alpha", "zeta")])
def test_a_signature_gives_order_and_names(names: tuple[str, str], tmp_path: Path) -> None:
    path = two_heads(tmp_path / "m.tflite", names)
    model = load_model(path)
    assert [model.graph.tensors[index].name for index in model.graph.outputs] == list(names)
    assert model.input.name == "sensor"
    for place, expected in enumerate(heads(path)):
        np.testing.assert_allclose(float_outputs(model, X, output=place), expected, atol=1e-5)


def test_without_a_signature_the_subgraph_gives_them(tmp_path: Path) -> None:
    path = two_heads(tmp_path / "m.tflite", None)
    model = load_model(path)
    second, first = model.graph.outputs
    assert first < second and [model.graph.tensors[index].name for index in (first, second)] == [f"t{first}", f"t{second}"]


@pytest.mark.parametrize("signature", ["other tensors", "no name", "two"])
def test_a_signature_that_does_not_fit_is_left_alone(signature: str, tmp_path: Path) -> None:
    net = Net(1, 8)
    first, second = net.dense(net.input, 4), net.dense(net.input, 4)
    signed(net, {"sensor": net.input}, {"a": first, "b" if signature != "no name" else "": second if signature != "other tensors" else 99})
    if signature == "two":  # of which the other calls them otherwise
        ends = [schema.TensorMapT(name=name, tensorIndex=index) for name, index in (("a", second), ("b", first))]
        net.model.signatureDefs.append(schema.SignatureDefT(inputs=net.model.signatureDefs[0].inputs, outputs=ends, signatureKey="other"))
    (tmp_path / "m.tflite").write_bytes(net.build(second, first))
    assert load_model(tmp_path / "m.tflite").graph.outputs == [second, first]


def test_signatures_that_say_the_same_are_one_and_an_input_may_have_two_names(tmp_path: Path) -> None:
    net = Net(1, 8)
    first, second = net.dense(net.input, 4), net.dense(net.input, 4)
    signed(net, {"sensor": net.input, "again": net.input}, {"a": first, "b": second})
    net.model.signatureDefs *= 2
    (tmp_path / "m.tflite").write_bytes(net.build(second, first))
    model = load_model(tmp_path / "m.tflite")
    assert model.graph.outputs == [first, second] and model.input.name == "sensor"


HOSTILE = [
    'a"b',
    "*/ int main(void);/*",
    "a\nb",
    "//",
    "??/",
    "\\",
    "\u202eü",
    "x" * 300,
    "a\0b",
    "<script>alert(1)</script>",
    "[/]",
    "\x1b[31m",
    "{{ 7 }}",
    "int",
]


@pytest.mark.parametrize("name", HOSTILE, ids=ascii)
def test_names_of_outputs_are_kept_and_harm_neither_c_nor_html(name: str, tmp_path: Path) -> None:
    net = Net(1, 8)
    first, second = net.dense(net.input, 4), net.dense(net.input, 4)
    signed(net, {name: net.input}, {name: first, f"{name}_": second})
    (tmp_path / "m.tflite").write_bytes(net.build(second, first))
    np.savez(tmp_path / "x.npz", x=X, y=np.zeros(len(X), np.int64))
    out = convert(tmp_path / "m.tflite", tmp_path / "x.npz", tmp_path / "out").out
    report = json.loads((out / "report.json").read_text(encoding="utf-8"))
    assert [port["name"] for port in report["interface"]["outputs"]] == [name, f"{name}_"]
    assert "<script>alert" not in (out / "report.html").read_text(encoding="utf-8")
    build("odd-names", "", [out / "src" / "model.c"], executor_includes(), [*WARNINGS, "-pedantic", "-c"])
    assert evaluate(out, tmp_path / "x.npz", output=f"{name}_", limit=2).output == f"{name}_"


def test_an_output_that_tensorflow_left_without_a_name_is_called_like_its_layer(tmp_path: Path) -> None:
    net = Net(1, 8)
    out = net.dense(net.input, 4)
    tensors = net.graph.tensors
    tensors[out].name, tensors[net.input].name = "StatefulPartitionedCall_1:0", "serving_default_sensor:0"
    tensors[net.graph.operators[0].inputs[1]].name = "net/scores/MatMul"
    (tmp_path / "m.tflite").write_bytes(net.build(out))
    model = load_model(tmp_path / "m.tflite")
    assert (model.input.name, model.output.name) == ("sensor", "scores")


@pytest.mark.parametrize(("ends", "says"), [("twice", "'a' and 'b' are the same"), ("input", "'b' is the input itself")])
def test_outputs_that_are_no_outputs_are_refused_by_name(ends: str, says: str, tmp_path: Path) -> None:
    net = Net(1, 8)
    out = net.dense(net.input, 4)
    other = out if ends == "twice" else net.input
    signed(net, {"sensor": net.input}, {"a": out, "b": other})
    (tmp_path / "m.tflite").write_bytes(net.build(out, other))
    with pytest.raises(ModelError, match=re.escape(says)):
        load_model(tmp_path / "m.tflite")


def test_more_outputs_than_a_program_has_are_refused(tmp_path: Path) -> None:
    net = Net(1, 8)
    (tmp_path / "m.tflite").write_bytes(net.build(*(net.dense(net.input, 2) for _ in range(9))))
    np.savez(tmp_path / "c.npz", x=X)
    with pytest.raises(ModelError, match="9 outputs") as caught:
        convert(tmp_path / "m.tflite", tmp_path / "c.npz", tmp_path / "out")
    assert caught.value.hint


@pytest.fixture(scope="module")
def converted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two heads, converted; beside OUT the data of each head: zeta.npz, alpha.npz."""
    directory = tmp_path_factory.mktemp("heads")
    path = two_heads(directory / "m.tflite", ("output_0", "output_1"))
    np.savez(directory / "c.npz", x=X)
    convert(path, directory / "c.npz", directory / "out", ConvertConfig())
    for name, values in zip(("output_0", "output_1"), heads(path), strict=True):
        np.savez(directory / f"{name}.npz", x=X, y=values.argmax(axis=1))
    return directory


@pytest.mark.parametrize("target", ["host", "tflm-host"])
def test_each_output_is_measured_by_its_name(target: str, converted: Path) -> None:
    if target == "tflm-host":
        pytest.importorskip("tflite_micro")
    values = {}
    for data in ("output_0", "output_1"):
        for name in ("output_0", "output_1", None):
            found = evaluate(converted / "out", converted / f"{data}.npz", target, output=name)
            assert found.output == (name or "output_0") and found.value is not None
            values[data, name] = found.value
            if name == data:
                assert found.float_value == 1.0
    assert min(values["output_0", "output_0"], values["output_1", "output_1"]) > 0.9
    assert max(values["output_0", "output_1"], values["output_1", "output_0"]) < 0.7
    assert values["output_1", None] == values["output_1", "output_0"]


def test_the_command_says_which_output_it_measured(converted: Path, dqa: Shell) -> None:
    data = converted / "output_1.npz"
    done = dqa("evaluate", converted / "out", "--data", data, "--output", "output_1", "--json", "--quiet")
    assert done.code == 0 and '"output": "output_1"' in done.out
    assert "output_0, output_1" in dqa.refuses("evaluate", converted / "out", "--data", data, "--output", "nobody", "--quiet").err


def test_labels_that_fit_another_output_are_refused_with_the_names(tmp_path: Path, dqa: Shell) -> None:
    net = Net(1, 8)
    (tmp_path / "m.tflite").write_bytes(net.build(net.dense(net.input, 2), net.dense(net.input, 6)))
    np.savez(tmp_path / "c.npz", x=X, y=np.arange(40) % 6)
    convert(tmp_path / "m.tflite", tmp_path / "c.npz", tmp_path / "out")
    names = load_interface(tmp_path / "out").output_names
    error = dqa.refuses("evaluate", tmp_path / "out", "--data", tmp_path / "c.npz", "--metric", "top1", "--quiet").err
    assert f"output '{names[0]}'" in error and "--output" in error and names[1] in error
    assert evaluate(tmp_path / "out", tmp_path / "c.npz", output=names[1]).metric == "top1"


def test_the_header_has_the_places_by_name(converted: Path) -> None:
    header = (converted / "out" / "src" / "model.h").read_text()
    assert re.findall(r"_INDEX_(\w+ \d)u", header) == ["SENSOR 0", "OUTPUT_0 0", "OUTPUT_1 1"]


def test_an_unknown_output_is_refused_with_the_known_ones(converted: Path) -> None:
    with pytest.raises(InputError) as caught:
        evaluate(converted / "out", converted / "output_0.npz", output="x")
    assert "output_1" in caught.value.hint


@pytest.fixture(scope="module")
def keras() -> Any:
    pytest.importorskip("tensorflow")
    import keras

    return keras


KERAS_CASES = ["list", "dictionary", "intermediate", "shared", "nested"]


def keras_model(keras: Any, case: str) -> tuple[Any, list[str]]:
    """A model, and what its outputs are called; in the list case as the converter would not order them."""
    layers = keras.layers
    entry = keras.Input((8,), name="sensor")
    zeta = layers.Dense(4, activation="softmax", name="zeta")(entry)
    alpha = layers.Dense(4, activation="sigmoid", name="alpha")(entry)
    if case == "list":
        return keras.Model(entry, [zeta, alpha]), ["zeta", "alpha"]
    if case == "dictionary":  # Keras orders it by key
        return keras.Model(entry, {"2": zeta, "1": alpha}), ["alpha", "zeta"]
    if case == "intermediate":
        return keras.Model(entry, [layers.Dense(4, name="top")(zeta), zeta]), ["top", "zeta"]
    if case == "shared":
        shared = layers.Dense(4, name="shared")
        return keras.Model(entry, [shared(zeta), shared(alpha)]), ["shared", "shared_1"]
    inner, outer = keras.Model(entry, [zeta, alpha], name="inner"), keras.Input((8,), name="sensor")
    return keras.Model(outer, list(reversed(inner(outer)))), ["inner", "inner_1"]


@pytest.mark.slow
@pytest.mark.parametrize("form", ["keras", "h5", "saved_model"])
@pytest.mark.parametrize("case", KERAS_CASES)
def test_a_keras_model_keeps_its_outputs(case: str, form: str, keras: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    in_process(monkeypatch)
    keras.backend.clear_session()
    model, names = keras_model(keras, case)
    path = tmp_path / (f"m.{form}" if form != "saved_model" else "m")
    if form == "saved_model":
        model.export(path, verbose=False)
        names = ["1", "2"] if case == "dictionary" else ["output_0", "output_1"]
    else:
        model.save(path)
    loaded = load_model(path)
    assert [loaded.graph.tensors[index].name for index in loaded.graph.outputs] == names and loaded.input.name == "sensor"
    for place, expected in enumerate(keras.tree.flatten(model(X, training=False))):
        np.testing.assert_allclose(float_outputs(loaded, X, output=place), np.asarray(expected), atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("case", "says"),
    [
        ("twice", "'zeta_1' is the same as output 'zeta'"),
        ("input", "'sensor' is the input itself"),
        ("idle", "'drop' and 'zeta' are the same"),
    ],
)
def test_a_keras_output_that_is_none_is_refused(case: str, says: str, keras: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    in_process(monkeypatch)
    keras.backend.clear_session()
    entry = keras.Input((8,), name="sensor")
    zeta = keras.layers.Dense(4, name="zeta")(entry)
    other = {"twice": zeta, "input": entry, "idle": keras.layers.Dropout(0.5, name="drop")(zeta)}[case]
    keras.Model(entry, [other, zeta]).save(tmp_path / "m.keras")
    with pytest.raises(ModelError, match=re.escape(says)):
        load_model(tmp_path / "m.keras")
