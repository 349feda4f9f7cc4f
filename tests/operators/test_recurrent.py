"""Recurrent layers from marks in a .tflite to the host's bytes: what the tests of all kinds cannot know of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from builders.graphs import samples
from dqa import ConvertConfig, convert
from dqa.calibration.segments import Runner
from dqa.engine.host import HostModel
from dqa.errors import ModelError
from dqa.frontend import load_model
from dqa.frontend.recurrent import marked, runnable
from dqa.frontend.tflite import read_model
from dqa.graph.execute import run
from dqa.graph.gradient import gradients
from dqa.operators.recurrent import SETTINGS, table
from dqa.operators.recurrent_cells import FUNCTIONS
from dqa.operators.recurrent_integer import look_up
from dqa.program import read
from dqa.report import load_interface
from dqa.tflite.writer import TfliteBuilder
from tflite_builder import Net, options, run_litert

STEPS, CHANNELS, UNITS = 9, 5, 6
GATES = {"KERAS_RNN": 1, "KERAS_GRU": 3, "KERAS_LSTM": 4}
LAYERS = [
    ("KERAS_RNN", 1, "TANH", "LOGISTIC", True),
    ("KERAS_RNN", 1, "RELU", "LOGISTIC", False),
    ("KERAS_GRU", 2, "TANH", "LOGISTIC", True),
    ("KERAS_GRU", 2, "RELU", "HARD_SIGMOID", False),
    ("KERAS_GRU", 1, "TANH", "HARD_SIGMOID", False),
    ("KERAS_LSTM", 1, "TANH", "LOGISTIC", True),
    ("KERAS_LSTM", 1, "RELU", "LOGISTIC", True),
    ("KERAS_LSTM", 1, "NONE", "HARD_SIGMOID", False),
]
"""Kind, biases, function, gate, whether all states are given."""
Layer = tuple[str, int, str, str, bool]


class Marks:
    """A .tflite with marks, as dqa.frontend.keras has it made, layer behind layer."""

    def __init__(self, steps: int = STEPS, seed: int = 3) -> None:
        self.model, self.random = TfliteBuilder(), np.random.default_rng(seed)
        self.input = self.last = self.model.tensor("x", [1, steps, CHANNELS], "float32")
        self.shape = [1, steps, CHANNELS]

    def constant(self, values: np.ndarray) -> int:
        dtype = "float32" if values.dtype.kind == "f" else "int32"
        return self.model.tensor("c", values.shape, dtype, data=values.astype(dtype).tobytes())

    def layer(self, kind: str, biases: int, function: str, gate: str, sequences: bool) -> Marks:
        wide, entry = GATES[kind] * UNITS, self.shape[-1]
        bias = self.random.normal(0, 0.4, (biases, wide) if biases > 1 else wide)
        weights = [self.random.normal(0, size**-0.5, (size, wide)) for size in (entry, UNITS)]
        settings = np.array([SETTINGS.index(function), SETTINGS.index(gate)])
        self.shape = [1, self.shape[1], UNITS] if sequences else [1, UNITS]
        inputs = [self.last, *(self.constant(values) for values in (*weights, bias, settings))]
        self.last = self.model.tensor("layer/out", self.shape, "float32")
        self.model.custom(kind, inputs, [self.last], b"")
        return self

    def reversed(self) -> Marks:
        before, self.last = self.last, self.model.tensor("reversed", self.shape, "float32")
        self.model.builtin("REVERSE_V2", [before, self.constant(np.array([1]))], [self.last])
        return self

    def file(self) -> bytes:
        return self.model.finish([self.input], [self.last], "marks")


def as_run(data: bytes) -> bytes:
    return runnable(data, read_model(data, "m.tflite", marks=True)[0], "m.tflite")


@pytest.mark.parametrize("layer", LAYERS, ids=str)
def test_loops_of_litert_numpy_and_segments_are_the_same(layer: Layer) -> None:
    data = Marks().layer(*layer).file()
    graph, _ = read_model(data, "m.tflite", marks=True)
    x = samples(graph, 3)
    expected = run_litert(runnable(data, graph, "m.tflite"), x)
    np.testing.assert_allclose(run(graph, x)[graph.outputs[0]], expected, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(Runner(graph, batch=2).run(x), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("layer", LAYERS, ids=str)
def test_the_gradient_goes_back_through_time(layer: Layer) -> None:
    graph, _ = read_model(Marks().layer(*layer).layer(*LAYERS[0]).file() if layer[-1] else Marks().layer(*layer).file(), "m", marks=True)
    source, target = graph.inputs[0], graph.outputs[0]
    x, step = samples(graph, 2), samples(graph, 2, seed=7) * np.float32(1e-3)
    values = run(graph, x)
    seed = np.random.default_rng(3).normal(0, 1, values[target].shape).astype(np.float32)
    slope = gradients(graph, values, {target: seed}, [source])[source]
    moved = (run(graph, x + step)[target].astype(np.float64) - run(graph, x - step)[target]) / 2
    np.testing.assert_allclose((slope * step).sum(), (seed * moved).sum(), rtol=2e-2, atol=1e-5)


def signal_to_noise(out: Path, x: np.ndarray) -> float:
    """dB of the host's answers against float.tflite."""
    interface = load_interface(out)
    got = interface.outputs[0].to_real(HostModel((out / "model.dqa").read_bytes()).run(interface.inputs[0].to_bytes(x / 32)).outputs)
    expected = run_litert((out / "float.tflite").read_bytes(), x / np.float32(32))
    return float(10 * np.log10(expected.var() / np.mean((got.reshape(expected.shape) - expected) ** 2)))


