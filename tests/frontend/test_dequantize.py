"""Quantized .tflite files are read as the float networks that their integers stand for."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter

from dqa import convert, evaluate
from dqa.errors import InputError, ModelError
from dqa.frontend import load_model
from dqa.frontend.dequantize import dequantize
from dqa.support.settings import ConvertConfig
from tflite_builder import Net, options, run_litert

S_IN, S_W, S_OUT = 0.1, 0.002, 0.1


def scaled(net: Net, tensor: int, scale: list[float], zero: list[int] | None = None, axis: int = 0) -> int:
    parameters = schema.QuantizationParametersT(scale=scale, zeroPoint=zero or [0] * len(scale), quantizedDimension=axis)
    net.graph.tensors[tensor].quantization = parameters
    return tensor


def int8_net(zero: int = 3, activation: int = 0, *, bias_scale: bool = True, scale: bool = True, kind: type = np.int8) -> Net:
    """A convolution of int8 in, int8 out; weights have a scale for each channel."""
    net = Net(1, 6, 6, 2)
    net.graph.tensors[net.input].type = schema.TensorType.INT8
    scaled(net, net.input, [S_IN], [-5])
    weights = net.tensor((4, 3, 3, 2), net.random.integers(-127, 128, (4, 3, 3, 2)).astype(kind))
    if scale:
        scaled(net, weights, [S_W, S_W / 2, S_W / 3, S_W * 2])
    bias = net.tensor((4,), net.random.integers(-500, 500, 4).astype(np.int32))
    if bias_scale:
        scaled(net, bias, [S_IN * S_W, S_IN * S_W / 2, S_IN * S_W / 3, S_IN * S_W * 2])
    option = options("Conv2DOptions", padding=1, strideH=1, strideW=1, fusedActivationFunction=activation)
    out = net.op("CONV_2D", [net.input, weights, bias], (1, 4, 4, 4), option, dtype="int8")
    scaled(net, out, [S_OUT], [zero])
    net.out = out  # type: ignore[attr-defined]
    return net


def run_int8(data: bytes, x: np.ndarray) -> np.ndarray:
    interpreter = Interpreter(model_content=data)
    interpreter.allocate_tensors()
    entry, out = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    results = []
    for sample in x:
        interpreter.set_tensor(entry["index"], sample[np.newaxis])
        interpreter.invoke()
        results.append(interpreter.get_tensor(out["index"])[0])
    return np.array(results)


@pytest.mark.parametrize("bias_scale", [True, False])
def test_integers_become_the_numbers_they_stand_for(bias_scale: bool, tmp_path: Path) -> None:
    net = int8_net(bias_scale=bias_scale)
    data = net.build(net.out)  # type: ignore[attr-defined]
    (tmp_path / "m.tflite").write_bytes(data)
    model = load_model(tmp_path / "m.tflite")
    x = net.random.integers(-128, 128, (20, 6, 6, 2)).astype(np.int8)
    expected = (run_int8(data, x).astype(np.float64) - 3) * S_OUT
    got = run_litert(model.tflite, (x.astype(np.float32) + 5) * S_IN)
    inside = np.abs(got) < 12  # codes -128 and 127 are clamped
    assert np.abs(got - expected)[inside].max() < 0.6 * S_OUT
    assert model.quantized is not None
    kind, scale, zero = model.quantized.entries[net.input]
    assert (kind, zero) == ("int8", -5) and scale == pytest.approx(S_IN)
    assert np.allclose(model.quantized.ranges[net.input], (-12.3, 13.2))


@pytest.mark.parametrize(("zero", "scale", "activation"), [(-128, 0.1, "RELU"), (-128, 6 / 255, "RELU6"), (3, 0.1, "NONE")])
def test_a_range_that_begins_at_zero_is_a_clamp(zero: int, scale: float, activation: str, tmp_path: Path) -> None:
    net = int8_net()
    out = net.out  # type: ignore[attr-defined]
    scaled(net, out, [scale], [zero])
    (tmp_path / "m.tflite").write_bytes(net.build(out))
    (op,) = load_model(tmp_path / "m.tflite").graph.ops
    assert op.attrs["activation"] == activation


def test_codes_without_a_scale_are_refused(tmp_path: Path) -> None:
    net = int8_net(scale=False, bias_scale=False)
    with pytest.raises(ModelError, match="without a scale") as caught:
        dequantize(net.build(net.out), "m.tflite")  # type: ignore[attr-defined]
    assert "float model" in caught.value.hint


def test_damaged_files_are_refused_or_read() -> None:
    net = int8_net()
    data = net.build(net.out)  # type: ignore[attr-defined]
    random = np.random.default_rng(5)
    refused = 0
    for _ in range(300):
        damaged = bytearray(data)
        for place in random.integers(0, len(data), 3):
            damaged[place] = random.integers(256)
        try:
            dequantize(bytes(damaged), "m.tflite")
        except ModelError as error:
            assert "m.tflite" in error.message and error.hint
            refused += 1
    assert refused > 30


def test_nibbles_are_unpacked_low_one_first() -> None:
    net = int8_net()
    weights = net.graph.tensors[1]
    codes = net.random.integers(-8, 8, 72)
    net.model.buffers[weights.buffer].data = ((codes[0::2] & 15) | (codes[1::2] << 4 & 240)).astype(np.uint8)
    weights.type = schema.TensorType.INT4
    data, _ = dequantize(net.build(net.out), "m.tflite")  # type: ignore[attr-defined]
    model = schema.ModelT.InitFromPackedBuf(data)
    floats = np.asarray(model.buffers[model.subgraphs[0].tensors[1].buffer].data, np.uint8).view(np.float32).reshape(4, 18)
    assert np.allclose(floats / np.array([S_W, S_W / 2, S_W / 3, S_W * 2])[:, None], codes.reshape(4, 18), atol=1e-4)


@pytest.mark.skipif(find_spec("ai_edge_quantizer") is None, reason="needs ai-edge-quantizer (extra [builtins])")
@pytest.mark.parametrize("recipe", ["static_wi8_ai8", "dynamic_wi8_afp32", "weight_only_wi8_afp32"])
def test_every_kind_of_quantization_of_a_network_is_read(recipe: str, tmp_path: Path) -> None:
    from ai_edge_quantizer import quantizer
    from ai_edge_quantizer import recipe as recipes

    net = Net(1, 12, 12, 16)
    x = net.conv(net.input, 32, activation="RELU")
    x = net.binary("ADD", net.conv(x, 32, 1), x)
    whole = net.build(net.dense(net.reshape(net.unary("TANH", net.conv(x, 8, 3)), 1, 512), 4))
    samples = net.random.normal(size=(16, 12, 12, 16)).astype(np.float32)
    interpreter = Interpreter(model_content=whole, experimental_preserve_all_tensors=True)
    interpreter.allocate_tensors()
    seen: dict[str, Any] = {}
    for sample in samples:
        interpreter.set_tensor(net.input, sample[np.newaxis])
        interpreter.invoke()
        for tensor in (net.input, *(op.outputs[0] for op in net.graph.operators)):
            values = interpreter.get_tensor(tensor)
            before = seen.get(f"t{tensor}", {"min": values.min(), "max": values.max()})
            seen[f"t{tensor}"] = {"min": np.minimum(before["min"], values.min()), "max": np.maximum(before["max"], values.max())}
    ranges = {name: {end: np.array([[[[value]]]], np.float32) for end, value in ends.items()} for name, ends in seen.items()}
    worker = quantizer.Quantizer(bytearray(whole), getattr(recipes, recipe)())
    static = recipe.startswith("static")
    quantized = bytes(worker.quantize(ranges if static else None).quantized_model)
    (tmp_path / "q.tflite").write_bytes(quantized)
    model = load_model(tmp_path / "q.tflite")
    assert [op.kind for op in model.graph.ops] == ["CONV_2D", "CONV_2D", "ADD", "CONV_2D", "TANH", "FULLY_CONNECTED"]
    assert model.quantized is not None and bool(model.quantized.ranges) == bool(model.quantized.entries) == static
    exact = run_litert(whole, samples)
    assert np.std(run_litert(model.tflite, samples) - exact) < 0.15 * np.std(exact)


def test_without_data_the_ranges_of_the_file_hold(tmp_path: Path) -> None:
    net = int8_net()
    data = net.build(net.out)  # type: ignore[attr-defined]
    (tmp_path / "m.tflite").write_bytes(data)
    found = convert(tmp_path / "m.tflite", None, tmp_path / "out")
    assert found.measured is None and any("no calibration data" in note for note in found.notes)
    x = net.random.integers(-128, 128, (40, 6, 6, 2)).astype(np.int8)
    y = (run_int8(data, x).astype(np.float64) - 3) * S_OUT
    np.savez(tmp_path / "x.npz", x=x, y=y)
    result = evaluate(tmp_path / "out", tmp_path / "x.npz")
    assert (
        result.metric == "mse" and result.value is not None and result.value < 0.5 * S_OUT**2
    )  # a code or two of error, as between any two int8 runtimes
    again = convert(tmp_path / "m.tflite", None, tmp_path / "again", recipe=tmp_path / "out" / "recipe.yaml")
    assert (again.out / "model.dqa").read_bytes() == (found.out / "model.dqa").read_bytes()


def test_a_budget_needs_data(tmp_path: Path) -> None:
    net = int8_net()
    (tmp_path / "m.tflite").write_bytes(net.build(net.out))  # type: ignore[attr-defined]
    with pytest.raises(InputError, match="needs calibration data"):
        convert(tmp_path / "m.tflite", None, tmp_path / "out", ConvertConfig(bits=4))


def test_a_float_file_needs_data(tmp_path: Path) -> None:
    net = Net(1, 6, 6, 2)
    (tmp_path / "m.tflite").write_bytes(net.build(net.conv(net.input, 2)))
    with pytest.raises(InputError, match="calibration data is missing"):
        convert(tmp_path / "m.tflite", None, tmp_path / "out")
