"""Makes conv.onnx, a small convolutional network in ONNX's order of axes (NCHW), as PyTorch exports it: needs the package onnx.

python make_onnx.py conv.onnx
"""

from __future__ import annotations

import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


def main(path: str) -> None:
    random = np.random.default_rng(1)
    weights: list[onnx.TensorProto] = []

    def constant(name: str, *shape: int) -> str:
        weights.append(numpy_helper.from_array(random.normal(0, 1 / np.sqrt(np.prod(shape[1:]) or 1), shape).astype(np.float32), name))
        return name

    def conv(x: str, name: str, out: int, inputs: int, kernel: int, **more: object) -> str:
        pads = [kernel // 2] * 4
        nodes.append(
            helper.make_node(
                "Conv",
                [x, constant(f"{name}.weight", out, inputs, kernel, kernel), constant(f"{name}.bias", out)],
                [name],
                name=name,
                kernel_shape=[kernel, kernel],
                pads=pads,
                **more,
            )
        )
        nodes.append(helper.make_node("Relu", [name], [f"{name}.relu"], name=f"{name}.relu"))
        return f"{name}.relu"

    nodes: list[onnx.NodeProto] = []
    x = conv("image", "first", 8, 3, 3, strides=[2, 2])
    y = conv(x, "depthwise", 8, 1, 3, group=8)
    nodes.append(helper.make_node("Add", [x, y], ["sum"], name="sum"))
    y = conv("sum", "wide", 16, 8, 1)
    nodes.append(helper.make_node("MaxPool", [y], ["pool"], name="pool", kernel_shape=[2, 2], strides=[2, 2]))
    nodes.append(helper.make_node("Flatten", ["pool"], ["flat"], name="flat"))
    nodes.append(
        helper.make_node("Gemm", ["flat", constant("dense.weight", 5, 256), constant("dense.bias", 5)], ["scores"], name="dense", transB=1)
    )
    ends = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in (("image", [1, 3, 16, 16]), ("scores", [1, 5]))
    ]
    graph = helper.make_graph(nodes, "conv", ends[:1], ends[1:], weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.checker.check_model(model)
    onnx.save(model, path)


if __name__ == "__main__":
    main(sys.argv[1])