def converted(data: bytes, place: Path, steps: int = STEPS, **settings: object) -> tuple[Path, np.ndarray]:
    (place / "m.tflite").write_bytes(as_run(data))
    walk = np.random.default_rng(0).normal(0, 14, (64, steps, CHANNELS))
    x = np.clip(np.rint(walk), -128, 127).astype(np.int8)
    np.savez(place / "x.npz", x=x)
    config = ConvertConfig(input_scale=1 / 32, **settings)  # type: ignore[arg-type]
    return convert(place / "m.tflite", place / "x.npz", place / "out", config).out, x


@pytest.mark.parametrize("layer", LAYERS, ids=str)
def test_a_program_answers_as_the_float_network(layer: Layer, tmp_path: Path) -> None:
    marks = Marks().layer(*LAYERS[2]).layer(*layer) if layer[-1] else Marks().layer(*layer)
    out, x = converted(marks.file(), tmp_path, maps="planes", bits=8, extra_bits=0)
    assert signal_to_noise(out, x) > 32
    if layer[:3] == ("KERAS_LSTM", 1, "RELU"):  # whose units follow from what calibration saw inside
        again = convert(tmp_path / "m.tflite", tmp_path / "x.npz", tmp_path / "again", recipe=out / "recipe.yaml").out
        assert (again / "model.dqa").read_bytes() == (out / "model.dqa").read_bytes()


def test_a_cell_remembers_over_hundreds_of_steps(tmp_path: Path) -> None:
    out, x = converted(Marks(400).layer(*LAYERS[5]).layer(*LAYERS[4]).file(), tmp_path, 400, maps="planes", bits=8, extra_bits=0)
    assert signal_to_noise(out, x) > 32


def test_rows_flow_through_layers_and_wait_where_they_are_reversed(tmp_path: Path) -> None:
    out, x = converted(Marks(40).layer(*LAYERS[2]).layer(*LAYERS[5]).layer(*LAYERS[4]).file(), tmp_path, 40, ram="auto", push_rows=True)
    program = read((out / "model.dqa").read_bytes())
    assert program.pushed is not None
    assert program.pushed.arena_size < 40 * CHANNELS * 2 + 128  # far from all states of a layer
    assert signal_to_noise(out, x) > 20
    back = tmp_path / "back"
    back.mkdir()
    out, x = converted(Marks(40).layer(*LAYERS[2]).reversed().layer(*LAYERS[4]).file(), back, 40, ram="auto")
    program = read((out / "model.dqa").read_bytes())
    assert program.internal.arena_size > 40 * UNITS / 2
    assert signal_to_noise(out, x) > 20


