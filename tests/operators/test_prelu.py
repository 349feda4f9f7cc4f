"""PRELU from a .tflite to the host's bytes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from builders.graphs import read_graph, samples
from dqa import ConvertConfig, convert
from dqa.calibration.segments import Runner
from dqa.engine.host import HostModel
from dqa.errors import InputError
from dqa.graph.execute import run
from dqa.graph.gradient import gradients
from dqa.lowering.supported import why_not
from dqa.report import load_interface
from tflite_builder import Net, run_litert

SLOPES = np.array([-0.5, 0.0, 0.25, 1.75], np.float32)


def network(slopes: np.ndarray) -> bytes:
    net = Net(1, 6, 5, 3)
    x = net.conv(net.input, 4, padding="SAME")
    return net.build(net.conv(net.op("PRELU", [x, net.constant(slopes)], net.shape(x)), 3))


@pytest.mark.parametrize("shape", [(1, 1, 4), (6, 5, 4)])
def test_it_is_read_and_differentiated_as_litert_runs_it(shape: tuple[int, ...]) -> None:
    data = network(np.broadcast_to(SLOPES, shape))
    graph = read_graph(data, "m.tflite")
    assert graph.ops[1].attrs["slopes"].tolist() == SLOPES.tolist()  # those of all values of a channel are the same
    x = samples(graph, 3)
    expected, values = run_litert(data, x), run(graph, x)
    np.testing.assert_allclose(values[graph.outputs[0]], expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(Runner(graph, batch=2).run(x), expected, rtol=1e-4, atol=1e-5)
    source, target = graph.ops[1].inputs[0], graph.ops[1].outputs[0]
    slope = gradients(graph, values, {target: np.ones_like(values[target])}, [source])[source]
    assert np.array_equal(slope, np.where(values[source] > 0, np.float32(1), SLOPES))


def converted(slopes: np.ndarray, folder: Path) -> tuple[Path, np.ndarray]:
    (folder / "m.tflite").write_bytes(network(slopes))
    x = np.random.default_rng(0).integers(0, 256, (32, 6, 5, 3)).astype(np.uint8)
    np.savez(folder / "x.npz", x=x)
    config = ConvertConfig(input_scale=1 / 255, maps="planes", bits=8, extra_bits=0)
    return convert(folder / "m.tflite", folder / "x.npz", folder / "out", config).out, x


def test_the_host_answers_as_the_float_network(tmp_path: Path) -> None:
    slopes = SLOPES.reshape(1, 1, 4)
    out, x = converted(slopes, tmp_path)
    got = load_interface(out).outputs[0].to_real(HostModel((out / "model.dqa").read_bytes()).run(x.reshape(len(x), -1)).outputs)
    expected = run_litert(network(slopes), x / np.float32(255))
    assert np.sqrt(np.mean((got.reshape(expected.shape) - expected) ** 2)) < 0.05 * expected.std()


def test_slopes_of_each_value_are_refused_with_the_way_out(tmp_path: Path) -> None:
    slopes = np.random.default_rng(0).random((6, 5, 4)).astype(np.float32)
    graph = read_graph(network(slopes), "m.tflite")
    assert "shared_axes" in why_not(graph, graph.ops[1])
    x = samples(graph, 2)
    np.testing.assert_allclose(Runner(graph, batch=2).run(x), run_litert(network(slopes), x), rtol=1e-4, atol=1e-5)
    pytest.importorskip("ai_edge_quantizer")
    with pytest.raises(InputError, match=r"'prelu' \(PRELU\).*shared_axes"):
        converted(slopes, tmp_path)
