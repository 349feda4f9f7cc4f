"""Networks that end in an argmax: the program gives the scores, predict and the header the index of the largest."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

import dqa
from builders.graphs import read_graph
from dqa.calibration import float_outputs
from dqa.errors import ModelError
from dqa.frontend import load_model
from dqa.frontend.passes import simplify
from tflite_builder import Net, options, run_litert

needs_gcc = pytest.mark.skipif(shutil.which("gcc") is None, reason="needs gcc")
RANDOM = np.random.default_rng(3)


def argmax(net: Net, x: int, axis: int = -1, shape: tuple[int, ...] | None = None) -> int:
    axes = net.constant(np.array(axis, np.int32))
    return net.op("ARG_MAX", [x, axes], shape or net.shape(x)[:-1], options("ArgMaxOptions", outputType=2), "int32")


def classes() -> bytes:
    """Of a vector: a softmax before, casts and reshapes behind."""
    net = Net(1, 12)
    scores = net.op("SOFTMAX", [net.dense(net.input, 5)], (1, 5), options("SoftmaxOptions", beta=1.0))
    place = net.op("CAST", [argmax(net, scores)], (1,), options("CastOptions", inDataType=2, outDataType=0))
    return net.build(net.reshape(place, 1, 1))


def pixels() -> bytes:
    net = Net(1, 8, 7, 3)
    return net.build(argmax(net, net.conv(net.input, 4)))


@needs_gcc
@pytest.mark.parametrize(("data", "shape", "answers", "metric"), [(classes(), (12,), (), "top1"), (pixels(), (8, 7, 3), (6, 5), "miou")])
def test_the_answer_is_the_index_of_the_largest(
    data: bytes, shape: tuple[int, ...], answers: tuple[int, ...], metric: str, tmp_path: Path
) -> None:
    (tmp_path / "m.tflite").write_bytes(data)
    x = RANDOM.normal(0, 1, (64, *shape)).astype(np.float32)
    expected = run_litert(data, x).astype(np.int64).reshape(64, *answers)
    made = dqa.convert(tmp_path / "m.tflite", x, tmp_path / "out", bits=8)
    assert "Softmax" not in {layer["kind"] for layer in made.report["layers"]}
    assert any("is an argmax" in note for note in made.report["notes"])
    found = made.predict(x)
    assert found.dtype == np.int64 and found.shape == expected.shape
    second, first = np.moveaxis(np.sort(scores := float_outputs(load_model(tmp_path / "m.tflite"), x), axis=-1)[..., -2:], -1, 0)
    apart = first - second > 0.05 * (scores.max() - scores.min())
    assert apart.mean() > 0.5
    np.testing.assert_array_equal(found[apart], expected[apart])
    measured = made.evaluate(x, expected)
    assert (measured.metric, measured.float_value) == (metric, 1.0)
    assert measured.outputs.shape[:-1] == expected.shape
    assert in_c(tmp_path, measured.outputs, made.report["interface"]["outputs"][0]) == found.ravel().tolist()
    assert "dqa_model_argmax" in (tmp_path / "out" / "README.md").read_text()


MAIN = """
#include "model.h"
#include <stdio.h>
int main(void) {
  int8_t scores[DQA_MODEL_OUTPUT_CHANNELS];
  while (fread(scores, 1, sizeof scores, stdin) == sizeof scores) {
    printf("%u ", dqa_model_argmax(scores, DQA_MODEL_OUTPUT_CHANNELS));
  }
  return 0;
}
"""


def in_c(folder: Path, reals: np.ndarray, port: dict[str, list[float]]) -> list[int]:
    """What the header says of a program's scores."""
    (folder / "main.c").write_text(MAIN)
    includes = ["-Iout/src", "-Iout/firmware/lib/dqa/include"]
    warnings = ["-std=c99", "-Wall", "-Wextra", "-Wconversion", "-Werror"]
    subprocess.run(["gcc", *warnings, *includes, "main.c", "-o", "main"], cwd=folder, check=True)
    bytes_ = np.rint(reals / port["scale"][0] + port["zero_point"][0]).astype(np.int8)
    return [int(i) for i in subprocess.run([folder / "main"], input=bytes_.tobytes(), capture_output=True, check=True).stdout.split()]


def test_scores_and_their_index_are_two_outputs(tmp_path: Path) -> None:
    net = Net(1, 12)
    scores = net.dense(net.input, 5)
    soft = net.op("SOFTMAX", [scores], (1, 5), options("SoftmaxOptions", beta=1.0))
    (tmp_path / "m.tflite").write_bytes(net.build(soft, argmax(net, soft)))
    x = RANDOM.normal(0, 1, (40, 12)).astype(np.float32)
    made = dqa.convert(tmp_path / "m.tflite", x, tmp_path / "out", bits=8)
    first, second = (port["name"] for port in made.report["interface"]["outputs"])
    probabilities = made.predict(x, first)
    assert probabilities.shape == (40, 5) and probabilities.dtype == np.float32
    assert (probabilities.argmax(axis=1) == made.predict(x, second)).mean() > 0.9


def test_the_scores_once_more_are_refused() -> None:
    net = Net(1, 12)
    scores = net.dense(net.input, 5)
    with pytest.raises(ModelError, match="are the same"):
        read_graph(net.build(scores, argmax(net, scores)), "m")


def test_another_axis_is_refused() -> None:
    net = Net(1, 6, 6, 3)
    with pytest.raises(ModelError, match="argmax not over the last axis") as caught:
        read_graph(net.build(argmax(net, net.conv(net.input, 4), 1, (1, 4, 4))), "m")
    assert "end the model with the scores" in caught.value.hint


def test_a_batch_that_was_left_out_is_there_again() -> None:
    net = Net(1, 12)
    graph = read_graph(net.build(argmax(net, net.reshape(net.dense(net.input, 5), 5), 0, ())), "m")
    simplify(graph)
    assert graph.argmax == (0,)
    assert [op.kind for op in graph.ops] == ["FULLY_CONNECTED"]
