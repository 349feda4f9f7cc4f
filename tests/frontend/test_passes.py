"""Passes keep what a network computes: numpy on the simplified graph against LiteRT on the file."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from builders.graphs import read_graph
from dqa.frontend.passes import simplify
from dqa.graph.execute import run
from dqa.graph.model import Graph
from tflite_builder import Net, options, run_litert

Built = tuple[Net, int]


def up_by_tile() -> Built:
    net = Net(1, 3, 4, 2)
    x = net.reshape(net.conv(net.input, 5, 1), 1, 3, 1, 4, 5)
    x = net.reshape(net.tile(x, 1, 1, 2, 1, 1), 1, 6, 4, 1, 5)
    x = net.reshape(net.tile(x, 1, 1, 1, 3, 1), 1, 6, 12, 5)
    return net, net.conv(x, 2)


def up_by_concatenation() -> Built:
    net = Net(1, 3, 4, 2)
    x = net.reshape(net.input, 1, 3, 1, 8)
    x = net.op("CONCATENATION", [x, x], (1, 3, 1, 16), options("ConcatenationOptions", axis=-1))
    return net, net.reshape(x, 1, 6, 4, 2)


def padded_conv() -> Built:
    net = Net(1, 5, 6, 2)
    return net, net.conv(net.pad(net.input, [[0, 0], [1, 0], [2, 1], [0, 0]]), 3, 3, stride=2)


def padding_wider_than_the_kernel() -> Built:
    net = Net(1, 5, 6, 2)
    return net, net.conv(net.pad(net.input, [[0, 0], [1, 0], [3, 1], [0, 0]]), 3, 3)


def padded_channels() -> Built:
    net = Net(1, 4, 4, 2)
    return net, net.conv(net.pad(net.input, [[0, 0], [0, 0], [0, 0], [1, 2]]), 3, 3)


def relu_alone() -> Built:
    net = Net(1, 4, 4, 2)
    return net, net.unary("RELU6", net.conv(net.input, 3))


def relu_of_a_shared_result() -> Built:
    net = Net(1, 4, 4, 2)
    x = net.conv(net.input, 3, 1)
    return net, net.binary("ADD", net.unary("RELU", x), x)


def affine_after_conv() -> Built:
    net = Net(1, 4, 4, 2)
    x = net.binary("MUL", net.conv(net.input, 3, padding="SAME"), net.weights(3))
    return net, net.binary("ADD", net.weights(1, 1, 1, 3), x, "RELU")


def affine_after_relu() -> Built:
    net = Net(1, 4, 4, 2)
    x = net.conv(net.input, 3, padding="SAME", activation="RELU")
    x = net.binary("SUB", net.binary("MUL", x, net.weights(3)), net.weights(3))
    return net, net.conv(x, 2, padding="SAME")


def scale_before_padded_conv() -> Built:
    net = Net(1, 4, 4, 2)
    return net, net.conv(net.binary("MUL", net.input, net.constant(np.float32(1 / 255))), 3, padding="SAME")


def affine_before_valid_conv() -> Built:
    net = Net(1, 4, 4, 2)
    x = net.binary("DIV", net.input, net.constant(np.array([2.0, 3.0])))
    return net, net.conv(net.binary("SUB", net.constant(np.array([0.5, 0.25])), x), 3)


def affine_before_dense() -> Built:
    net = Net(1, 2, 3, 2)
    x = net.binary("ADD", net.binary("MUL", net.input, net.weights(2)), net.weights(2))
    return net, net.dense(net.reshape(x, 1, 12), 4)


def flattening() -> Built:
    net = Net(1, 4, 4, 2)
    return net, net.dense(net.reshape(net.conv(net.input, 3), 1, 12), 5)


def reshape_to_the_output() -> Built:
    net = Net(1, 4, 4, 2)
    return net, net.op("SQUEEZE", [net.conv(net.input, 3, 4)], (1, 3), options("SqueezeOptions", squeezeDims=[1, 2]))


def a_reshape_that_moves() -> Built:
    net = Net(1, 4, 4, 2)
    return net, net.conv(net.reshape(net.conv(net.input, 4, 1), 1, 8, 4, 2), 3)


def pool_over_the_map() -> Built:
    net = Net(1, 3, 4, 2)
    option = options("Pool2DOptions", padding=1, strideH=1, strideW=1, filterHeight=3, filterWidth=4)
    return net, net.op("AVERAGE_POOL_2D", [net.input], (1, 1, 1, 2), option)


def pool_with_padding() -> Built:
    net = Net(1, 5, 5, 2)
    option = options("Pool2DOptions", padding=0, strideH=2, strideW=2, filterHeight=3, filterWidth=3)
    return net, net.op("MAX_POOL_2D", [net.op("AVERAGE_POOL_2D", [net.input], (1, 3, 3, 2), option)], (1, 2, 2, 2), option)


def mean_of_one_row() -> Built:
    net = Net(1, 1, 6, 2)
    return net, net.op("MEAN", [net.input, net.constant([2])], (1, 1, 2), options("ReducerOptions", keepDims=False))


def swish() -> Built:
    net = Net(1, 3, 3, 2)
    x = net.conv(net.input, 3)
    return net, net.binary("MUL", x, net.unary("LOGISTIC", x))


def dense_on_every_pixel() -> Built:
    net = Net(1, 3, 4, 2)
    option = options("FullyConnectedOptions", keepNumDims=True)
    return net, net.op("FULLY_CONNECTED", [net.input, net.weights(5, 2), -1], (1, 3, 4, 5), option)


def grouped() -> Built:
    net = Net(1, 4, 4, 6)
    option = options("Conv2DOptions", padding=1, strideH=1, strideW=1)
    return net, net.op("CONV_2D", [net.input, net.weights(4, 3, 3, 3), net.weights(4)], (1, 2, 2, 4), option)


def dilated_by_batches() -> Built:
    net = Net(1, 6, 7, 2)
    block = net.constant([2, 2])
    spread = net.op("SPACE_TO_BATCH_ND", [net.input, block, net.constant([[2, 2], [2, 3]])], (4, 5, 6, 2), options("SpaceToBatchNDOptions"))
    option = options("Conv2DOptions", padding=1, strideH=1, strideW=1)
    conv = net.op("CONV_2D", [spread, net.weights(3, 3, 3, 2), net.weights(3)], (4, 3, 4, 3), option)
    return net, net.op("BATCH_TO_SPACE_ND", [conv, block, net.constant([[0, 0], [0, 1]])], (1, 6, 7, 3), options("BatchToSpaceNDOptions"))


def dilated_gate_of_a_series() -> Built:
    """Two convolutions of one SPACE_TO_BATCH_ND, a row in front of each, as TensorFlow writes WaveNet's gates."""
    net = Net(1, 12, 3)
    block, option = net.constant([3]), options("Conv2DOptions", padding=1, strideH=1, strideW=1)
    spread = net.op("SPACE_TO_BATCH_ND", [net.input, block, net.constant([[3, 0]])], (3, 5, 3), options("SpaceToBatchNDOptions"))
    x, crops, parts = net.reshape(spread, 3, 1, 5, 3), net.constant([[0, 0]]), []
    for kind in ("TANH", "LOGISTIC"):
        conv = net.reshape(net.op("CONV_2D", [x, net.weights(4, 1, 2, 3), net.weights(4)], (3, 1, 4, 4), option), 3, 4, 4)
        parts.append(net.unary(kind, net.op("BATCH_TO_SPACE_ND", [conv, block, crops], (1, 12, 4), options("BatchToSpaceNDOptions"))))
    return net, net.binary("MUL", parts[0], parts[1])


