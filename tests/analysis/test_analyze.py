"""What is estimated without data, against real conversions."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from builders import mixed_models
from builders.cli import Shell
from dqa import Analysis, ConvertConfig, analyze, convert
from dqa.analysis.fitting import fit
from dqa.analysis.result import Flash, Ram
from dqa.device.boards import load_board
from tflite_builder import Net

FLASH_BOUND, TABLES = 0.05, 2000
"""Relative, and bytes for each stored map: only data decide what is stored how, and its Huffman tables."""


def images() -> tuple[bytes, np.ndarray]:
    net = Net(1, 16, 12, 3)
    x = net.conv(net.input, 8, 3, "SAME", "RELU", 2)
    x = net.binary("ADD", x, net.conv(x, 8, 3, "SAME", "RELU6"))
    x = net.conv(net.conv(x, 16, 3, "SAME", "RELU", 2), 12, 1)
    return net.build(net.dense(net.reshape(x, 1, 4 * 3 * 12), 4)), np.random.default_rng(0).integers(0, 256, (24, 16, 12, 3)).astype(
        np.uint8
    )


def features() -> tuple[bytes, np.ndarray]:
    net = Net(1, 200)
    x = net.unary("TANH", net.dense(net.unary("RELU", net.dense(net.input, 64)), 32))
    return net.build(net.dense(x, 3)), np.random.default_rng(0).normal(size=(24, 200)).astype(np.float32)


@pytest.fixture(params=[images, features], ids=lambda made: made.__name__)
def model(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """model.tflite, with x.npz beside it."""
    data, x = request.param()
    (tmp_path / "model.tflite").write_bytes(data)
    np.savez(tmp_path / "x.npz", x=x)
    return tmp_path / "model.tflite"


def test_estimates_hold_for_real_conversions(model: Path) -> None:
    found = analyze(model)
    assert found.ram is not None and found.supported and found.met
    data, scale = model.with_name("x.npz"), 1 / 255 if found.layers[0].kind == "CONV_2D" else 1.0
    free = convert(model, data, model.with_name("free"), ConvertConfig(input_scale=scale, weight_bits=4)).report
    assert found.ram.least <= free["ram"]["arena"]
    # The least that is promised can be had.
    config = ConvertConfig(ram=found.ram.least, input_scale=scale)
    small = convert(model, data, model.with_name("small"), config).report
    assert small["ram"]["arena"] <= found.ram.least <= found.ram.stored <= found.ram.int8
    for report, estimate in ((free, found.flash.model4), (small, found.flash.model)):
        beside = TABLES * report["packed_maps"]["count"]
        assert -FLASH_BOUND * estimate < report["flash"]["program"] - estimate < FLASH_BOUND * estimate + beside
    assert found.macs == free["macs"]
    assert [(layer.name, layer.macs) for layer in found.layers] == [(row["name"], row["macs"]) for row in free["layers"]]
    if found.ram.pushed is not None:
        config = ConvertConfig(ram=found.ram.pushed, push_rows=True, input_scale=scale)
        pushed = convert(model, data, model.with_name("pushed"), config).report
        assert pushed["plan"]["arena"]["pushed"] <= found.ram.pushed


def test_layers_say_what_they_hold(tmp_path: Path) -> None:
    (tmp_path / "m.tflite").write_bytes(images()[0])
    first = analyze(tmp_path / "m.tflite").layers[0]
    assert (first.kind, first.shape) == ("CONV_2D", (8, 6, 8))
    assert first.macs == 8 * 6 * 8 * 3 * 3 * 3
    assert first.weights == 8 * 3 * 3 * 3 + 8
    assert first.activations == 8 * 6 * 8


def test_tokens_are_sized_too(tmp_path: Path) -> None:
    net = Net(1, 8)
    numbers = net.op("CAST", [net.input], (1, 8), dtype="int32")
    rows = net.op("GATHER", [net.weights(20, 6), numbers], (1, 8, 6))
    (tmp_path / "m.tflite").write_bytes(net.build(net.dense(net.reshape(rows, 1, 48), 3)))
    found = analyze(tmp_path / "m.tflite")
    assert [layer.kind for layer in found.layers] == ["EMBEDDING", "FULLY_CONNECTED"]
    assert found.supported and found.ram is not None


def test_builtins_are_named_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / "m.tflite").write_bytes(mixed_models.gates())
    found = analyze(tmp_path / "m.tflite", "nucleo_f446re")
    assert not found.supported and not found.met and found.ram is None and not found.boards
    refused = [layer for layer in found.layers if layer.why_not]
    assert {layer.kind for layer in refused} >= {"TRANSPOSE_CONV", "SQUARED_DIFFERENCE"} and all(layer.macs is None for layer in refused)
    assert found.macs > 0 and "TensorFlow Lite Micro" in found.next[0]


def test_a_model_of_builtins_alone_has_no_macs(tmp_path: Path) -> None:
    net = Net(1, 4, 4, 2)
    (tmp_path / "m.tflite").write_bytes(net.build(mixed_models.difference(net, net.input, net.weights(2))))
    found = analyze(tmp_path / "m.tflite")
    assert found.macs == 0 and "1 of 1 layers" in found.next[0]


def test_what_does_not_fit_a_board_is_told() -> None:
    board = load_board("microbit")  # 16 kB of RAM, 256 kB of flash
    ram = Ram(9_000, None, 12_000, 30_000, "")
    assert fit(board, ram, Flash(100_000, 60_000, 25_000)).fits
    four = fit(board, ram, Flash(300_000, 160_000, 25_000))
    assert four.fits and four.weight_bits == 4
    much = fit(board, Ram(16_000, None, 16_000, 30_000, ""), Flash(900_000, 500_000, 25_000))
    assert not much.fits and "RAM" in much.why_not and "flash" in much.why_not


def test_the_command_answers_with_its_exit_code(dqa: Shell, tmp_path: Path) -> None:
    model = tmp_path / "m.tflite"
    model.write_bytes(images()[0])
    done = dqa("analyze", model, "--board", "nucleo_f446re", "--ram", "16k", "--json", tmp_path / "a.json")
    assert done.code == 0
    assert "nucleo_f446re" in done.out and f"next: dqa convert {model} --calibration X.npz --ram 16384" in done.out
    data = json.loads((tmp_path / "a.json").read_text())
    assert data["ram"]["least"] < 16384 and data["met"] and data["supported"] and len(data["layers"]) == 6
    few = dqa("analyze", model, "--ram", "100")
    assert few.code == 1 and "100 B of RAM are too few" in few.out
    assert "unknown board" in dqa.refuses("analyze", model, "--board", "nucleo").err
    assert "no such file" in dqa.refuses("analyze", tmp_path / "absent.tflite").err


def test_the_result_is_typed(tmp_path: Path) -> None:
    (tmp_path / "m.tflite").write_bytes(features()[0])
    found = analyze(str(tmp_path / "m.tflite"), ram="2k")
    assert isinstance(found, Analysis) and json.dumps(found.to_json())


class Constant(Net):
    """A network whose layers have two output channels that the input does not reach."""

    def weights(self, *shape: int) -> int:
        values = np.random.default_rng(0).normal(size=shape).astype(np.float32)
        values[:2] = 0
        return self.constant(values)


def test_channels_that_cannot_matter_are_told_and_not_counted(tmp_path: Path, dqa: Shell) -> None:
    net = Constant(1, 8, 8, 3)
    (tmp_path / "m.tflite").write_bytes(net.build(net.conv(net.conv(net.input, 10), 4)))
    (tmp_path / "all.tflite").write_bytes(images()[0])
    dead, none = analyze(tmp_path / "m.tflite"), analyze(tmp_path / "all.tflite")
    assert none.dead_channels is None and none.to_json()["dead_channels"] is None
    assert dead.dead_channels is not None and dead.dead_channels.channels == 2
    assert dead.layers[0].shape == (6, 6, 8)
    assert (dead.dead_channels.weights, dead.weights) == (27 * 10 + 10 + 9 * 10 * 4 + 4, 27 * 8 + 8 + 9 * 8 * 4 + 4)
    assert (dead.dead_channels.macs, dead.macs) == (36 * 270 + 16 * 360, 36 * 216 + 16 * 288)
    assert "left out: 2 channels" in dqa("analyze", tmp_path / "m.tflite").out