@pytest.mark.parametrize(("function", "reach", "largest"), [("TANH", 8.0, 1.0), ("LOGISTIC", 8.0, 1.0), ("RELU", 3.0, 3.0)])
def test_a_table_is_its_function_to_a_two_thousandth(function: str, reach: float, largest: float) -> None:
    at = np.arange(-32768, 32768)
    found = look_up(table(function, reach, largest), at) * largest / 2**15
    np.testing.assert_allclose(found, FUNCTIONS[function].of(at * reach / 2**15), atol=5e-4 * largest)


def test_a_file_that_runs_is_read_as_the_layers_it_was_made_from(tmp_path: Path) -> None:
    data = Marks().layer(*LAYERS[2]).file()
    (tmp_path / "m.tflite").write_bytes(as_run(data))
    assert marked(as_run(data)) == data
    assert marked(data) is None
    model = load_model(tmp_path / "m.tflite")
    assert [op.kind for op in model.graph.ops] == ["KERAS_GRU"]
    assert model.tflite == as_run(data)


def test_marks_of_strangers_are_no_layers(tmp_path: Path) -> None:
    (tmp_path / "m.tflite").write_bytes(Marks().layer(*LAYERS[2]).file())
    with pytest.raises(ModelError, match="KERAS_GRU"):
        load_model(tmp_path / "m.tflite")
    data = Marks().layer("KERAS_GRU", 2, "TANH", "RELU", True).file()
    with pytest.raises(ModelError, match="gates by relu, which has no bounds"):
        read_model(data, "m.tflite", marks=True)


def sequence_file(lstm: bool, activation: int) -> bytes:
    """TFLite's own layer, whose state is a variable, and a clamp behind it."""
    net = Net(1, STEPS, CHANNELS)
    gates = 4 if lstm else 1
    weights = [net.weights(UNITS, size) for size in (CHANNELS, UNITS) for _ in range(gates)]
    biases, states = [net.weights(UNITS) for _ in range(gates)], [net.tensor((1, UNITS)) for _ in range(2 if lstm else 1)]
    for state in states:
        net.graph.tensors[state].isVariable = True
    if lstm:
        inputs = [net.input, *weights, *[-1] * 3, *biases, -1, -1, *states, *[-1] * 4]
        option = options("UnidirectionalSequenceLSTMOptions", fusedActivationFunction=activation, timeMajor=False)
        return net.build(net.unary("ABS", net.op("UNIDIRECTIONAL_SEQUENCE_LSTM", inputs, (1, STEPS, UNITS), option)))
    option = options("SequenceRNNOptions", fusedActivationFunction=activation, timeMajor=False)
    inputs = [net.input, *weights, *biases, *states]
    return net.build(net.unary("ABS", net.op("UNIDIRECTIONAL_SEQUENCE_RNN", inputs, (1, STEPS, UNITS), option)))


@pytest.mark.parametrize(("lstm", "activation"), [(True, 4), (False, 4), (False, 1)])
def test_layers_of_tflite_are_read_without_their_memory(lstm: bool, activation: int, tmp_path: Path) -> None:
    data = sequence_file(lstm, activation)
    (tmp_path / "m.tflite").write_bytes(data)
    model = load_model(tmp_path / "m.tflite")
    assert [op.kind for op in model.graph.ops] == ["KERAS_LSTM" if lstm else "KERAS_RNN", "ABS"]
    x = samples(model.graph, 3)
    expected = np.concatenate([run_litert(data, sample[None]) for sample in x])  # each with a new memory
    np.testing.assert_allclose(run(model.graph, x)[model.graph.outputs[0]], expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(run_litert(model.tflite, x), expected, rtol=1e-4, atol=1e-5)


def test_other_variables_are_refused(tmp_path: Path) -> None:
    net = Net(1, STEPS, CHANNELS)
    state = net.tensor((1, STEPS, CHANNELS))
    net.graph.tensors[state].isVariable = True
    (tmp_path / "m.tflite").write_bytes(net.build(net.binary("ADD", net.input, state)))
    with pytest.raises(ModelError, match="is a variable"):
        load_model(tmp_path / "m.tflite")
