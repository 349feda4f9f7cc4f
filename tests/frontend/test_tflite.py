"""Reading .tflite files: what is in them, and refusing what is damaged, quantized or hostile."""

from __future__ import annotations

import struct
from pathlib import Path

import flatbuffers
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from builders.graphs import read_graph
from dqa.errors import ModelError
from dqa.frontend import load_model
from dqa.frontend.names import layer_name
from dqa.frontend.passes import simplify
from dqa.tflite.flatbuffer import Budget, FlatbufferError, Table
from tflite_builder import Net, options


def small() -> bytes:
    net = Net(1, 6, 6, 2)
    x = net.conv(net.pad(net.input, [[0, 0], [1, 1], [1, 1], [0, 0]]), 3, activation="RELU")
    return net.build(net.dense(net.reshape(net.binary("MUL", x, net.weights(3)), 1, 108), 4))


def refusal(data: bytes) -> ModelError:
    with pytest.raises(ModelError) as caught:
        read_graph(data, "small.tflite")
    assert "small.tflite" in caught.value.message and caught.value.hint
    return caught.value


def test_options_become_attributes_with_explicit_padding() -> None:
    net = Net(1, 7, 8, 2)
    option = options("Conv2DOptions", padding=0, strideH=2, strideW=3, dilationHFactor=1, dilationWFactor=1, fusedActivationFunction=3)
    out = net.op("CONV_2D", [net.input, net.weights(4, 5, 2, 2), -1], (1, 4, 3, 4), option)
    graph = read_graph(net.build(out), "m")
    (op,) = graph.ops
    expected = {"stride_h": 2, "stride_w": 3, "dilation_h": 1, "dilation_w": 1, "activation": "RELU6"}
    # rows: (4 - 1) * 2 + 5 - 7 = 4; columns: (3 - 1) * 3 + 2 - 8 = 0
    assert op.attrs == {**expected, "pad_top": 2, "pad_bottom": 2, "pad_left": 0, "pad_right": 0}
    bias = graph.tensors[op.inputs[2]].data
    assert bias is not None and not bias.any()


def test_same_padding_puts_the_odd_row_after() -> None:
    net = Net(1, 6, 6, 1)
    option = options("Pool2DOptions", padding=0, strideH=2, strideW=2, filterHeight=3, filterWidth=3)
    (op,) = read_graph(net.build(net.op("MAX_POOL_2D", [net.input], (1, 3, 3, 1), option)), "m").ops
    assert [op.attrs[side] for side in ("pad_top", "pad_bottom", "pad_left", "pad_right")] == [0, 1, 0, 1]


def test_axes_are_those_of_the_nhwc_tensor() -> None:
    net = Net(1, 6, 4)
    pooled = net.op("MEAN", [net.input, net.constant([-2])], (1, 4), options("ReducerOptions"))
    both = net.op("CONCATENATION", [pooled, pooled], (1, 8), options("ConcatenationOptions", axis=-1))
    mean, joined = read_graph(net.build(both), "m").ops
    assert mean.attrs["axes"] == (1,) and joined.attrs["axis"] == 3


def test_every_truncation_is_refused() -> None:
    data = small()
    for length in range(0, len(data), 37):
        refusal(data[:length])


def test_damaged_bytes_are_refused_or_give_a_graph() -> None:
    data = small()
    random = np.random.default_rng(5)
    refused = 0
    for _ in range(1500):
        damaged = bytearray(data)
        for place in random.integers(0, len(data), 3):
            damaged[place] = random.integers(256)
        try:
            simplify(read_graph(bytes(damaged), "damaged.tflite"))
        except ModelError:
            refused += 1
    assert refused > 300


def test_tables_shared_endlessly_use_up_the_budget() -> None:
    builder = flatbuffers.Builder(0)
    schema.SubGraphStart(builder)
    shared = schema.SubGraphEnd(builder)
    schema.ModelStartSubgraphsVector(builder, 2000)
    for _ in range(2000):
        builder.PrependUOffsetTRelative(shared)
    vector = builder.EndVector()
    schema.ModelStart(builder)
    schema.ModelAddSubgraphs(builder, vector)
    builder.Finish(schema.ModelEnd(builder), b"TFL3")
    data = bytes(builder.Output())
    root = struct.unpack_from("<I", data)[0]
    assert len(Table(data, root, Budget(5000)).tables(2)) == 2000
    with pytest.raises(FlatbufferError, match="objects"):
        Table(data, root, Budget(3000)).tables(2)


