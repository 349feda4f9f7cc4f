"""From graphs and statistics to programs: the integers follow the floats."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from builders.networks import EIGHT, Net, convert, images, residual, scaled
from dqa.errors import ModelError
from dqa.graph import Graph
from dqa.graph.execute import run
from dqa.lowering.build import build, edge_order
from dqa.partition.copies import CopiedGraph
from dqa.program import Storage, read, write
from dqa.quantization.serialize import from_mapping, to_mapping
from dqa.report import stored_bits
from dqa.support.settings import ConvertConfig
from reference import mirror


@pytest.mark.parametrize("seed", range(4))
def test_eight_bit_programs_follow_the_float_network(seed: int) -> None:
    graph = residual(seed)
    x = images(seed, 24, graph)
    program, formats = convert(graph, x, EIGHT)

    expected = run(graph, scaled(x))
    order = edge_order(graph)
    for i in range(6):
        got = mirror.run(program, [x[i]])
        for tensor, values in zip(order[1:], got.edges[1:], strict=True):
            fmt = formats[tensor]
            real = (values.reshape(-1, len(fmt.scales)).astype(np.float64) - fmt.zero_points) * fmt.scales
            reference = expected[tensor][i].reshape(real.shape)
            spread = np.abs(expected[tensor]).max()
            assert np.sqrt(np.mean((real - reference) ** 2)) < 0.02 * spread, graph.tensors[tensor].name


@pytest.mark.parametrize(
    "config",
    [
        ConvertConfig(),
        ConvertConfig(layout="planes", method="direct"),
        ConvertConfig(layout="planes", bits=3, extra_bits=3, error_coding="raw"),
    ],
)
def test_programs_survive_being_written_and_read(config: ConvertConfig) -> None:
    graph = residual(1)
    x = images(1, 16, graph)
    program, _ = convert(graph, x, config)
    data = write(program)

    assert write(read(data)) == data
    again = mirror.run(read(data), [x[0]]).outputs[0]
    assert np.array_equal(again, mirror.run(program, [x[0]]).outputs[0])


def relative_error(graph: Graph, x: np.ndarray, config: ConvertConfig) -> float:
    """Root mean square error of the activations, relative to each one's largest value."""
    program, formats = convert(graph, x, config)
    expected = run(graph, scaled(x))
    errors = []
    for i in range(4):
        for tensor, values in zip(edge_order(graph), mirror.run(program, [x[i]]).edges, strict=True):
            fmt = formats[tensor]
            real = (values.reshape(-1, len(fmt.scales)).astype(np.float64) - fmt.zero_points) * fmt.scales
            errors.append(np.sqrt(np.mean((real - expected[tensor][i].reshape(real.shape)) ** 2)) / np.abs(expected[tensor]).max())
    return float(np.mean(errors))


def test_more_bits_give_a_smaller_error() -> None:
    graph = residual(2)
    x = images(2, 24, graph)
    two, four, six = (relative_error(graph, x, ConvertConfig(layout="planes", method="direct", bits=bits)) for bits in (2, 4, 6))

    assert two > 2 * four > 4 * six


def test_shifting_errors_make_codes_of_equal_width_better() -> None:
    graph = residual(3)
    x = images(3, 24, graph)
    none = ConvertConfig(layout="planes", bits=3, extra_bits=3, important=0.0)
    plain = relative_error(graph, x, none)
    some, every = (relative_error(graph, x, replace(none, important=r, error_coding="raw")) for r in (0.5, 1.0))

    assert plain > 1.2 * some > 1.4 * every


def test_direct_channels_are_rounded_without_bias() -> None:
    graph = residual(4)
    x = images(4, 16, graph)
    program, formats = convert(graph, x, ConvertConfig(layout="planes", extra_bits=1, important=0.0))
    expected = run(graph, scaled(x))
    first = edge_order(graph).index(graph.ops[0].outputs[0])
    tensor = graph.ops[0].outputs[0]
    fmt = formats[tensor]

    errors = []
    for i in range(8):
        real = mirror.run(program, [x[i]]).edges[first].reshape(-1, 8) * fmt.scales
        inside = expected[tensor][i].reshape(-1, 8)
        keep = (inside > 0) & (inside < fmt.scales * fmt.high)
        errors.append(((real - inside) / (2 * fmt.scales))[keep])

    assert abs(np.concatenate(errors).mean()) < 0.05