def depthwise_with_multiplier() -> Built:
    net = Net(1, 6, 6, 2)
    option = options("DepthwiseConv2DOptions", padding=0, strideH=2, strideW=2, depthMultiplier=3)
    x = net.op("DEPTHWISE_CONV_2D", [net.input, net.weights(1, 3, 3, 6), net.weights(6)], (1, 3, 3, 6), option)
    return net, net.binary("MUL", x, net.weights(6))


def half_precision_weights() -> Built:
    net = Net(1, 4, 4, 2)
    data = net.random.normal(0, 1, (3, 1, 1, 2)).astype(np.float16)
    weights = net.op("DEQUANTIZE", [net.constant(data)], data.shape)
    option = options("Conv2DOptions", padding=1, strideH=1, strideW=1)
    return net, net.op("CONV_2D", [net.input, weights, net.weights(3)], (1, 4, 4, 3), option)


CASES: list[tuple[Callable[[], Built], list[str]]] = [
    (up_by_tile, ["CONV_2D", "RESIZE_NEAREST_NEIGHBOR", "CONV_2D"]),
    (up_by_concatenation, ["RESIZE_NEAREST_NEIGHBOR"]),
    (padded_conv, ["CONV_2D"]),
    (padding_wider_than_the_kernel, ["PAD", "CONV_2D"]),
    (padded_channels, ["PAD", "CONV_2D"]),
    (relu_alone, ["CONV_2D"]),
    (relu_of_a_shared_result, ["CONV_2D", "RELU", "ADD"]),
    (affine_after_conv, ["CONV_2D"]),
    (affine_after_relu, ["CONV_2D", "DEPTHWISE_CONV_2D", "CONV_2D"]),
    (scale_before_padded_conv, ["CONV_2D"]),
    (affine_before_valid_conv, ["CONV_2D"]),
    (affine_before_dense, ["FULLY_CONNECTED"]),
    (flattening, ["CONV_2D", "FULLY_CONNECTED"]),
    (reshape_to_the_output, ["CONV_2D"]),
    (a_reshape_that_moves, ["CONV_2D", "RESHAPE", "CONV_2D"]),
    (pool_over_the_map, ["MEAN"]),
    (pool_with_padding, ["AVERAGE_POOL_2D", "MAX_POOL_2D"]),
    (mean_of_one_row, ["MEAN"]),
    (swish, ["CONV_2D", "SWISH"]),
    (dense_on_every_pixel, ["CONV_2D"]),
    (grouped, ["CONV_2D"]),
    (dilated_by_batches, ["CONV_2D"]),
    (dilated_gate_of_a_series, ["CONV_2D", "TANH", "CONV_2D", "LOGISTIC", "MUL"]),
    (depthwise_with_multiplier, ["DEPTHWISE_CONV_2D"]),
    (half_precision_weights, ["CONV_2D"]),
]