def test_a_quantized_model_is_refused_by_name() -> None:
    net = Net(1, 4, 4, 2)
    out = net.op("QUANTIZE", [net.input], (1, 4, 4, 2), dtype="int8")
    assert "quantized" in refusal(net.build(out)).message


def test_a_model_that_is_not_frozen_is_told_to_be(tmp_path: Path) -> None:
    net = Net(1, 4)
    handle = net.op("VAR_HANDLE", [], (1,), dtype="resource")
    weights = net.op("READ_VARIABLE", [handle], (4, 2))
    out = net.op("BATCH_MATMUL", [net.input, weights], (1, 2))
    (tmp_path / "m.tflite").write_bytes(net.build(out))
    with pytest.raises(ModelError, match="not frozen") as caught:
        load_model(tmp_path / "m.tflite")
    assert "freeze the model" in caught.value.hint


@pytest.mark.parametrize("kind", ["TRANSPOSE", "MEAN"])
def test_more_dimensions_than_a_program_has_are_refused_with_the_layer(kind: str, tmp_path: Path) -> None:
    net = Net(1, 4, 6, 2)
    inner = net.reshape(net.input, 1, 2, 2, 6, 2)
    numbers, shape = ([0, 2, 1, 3, 4], (1, 2, 2, 6, 2)) if kind == "TRANSPOSE" else ([1, 2], (1, 6, 2))
    odd = net.op(kind, [inner, net.constant(numbers)], shape)
    net.graph.tensors[inner].name = net.graph.tensors[odd].name = "net/odd/Work"
    (tmp_path / "m.tflite").write_bytes(net.build(net.reshape(odd, 1, int(np.prod(shape)))))
    with pytest.raises(ModelError, match="more than 4 dimensions") as caught:
        load_model(tmp_path / "m.tflite")
    assert "'odd'" in caught.value.message and "(1, 2, 2, 6, 2)" in caught.value.message and caught.value.hint


@pytest.mark.parametrize("case", ["input", "dense"])
def test_a_vector_of_more_than_16_bits_of_values_is_refused_with_the_layer(case: str, tmp_path: Path) -> None:
    net = Net(1, 65_536 if case == "input" else 4)
    first = net.dense(net.input, 2 if case == "input" else 65_536)
    net.graph.tensors[first].name = "net/wide/MatMul"
    (tmp_path / "m.tflite").write_bytes(net.build(net.dense(first, 2)))
    with pytest.raises(ModelError, match="more than 65,535") as caught:
        load_model(tmp_path / "m.tflite")
    assert ("'t0'" if case == "input" else "'wide'") in caught.value.message and "Flatten" in caught.value.hint


def test_weights_that_are_not_finite_are_refused() -> None:
    net = Net(1, 2, 2, 1)
    assert "NaN" in refusal(net.build(net.binary("MUL", net.input, net.constant([np.nan])))).message


def test_a_batch_other_than_one_is_refused() -> None:
    net = Net(4, 6, 6, 2)
    assert "batch" in refusal(net.build(net.unary("RELU", net.input))).message


def test_more_inputs_than_a_program_has_are_refused() -> None:
    net = Net(1, 4)
    for _ in range(8):
        net.another_input(1, 4)
    assert "9 inputs, expected 1 to 8" in refusal(net.build(net.dense(net.input, 2))).message


def test_a_wrong_output_shape_is_refused() -> None:
    net = Net(1, 6, 6, 2)
    option = options("Conv2DOptions", padding=1, strideH=1, strideW=1)
    out = net.op("CONV_2D", [net.input, net.weights(4, 3, 3, 2), net.weights(4)], (1, 5, 4, 4), option)
    assert "(1, 5, 4, 4)" in refusal(net.build(out)).message


