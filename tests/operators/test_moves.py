"""What moves values: slices, splits, transposes, shuffles, resizes and reductions, from a .tflite to the host's bytes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from builders.graphs import read_graph, samples
from dqa import ConvertConfig, convert
from dqa.calibration.segments import Runner
from dqa.frontend.passes import simplify
from dqa.graph import Graph
from dqa.graph.execute import run, run_op
from dqa.graph.gradient import gradients
from dqa.partition.partition import builtins
from tflite_builder import Net, options, run_litert

Build = Callable[[Net, int], int]


def slice_of(begin: list[int], size: list[int]) -> Build:
    return lambda net, x: net.op("SLICE", [x, net.constant(begin), net.constant(size)], _size(net, x, begin, size))


def _size(net: Net, x: int, begin: list[int], size: list[int]) -> tuple[int, ...]:
    return tuple(n - b if s < 0 else s for n, b, s in zip(net.shape(x), begin, size, strict=True))


def strided(begin: list[int], end: list[int], stride: list[int], **masks: int) -> Build:
    def build(net: Net, x: int) -> int:
        shape = [len(range(*slice(b, e, s).indices(n))) for b, e, s, n in zip(begin, end, stride, net.shape(x), strict=True)]
        for axis in range(4):
            if masks.get("endMask", 0) >> axis & 1:
                shape[axis] = len(range(begin[axis], net.shape(x)[axis], stride[axis]))
        places = [net.constant(values) for values in (begin, end, stride)]
        return net.op("STRIDED_SLICE", [x, *places], tuple(shape), options("StridedSliceOptions", **masks))

    return build


def gathered(axis: int, places: list[int]) -> Build:
    def build(net: Net, x: int) -> int:
        shape = list(net.shape(x))
        shape[axis] = len(places)
        return net.op("GATHER", [x, net.constant(places)], tuple(shape), options("GatherOptions", axis=axis))

    return build


def transposed(*perm: int) -> Build:
    return lambda net, x: net.op(
        "TRANSPOSE", [x, net.constant(list(perm))], tuple(net.shape(x)[axis] for axis in perm), options("TransposeOptions")
    )


def shuffled(net: Net, x: int) -> int:
    _, height, width, channels = net.shape(x)
    groups = net.reshape(x, 1, height, width, 2, channels // 2)
    turned = net.op("TRANSPOSE", [groups, net.constant([0, 1, 2, 4, 3])], (1, height, width, channels // 2, 2), options("TransposeOptions"))
    return net.reshape(turned, 1, height, width, channels)


def resized(rows: int, columns: int, corners: bool, centers: bool) -> Build:
    def build(net: Net, x: int) -> int:
        option = options("ResizeBilinearOptions", alignCorners=corners, halfPixelCenters=centers)
        return net.op("RESIZE_BILINEAR", [x, net.constant([rows, columns])], (1, rows, columns, net.shape(x)[3]), option)

    return build


def reduced(kind: str, *axes: int) -> Build:
    def build(net: Net, x: int) -> int:
        shape = tuple(1 if axis in axes else size for axis, size in enumerate(net.shape(x)))
        return net.op(kind, [x, net.constant(list(axes))], shape, options("ReducerOptions", keepDims=True))

    return build


CASES: dict[str, tuple[Build, str]] = {
    "slice": (slice_of([0, 1, 2, 1], [1, 3, -1, 2]), "SLICE"),
    "crop": (strided([0, 1, 2, 0], [1, 5, 6, 4], [1, 1, 1, 1]), "STRIDED_SLICE"),
    "every second": (strided([0, 0, 1, 0], [1, 6, 0, 4], [1, 2, 3, 1], endMask=4), "STRIDED_SLICE"),
    "channels backwards": (strided([0, 0, 0, 3], [1, 6, 7, -5], [1, 1, 1, -1]), "STRIDED_SLICE"),
    "gather columns": (gathered(2, [3, 3, 0, 6]), "GATHER"),
    "gather channels": (gathered(3, [2, 0, 3]), "GATHER"),
    "shuffle": (shuffled, "GATHER"),
    "columns first": (transposed(0, 2, 1, 3), "TRANSPOSE"),
    "channels first": (transposed(0, 3, 1, 2), "TRANSPOSE"),
    "rows stay": (transposed(0, 1, 3, 2), "TRANSPOSE"),
    "half-pixel": (resized(12, 14, False, True), "RESIZE_BILINEAR"),
    "corners": (resized(11, 9, True, False), "RESIZE_BILINEAR"),
    "neither": (resized(5, 16, False, False), "RESIZE_BILINEAR"),
    "maximum": (reduced("REDUCE_MAX", 1, 2), "REDUCE_MAX"),
    "minimum": (reduced("REDUCE_MIN", 1, 2), "REDUCE_MIN"),
    "sum": (reduced("SUM", 1, 2), "SUM"),
    "mean of rows": (reduced("MEAN", 1), "AVERAGE_POOL_2D"),
    "maximum of columns": (reduced("REDUCE_MAX", 2), "MAX_POOL_2D"),
    "mean of channels": (reduced("MEAN", 3), "CONV_2D"),
    "sum of channels": (reduced("SUM", 3), "CONV_2D"),
}


def simplified(data: bytes) -> tuple[Graph, np.ndarray]:
    """The network after all passes, and inputs for it."""
    graph = read_graph(data, "m.tflite")
    simplify(graph)
    return graph, samples(graph, 4)


def check_against_litert(data: bytes) -> Graph:
    graph, x = simplified(data)
    expected = run_litert(data, x)
    assert np.allclose(run(graph, x)[graph.outputs[0]].reshape(expected.shape), expected, atol=1e-4)
    return graph


def network(build: Build, activation: str = "RELU") -> bytes:
    net = Net(1, 6, 7, 3)
    x = build(net, net.conv(net.input, 4, 3, padding="SAME", activation=activation))
    return net.build(net.conv(x, 3, 1))


@pytest.mark.parametrize(("build", "kind"), CASES.values(), ids=CASES)
def test_it_is_read_as_litert_runs_it(build: Build, kind: str) -> None:
    data = network(build)
    graph, x = simplified(data)
    expected = run_litert(data, x)
    assert kind in [op.kind for op in graph.ops] and not builtins(graph)
    (out,) = (run(graph, x)[index] for index in graph.outputs)
    assert np.allclose(out.reshape(expected.shape), expected, atol=1e-5)
    again = Runner(graph, batch=2).run(x)
    assert np.allclose(np.reshape(again, expected.shape), expected, atol=1e-5)


@pytest.mark.parametrize(("build", "kind"), CASES.values(), ids=CASES)
def test_the_gradient_is_the_slope(build: Build, kind: str) -> None:
    graph, x = simplified(network(build, "NONE"))
    values = run(graph, x)
    start, end = graph.ops[0].outputs[0], graph.outputs[0]
    random = np.random.default_rng(2)
    toward = random.normal(size=values[end].shape).astype(np.float32)
    slope = gradients(graph, values, {end: toward}, [start])[start]
    step = random.normal(size=values[start].shape).astype(np.float32) * 1e-3
    moved = dict(values) | {start: values[start] + step}
    for op in graph.ops[1:]:
        moved[op.outputs[0]] = run_op(graph, op, moved)
    change = float(np.sum((moved[end] - values[end]) * toward))
    assert change == pytest.approx(float(np.sum(slope * step)), rel=0.05, abs=2e-3)


@pytest.mark.parametrize("name", ["crop", "shuffle", "channels first", "half-pixel", "maximum", "sum"])
@pytest.mark.parametrize("settings", [{"ram": "auto"}, {"bits": 4}], ids=["plan", "stored"])
def test_programs_answer_as_the_network(name: str, settings: dict[str, object], tmp_path: Path) -> None:
    (tmp_path / "m.tflite").write_bytes(network(CASES[name][0]))
    x = np.random.default_rng(1).normal(size=(64, 6, 7, 3)).astype(np.float32)
    np.savez(tmp_path / "x.npz", x=x)
    found = convert(tmp_path / "m.tflite", tmp_path / "x.npz", tmp_path / "out", ConvertConfig(**settings))  # type: ignore[arg-type]
    assert found.measured is not None and found.measured.snr > 12


@pytest.mark.parametrize("kind", ["SPLIT", "SPLIT_V", "UNPACK"])
def test_parts_are_taken_one_by_one(kind: str) -> None:
    net = Net(1, 6, 5, 4)
    x = net.conv(net.input, 4, 1)
    shapes: list[tuple[int, ...]]
    if kind == "UNPACK":
        x = net.reshape(x, 1, 6, 20)
        shapes, inputs, option = [(1, 20)] * 6, [x], options("UnpackOptions", num=6, axis=1)
    elif kind == "SPLIT":
        shapes, inputs, option = [(1, 6, 5, 2)] * 2, [net.constant(np.int32(3)), x], options("SplitOptions", numSplits=2)
    else:
        sizes = net.constant([1, 3])
        shapes, inputs, option = [(1, 6, 5, 1), (1, 6, 5, 3)], [x, sizes, net.constant(np.int32(3))], options("SplitVOptions", numSplits=2)
    first = net.op(kind, inputs, shapes[0], option)
    others = [net.tensor(shape) for shape in shapes[1:]]
    net.graph.operators[-1].outputs = [first, *others]
    if kind == "UNPACK":
        packed = net.op("PACK", [others[4], first], (1, 2, 20), options("PackOptions", valuesCount=2, axis=1))
        data = net.build(net.dense(net.reshape(packed, 1, 40), 3))
    else:
        data = net.build(net.binary("ADD", net.conv(first, 3, 1), net.conv(others[-1], 3, 1)))
    graph = check_against_litert(data)
    assert not builtins(graph) and [op.kind for op in graph.ops].count("GATHER") == 2


def test_transposes_go_into_dense_layers_and_into_each_other() -> None:
    net = Net(1, 5, 6, 4)
    x = net.conv(net.input, 4, 1, activation="RELU")
    x = transposed(0, 3, 1, 2)(net, transposed(0, 2, 1, 3)(net, x))
    graph = check_against_litert(net.build(net.dense(net.reshape(x, 1, 120), 3)))
    assert [op.kind for op in graph.ops] == ["CONV_2D", "FULLY_CONNECTED"]


def test_rows_backwards_stay_a_builtin() -> None:
    net = Net(1, 6, 7, 3)
    x = strided([0, 5, 0, 0], [1, -7, 7, 3], [1, -1, 1, 1])(net, net.conv(net.input, 3, 1))
    graph, _ = simplified(net.build(net.conv(x, 2, 1)))
    ((_, why),) = builtins(graph)
    assert "rows" in why


def test_a_slice_that_drops_its_rows_stays_a_builtin() -> None:
    net = Net(1, 6, 7, 3)
    option = options("StridedSliceOptions", shrinkAxisMask=2)
    places = [net.constant(values) for values in ([0, 2, 0, 0], [1, 3, 7, 3], [1, 1, 1, 1])]
    x = net.op("STRIDED_SLICE", [net.conv(net.input, 3, 1), *places], (1, 7, 3), option)
    graph, _ = simplified(net.build(net.reshape(x, 1, 7, 1, 3)))
    assert [why for _, why in builtins(graph)] == ["its dimensions move: (1, 7, 3) becomes (7, 1, 3)"]


def test_vectors_that_are_joined_can_be_stored_in_few_bits(tmp_path: Path) -> None:
    net = Net(1, 8, 8, 3)
    map_ = net.conv(net.conv(net.input, 8, 3, padding="SAME", activation="RELU"), 16, 3, activation="RELU")
    pooled = net.op("MEAN", [map_, net.constant([1, 2])], (1, 16), options("ReducerOptions"))
    vector = net.unary("RELU", net.dense(net.reshape(net.input, 1, 192), 16))
    joined = net.op("CONCATENATION", [pooled, vector], (1, 32), options("ConcatenationOptions", axis=1))
    (tmp_path / "m.tflite").write_bytes(net.build(net.dense(joined, 4)))
    np.savez(tmp_path / "x.npz", x=np.random.default_rng(1).normal(size=(64, 8, 8, 3)).astype(np.float32))
    found = convert(tmp_path / "m.tflite", tmp_path / "x.npz", tmp_path / "out", ConvertConfig(bits=4))
    assert found.measured is not None and found.measured.snr > 12
