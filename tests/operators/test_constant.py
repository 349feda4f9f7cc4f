"""Constants of any shape as one operand, from a .tflite to the host's bytes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from builders.c_tools import flat
from builders.graphs import read_graph, samples
from builders.programs import random_inputs
from dqa import ConvertConfig, convert
from dqa.calibration.observe import observe
from dqa.calibration.segments import Runner
from dqa.engine.host import HostModel
from dqa.frontend import load_model
from dqa.frontend.passes import simplify
from dqa.graph.execute import run
from dqa.lowering.supported import why_not
from dqa.operators.constant import Constant
from dqa.program import read
from dqa.report import load_interface
from reference import mirror
from tflite_builder import Net, options, run_litert

SHAPES = [(1, 5, 4, 3), (5, 4, 3), (1, 5, 1, 1), (1, 1, 4, 1), (4, 3), (5, 4, 1)]
KINDS = ("ADD", "SUB", "MUL", "DIV", "MINIMUM", "MAXIMUM")


def network(kind: str, shape: tuple[int, ...], swapped: bool = False) -> bytes:
    """Two convolutions with the constant between them."""
    net = Net(1, 5, 4, 2)
    x, constant = (
        net.conv(net.input, 3, padding="SAME"),
        net.constant(net.random.uniform(0.5, 2, shape) * net.random.choice([-1, 1], shape)),
    )
    pair = [constant, x] if swapped else [x, constant]
    option = options("MaximumMinimumOptions") if kind in ("MINIMUM", "MAXIMUM") else options(kind.capitalize() + "Options")
    return net.build(net.conv(net.op(kind, pair, (1, 5, 4, 3), option), 2, kernel=1))


@pytest.mark.parametrize(
    ("kind", "shape", "swapped"),
    [(kind, SHAPES[place % len(SHAPES)], kind != "DIV" and place % 2 == 1) for place, kind in enumerate((*KINDS, *KINDS[::-1]))],
)
def test_it_is_read_as_litert_runs_it(kind: str, shape: tuple[int, ...], swapped: bool) -> None:
    data = network(kind, shape, swapped)
    graph = read_graph(data, "m.tflite")
    simplify(graph)
    assert [op.kind for op in graph.ops].count("CONSTANT") == 1 and not any(why_not(graph, op) for op in graph.ops)
    x = samples(graph, 3)
    expected = run_litert(data, x)
    np.testing.assert_allclose(run(graph, x)[graph.outputs[0]], expected, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(Runner(graph, batch=2).run(x), expected, rtol=1e-4, atol=1e-4)


def test_one_number_for_each_channel_stays_part_of_a_convolution() -> None:
    for kind in KINDS[:4]:
        graph = read_graph(network(kind, (3,)), "m.tflite")
        simplify(graph)
        assert {op.kind for op in graph.ops} == {"CONV_2D"}


def joined() -> bytes:
    """A constant row in front of a series, and a constant for each step and channel added to all."""
    net = Net(1, 6, 4)
    x = net.op("CONCATENATION", [net.weights(1, 1, 4), net.input], (1, 7, 4), options("ConcatenationOptions", axis=1))
    return net.build(net.dense(net.binary("ADD", x, net.weights(7, 4)), 3))


@pytest.mark.parametrize(
    "data", [network("SUB", (1, 5, 4, 1), swapped=True), network("MUL", (5, 4, 3)), joined()], ids=("SUB", "MUL", "joined")
)
def test_host_mirror_and_float_agree(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "m.tflite").write_bytes(data)
    model = load_model(tmp_path / "m.tflite")
    x = np.random.default_rng(0).integers(0, 256, (48, *model.graph.entries.shape[1:])).astype(np.uint8)
    np.savez(tmp_path / "x.npz", x=x)
    config = ConvertConfig(input_scale=1 / 255, maps="planes", bits=8, extra_bits=0)
    out = convert(tmp_path / "m.tflite", tmp_path / "x.npz", tmp_path / "out", config).out
    program = read((out / "model.dqa").read_bytes())
    assert any(isinstance(op, Constant) for op in program.ops)
    host = HostModel((out / "model.dqa").read_bytes())
    inputs = random_inputs(program, 1)
    assert np.array_equal(host.run(flat(inputs)[None], jobs=1).outputs[0].view(np.uint8), flat(mirror.run(program, inputs).outputs))
    real, expected = load_interface(out).outputs[0].to_real(host.run(x.reshape(len(x), -1)).outputs), run_litert(data, x / np.float32(255))
    assert np.sqrt(np.mean((real.reshape(expected.shape) - expected) ** 2)) < 0.05 * expected.std()


def test_calibration_sees_its_values(tmp_path: Path) -> None:
    (tmp_path / "m.tflite").write_bytes(network("ADD", (1, 5, 1, 1)))
    model = load_model(tmp_path / "m.tflite")
    (constant,) = (op for op in model.graph.ops if op.kind == "CONSTANT")
    seen: list[np.ndarray] = []
    observe(model, samples(model.graph, 3), constant.outputs, lambda _, values: seen.append(values))
    assert np.array_equal(np.concatenate(seen), np.repeat(constant.attrs["values"], 3, axis=0))