def test_a_stride_of_zero_is_refused() -> None:
    net = Net(1, 6, 6, 2)
    out = net.op("CONV_2D", [net.input, net.weights(4, 3, 3, 2), net.weights(4)], (1, 4, 4, 4), options("Conv2DOptions", padding=1))
    assert "stride" in refusal(net.build(out)).message


def test_an_operator_that_reads_ahead_is_refused() -> None:
    net = Net(1, 2, 2, 1)
    ahead = net.tensor((1, 2, 2, 1))
    assert "before it is written" in refusal(net.build(net.unary("RELU", ahead))).message


def test_load_model_gives_bytes_graph_and_digest(tmp_path: Path) -> None:
    path = tmp_path / "small.tflite"
    path.write_bytes(small())
    model = load_model(path)
    assert model.tflite == path.read_bytes() and len(model.sha256) == 64
    assert model.input.shape == (1, 6, 6, 2) and model.output.shape == (1, 4)
    assert [op.kind for op in model.graph.ops] == ["CONV_2D", "FULLY_CONNECTED"]


def test_a_model_that_litert_refuses_is_one_error(tmp_path: Path) -> None:
    net = Net(1, 4, 4, 2)
    path = tmp_path / "wrong.tflite"
    path.write_bytes(net.build(net.op("FLOOR", [net.input, net.input], (1, 4, 4, 2))))
    with pytest.raises(ModelError, match=r"wrong\.tflite"):
        load_model(path)


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("missing.h5", None, "no such file"),
        ("empty.h5", b"", "is empty"),
        ("text.h5", b"hello, I am a text file\n", "is not an HDF5 file"),
        ("text.keras", b"hello, I am a text file\n", "is not a .keras archive"),
        ("text.tflite", b"hello, I am a text file\n", "is not a TensorFlow Lite model"),
        ("noise.tflite", bytes(np.random.default_rng(1).integers(0, 256, 4000, np.uint8)), "is not a TensorFlow Lite model"),
        ("archive.h5", b"PK\x03\x04" + b"\0" * 100, "it is a .keras archive"),
        ("model.pth", b"\x08\x07\x12\x07pytorch", "is not a model file"),
        ("short.tflite", b"\x1c\0\0\0TFL3", "corrupt TensorFlow Lite model"),
        ("noise2.tflite", b"\x1c\0\0\0TFL3" + bytes(np.random.default_rng(2).integers(0, 256, 4000, np.uint8)), "noise2.tflite"),
    ],
)
def test_a_file_that_is_no_model_is_one_error(tmp_path: Path, name: str, content: bytes | None, says: str) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ModelError) as caught:
        load_model(path)
    assert says in caught.value.message and name in caught.value.message and caught.value.hint
    assert "\n" not in caught.value.message


def test_a_directory_without_a_saved_model_is_one_error(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"without saved_model\.pb"):
        load_model(tmp_path)


@pytest.mark.parametrize(
    ("tensor", "layers", "layer"),
    [
        ("m_1/relu_1/Relu;m_1/bn_1/batchnorm/add_1;m_1/conv_1/convolution;m_1/bn_1/batchnorm/sub1", ["relu", "bn", "conv"], "conv"),
        ("f_1/m_1/conv2d_1_2/BiasAdd;f_1/m_1/conv2d_1_2/convolution", ["conv2d", "conv2d_1"], "conv2d_1"),
        ("f_1/m_1/dense_1/MatMul;f_1/m_1/dense_1/BiasAdd", ["dense", "dense_1"], "dense"),
        ("f_1/m_1/inner_1/dense/MatMul", ["inner", "dense"], "dense"),
        ("f_1/m_1/up_1/Repeat/Tile", ["up"], "up"),
        ("f_1/m_1/up_1/Tile", [], "up_1"),
        ("StatefulPartitionedCall_1:0", ["dense"], None),
    ],
)
def test_layers_are_found_in_fused_names(tensor: str, layers: list[str], layer: str | None) -> None:
    assert layer_name(tensor, layers) == layer