def test_the_recipes_edges_rebuild_the_same_program() -> None:
    graph = residual(5)
    x = images(5, 16, graph)
    program, formats = convert(graph, x, ConvertConfig())

    assert write(build(graph, from_mapping(graph, to_mapping(graph, formats)))) == write(program)


def test_small_edges_and_borders_keep_eight_bits() -> None:
    graph = residual(6)
    program, _ = convert(graph, images(6, 16, graph), ConvertConfig())
    storages = [edge.storage for edge in program.edges]

    assert storages[0] is Storage.RAW_UINT8
    assert storages[1] is Storage.RAW_INT8
    assert stored_bits(program) < 6


def test_an_operator_without_a_counterpart_is_named_with_its_layer() -> None:
    net = Net(7, 4, 4, 2)
    net.graph.outputs = [net.op("SPACE_TO_DEPTH", [0], (1, 2, 2, 8))]

    with pytest.raises(ModelError, match=r"layer 'space_to_depth_1': SPACE_TO_DEPTH cannot be converted"):
        build(net.graph, {})


def test_an_almost_constant_channel_does_not_break_the_requantization() -> None:
    net = Net(8, 6, 6, 3)
    conv = net.conv(0, 4, activation="NONE")
    weights, bias = (net.graph.tensors[t] for t in net.graph.ops[0].inputs[1:])
    assert weights.data is not None and bias.data is not None
    weights.data[1] = 0
    weights.data[2] *= 1e-9
    bias.data[1:3] = 0.75
    graph = net.finish(net.conv(conv, 6))
    x = images(8, 16, graph)

    program, formats = convert(graph, x, ConvertConfig())
    values = mirror.run(program, [x[0]]).edges[edge_order(graph).index(conv)].reshape(-1, 4)

    assert np.abs(values[:, 1] * formats[conv].scales[1] - 0.75).max() < 0.1


def joined(kind: str) -> Graph:
    """A concatenation of two tensors whose ranges have nothing in common."""
    net = Net(9, 6, 6, 3)
    a = net.conv(0, 4, activation="RELU")
    makers: dict[str, Callable[[], int]] = {
        "input": lambda: 0,
        "linear": lambda: net.conv(0, 3, activation="NONE"),
        "logistic": lambda: net.op("LOGISTIC", [net.conv(0, 3, activation="NONE")], (1, 6, 6, 3)),
        "relu6": lambda: net.conv(0, 3, activation="RELU6"),
    }
    other = makers[kind]()
    both = net.op("CONCATENATION", [a, other], (1, 6, 6, 7), axis=3, activation="NONE")
    for tensor in net.graph.ops[0].inputs[1:]:
        data = net.graph.tensors[tensor].data
        assert data is not None
        data *= 6  # far beyond what a pixel, a logistic or a ReLU6 can be
    net.graph.outputs = [net.conv(both, 5, activation="NONE")]
    return net.graph


@pytest.mark.parametrize("kind", ["input", "linear", "logistic", "relu6"])
def test_concatenated_tensors_keep_their_own_ranges(kind: str) -> None:
    copied = CopiedGraph(joined(kind))
    copied.part_ranges()
    graph = copied.graph
    x = images(9, 24, graph)
    program, formats = convert(graph, x, EIGHT)

    expected = run(graph, scaled(x))
    for i in range(6):
        for tensor, values in zip(edge_order(graph), mirror.run(program, [x[i]]).edges, strict=True):
            fmt = formats[tensor]
            real = (values.reshape(-1, len(fmt.scales)).astype(np.float64) - fmt.zero_points) * fmt.scales
            reference = expected[tensor][i].reshape(real.shape)
            assert np.sqrt(np.mean((real - reference) ** 2)) < 0.02 * np.abs(expected[tensor]).max(), graph.tensors[tensor].name


def test_rectified_concatenations_need_no_copies() -> None:
    graph = residual(1)
    copied = CopiedGraph(graph)
    copied.part_ranges()

    assert len(copied.graph.ops) == len(graph.ops)