def simplified(data: bytes) -> Graph:
    graph = read_graph(data, "test.tflite")
    simplify(graph)
    return graph


def assert_computes_the_same(data: bytes, graph: Graph) -> None:
    shape = graph.tensors[graph.inputs[0]].shape
    x = np.random.default_rng(7).uniform(-2, 2, (3, *shape[1:])).astype(np.float32)
    expected = run_litert(data, x)
    actual = run(graph, x)[graph.outputs[0]]
    assert actual.shape == expected.shape
    assert np.abs(actual - expected).max() <= 1e-4 * max(np.abs(expected).max(), 1e-3)


@pytest.mark.parametrize(("build", "kinds"), CASES, ids=[build.__name__ for build, _ in CASES])
def test_a_pass_applies_and_keeps_the_outputs(build: Callable[[], Built], kinds: list[str]) -> None:
    net, output = build()
    data = net.build(output)
    graph = simplified(data)
    assert [op.kind for op in graph.ops] == kinds
    assert_computes_the_same(data, graph)


@pytest.mark.parametrize("build", [build for build, _ in CASES], ids=[build.__name__ for build, _ in CASES])
def test_activations_of_the_simplified_graph_are_tensors_of_the_file(build: Callable[[], Built]) -> None:
    net, output = build()
    graph = simplified(net.build(output))
    assert all(tensor.index < len(net.graph.tensors) for tensor in graph.activations())
    assert graph.outputs == [output]


@pytest.mark.parametrize("size", [(3, 4), (4, 6), (5, 7), (6, 3), (1, 5), (7, 1), (10, 17)])
@pytest.mark.parametrize(("corners", "centers"), [(False, False), (True, False), (False, True)])
def test_nearest_neighbour_picks_the_pixels_that_tflite_picks(size: tuple[int, int], corners: bool, centers: bool) -> None:
    net = Net(1, size[0], size[0] + 1, 2)
    option = options("ResizeNearestNeighborOptions", alignCorners=corners, halfPixelCenters=centers)
    out = net.op("RESIZE_NEAREST_NEIGHBOR", [net.input, net.constant([size[1], 2 * size[1]])], (1, size[1], 2 * size[1], 2), option)
    data = net.build(out)
    graph = simplified(data)
    x = np.random.default_rng(3).normal(size=(1, size[0], size[0] + 1, 2)).astype(np.float32)
    np.testing.assert_array_equal(run(graph, x)[out], run_litert(data, x))


def test_tiling_that_is_no_up_sampling_stays() -> None:
    net = Net(1, 3, 4, 2)
    graph = simplified(net.build(net.tile(net.input, 1, 2, 1, 1)))
    assert [op.kind for op in graph.ops] == ["TILE"]


def test_unknown_operators_keep_their_tflite_name() -> None:
    net = Net(1, 3, 4, 2)
    graph = simplified(net.build(net.unary("LOCAL_RESPONSE_NORMALIZATION", net.conv(net.input, 2, 1))))
    assert [(op.kind, op.attrs) for op in graph.ops][1:] == [("LOCAL_RESPONSE_NORMALIZATION", {})]


def test_a_multiplication_of_two_activations_stays() -> None:
    net = Net(1, 3, 4, 2)
    graph = simplified(net.build(net.binary("MUL", net.conv(net.input, 2, 1), net.input)))
    assert [op.kind for op in graph.ops] == ["CONV_2D", "MUL"]


def test_an_operator_nobody_reads_is_dropped() -> None:
    net = Net(1, 3, 4, 2)
    net.conv(net.input, 7)
    graph = simplified(net.build(net.conv(net.input, 2)))
    assert len(graph.ops) == 1 and len(graph.tensors) == 4


def test_shared_weights_are_not_scaled_twice() -> None:
    net = Net(1, 4, 4, 2)
    weights, bias, scale = net.weights(2, 1, 1, 2), net.weights(2), net.weights(2)
    option = options("Conv2DOptions", padding=1, strideH=1, strideW=1)
    first = net.binary("MUL", net.op("CONV_2D", [net.input, weights, bias], (1, 4, 4, 2), option), scale)
    second = net.binary("MUL", net.op("CONV_2D", [net.unary("RELU", first), weights, bias], (1, 4, 4, 2), option), scale)
    data = net.build(second)
    graph = simplified(data)
    assert [op.kind for op in graph.ops] == ["CONV_2D", "CONV_2D"]
    assert_computes_the_same(data, graph)
