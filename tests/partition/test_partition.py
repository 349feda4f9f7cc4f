"""A graph is cut into DQA groups and builtins that can take turns, and formats that cannot be one are parted by copies."""

from __future__ import annotations

import numpy as np
import pytest

from builders.graphs import read_graph
from builders.mixed_models import concatenation, difference, softmax
from dqa.graph import Graph, Op, Tensor
from dqa.partition.copies import CopiedGraph
from dqa.partition.partition import builtins, groups, joined
from dqa.quantization.calibrated import BorderFormat
from tflite_builder import Net, options

BUILTIN, RUN = "SQUARED_DIFFERENCE", "ADD"


def random_graph(seed: int) -> Graph:
    """ADDs, which DQA runs, and SQUARED_DIFFERENCEs, which it does not, of random earlier results."""
    random = np.random.default_rng(seed)
    tensors = {t: Tensor(t, f"t{t}", (1, 2, 2, 3)) for t in range(40)}
    ops = []
    for t in range(1, 40):
        inputs = [int(i) for i in random.integers(max(0, t - 6), t, 2)]
        ops.append(Op(BUILTIN if random.random() < 0.3 else RUN, f"op{t}", inputs, [t], {"activation": "NONE"}))
    return Graph(tensors, ops, [0], [39])


@pytest.mark.parametrize("seed", range(30))
def test_groups_and_builtins_can_run_one_after_the_other(seed: int) -> None:
    graph = random_graph(seed)
    parts = groups(graph)
    assert sorted(op.name for part in parts for op in part.ops) == sorted(op.name for op in graph.ops if op.kind == RUN)
    waiting: list[tuple[set[int], set[int]]] = [(set(part.inputs), set(part.outputs)) for part in parts]
    waiting += [(set(op.inputs), set(op.outputs)) for op, _ in builtins(graph)]
    ready = {0}
    while waiting:
        runnable = [step for step in waiting if step[0] <= ready]
        assert runnable, "a circle"
        for step in runnable:
            waiting.remove(step)
            ready |= step[1]
    assert ready >= set(graph.outputs)
    written = [t for part in parts for t in part.outputs]
    assert len(written) == len(set(written))


@pytest.mark.parametrize("seed", range(10))
def test_the_groups_as_one_graph_have_the_borders_as_ends(seed: int) -> None:
    graph = random_graph(seed)
    parts = groups(graph)
    part = joined(graph, parts)
    by_builtins = {t for op, _ in builtins(graph) for t in op.outputs}
    read = {t for op in part.ops for t in op.inputs}
    assert set(part.inputs) == read & (by_builtins | {0})
    assert set(part.outputs) == {t for group in parts for t in group.outputs}


def test_a_graph_without_builtins_is_one_group_itself() -> None:
    graph = random_graph(0)
    for op in graph.ops:
        op.kind = RUN
    assert groups(graph) == [graph]


def given(net: Net, *tensors: tuple[int, float, float]) -> dict[int, BorderFormat]:
    return {t: BorderFormat("int8", np.full(net.shape(t)[-1], scale), np.full(net.shape(t)[-1], zero)) for t, scale, zero in tensors}


def separated(network: bytes, formats: dict[int, BorderFormat]) -> CopiedGraph:
    copied = CopiedGraph(read_graph(network, "test"))
    copied.separate(formats)
    return copied


@pytest.mark.parametrize(
    ("activation", "scale", "zero", "copies"),
    [
        ("RELU", 0.1, -128.0, 0),
        ("RELU", 0.1, -100.0, 1),  # the range goes below 0
        ("RELU6", 6 / 255, -128.0, 0),
        ("RELU6", 7 / 255, -128.0, 1),
        ("RELU_N1_TO_1", 2 / 255, 0.0, 0),
        ("RELU_N1_TO_1", 3 / 255, 0.0, 1),
        ("NONE", 0.1, 5.0, 0),
    ],
)
def test_a_copy_follows_an_activation_that_the_given_range_does_not_clamp_to(
    activation: str, scale: float, zero: float, copies: int
) -> None:
    net = Net(1, 6, 6, 3)
    x = net.conv(net.input, 4, activation=activation)
    other = net.conv(net.input, 4)
    copied = separated(net.build(difference(net, x, other)), given(net, (x, scale, zero), (other, 0.1, 0.0)))
    assert len(copied.origin) == copies
    if copies:
        producer = copied.graph.producer(x)
        assert producer is not None and producer.kind == "DEPTHWISE_CONV_2D"
        conv = copied.graph.producer(producer.inputs[0])
        assert conv is not None and conv.attrs["activation"] == activation
        assert copied.origin == {conv.outputs[0]: x}


def test_softmax_keeps_its_own_format() -> None:
    net = Net(1, 6, 6, 3)
    x, other = softmax(net, net.conv(net.input, 4)), net.conv(net.input, 4)
    formats = given(net, (x, 1 / 256, -128.0), (other, 0.1, 0.0))
    assert list(separated(net.build(difference(net, x, other)), formats).origin.values()) == [x]


@pytest.mark.parametrize(("scale", "copies"), [(0.1, 0), (0.2, 1)])
def test_two_builtins_with_a_pool_between_share_a_format_only_if_it_is_the_same(scale: float, copies: int) -> None:
    net = Net(1, 4, 4, 3)
    x = difference(net, net.input, net.input)
    pool = net.op(
        "MAX_POOL_2D", [x], (1, 2, 2, 3), options("Pool2DOptions", padding=1, strideH=2, strideW=2, filterHeight=2, filterWidth=2)
    )
    copied = separated(net.build(difference(net, pool, pool)), given(net, (x, 0.1, 3.0), (pool, scale, 3.0)))
    assert len(copied.origin) == copies


def test_what_a_concatenation_joins_keeps_its_own_format() -> None:
    net = Net(1, 4, 4, 3)
    parts = [difference(net, net.input, net.input), difference(net, net.input, net.input)]
    joint = concatenation(net, *parts)
    formats = given(net, (parts[0], 0.1, 0.0), (parts[1], 0.2, 0.0))
    assert sorted(separated(net.build(net.conv(joint, 2)), formats).origin.values()) == parts


def test_the_graph_that_is_given_stays_as_it_is() -> None:
    net = Net(1, 4, 4, 3)
    graph = read_graph(net.build(difference(net, net.input, net.input)), "test")
    before = repr(graph)
    copied = CopiedGraph(graph)
    copied.free_inputs()
    assert repr(graph) == before
    assert copied.graph.ops[0].kind == "DEPTHWISE_CONV_2D"
    assert set(copied.graph.ops[1].inputs) == set(copied.origin)
