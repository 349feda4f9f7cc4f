"""Networks with builtins on boards: the firmware's resolver has exactly the operators of the .tflite."""

from __future__ import annotations

import re
import shutil
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from elftools.elf.elffile import ELFFile

from builders.firmware import needs_compiler, needs_qemu
from builders.mixed_models import convert_bytes, gates, shared_scale
from builders.mlperf_models import Words
from builders.tflm_double import make_tree
from dqa import evaluate
from dqa.device import bare, boards, build, interpreted, project, tflm_tree
from dqa.device.simulate import Simulator
from dqa.engine.host import HostModel
from dqa.errors import InputError, RecipeError
from dqa.report import load_interface
from dqa.tflite.reader import read_groups
from dqa.tflite.schema import OPERATORS

pytestmark = [
    pytest.mark.skipif(find_spec("ai_edge_quantizer") is None, reason="needs ai-edge-quantizer (extra [builtins])"),
    pytest.mark.skipif(shutil.which("arm-none-eabi-g++") is None, reason="arm-none-eabi-g++ is not installed"),
    needs_compiler,
]
BOARD = "mps2_an386"


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tree(tmp_path_factory.mktemp("tflm"))


@pytest.fixture(scope="module")
def converted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """QUANTIZE and MAXIMUM between three DQA operators."""
    return convert_bytes(shared_scale(), tmp_path_factory.mktemp("mixed"))


def resolver(out: Path) -> tuple[list[str], int]:
    """The names that the rendered header adds, and how many operators it says there are."""
    text = interpreted.files(interpreted.load(out))["resolver.h"].decode()
    names = re.search(r"#define DQA_TFLM_BUILTINS\(X\)(.*)", text)
    count = re.search(r"#define DQA_TFLM_OPERATORS (\d+)u", text)
    assert names and count
    return re.findall(r"X\((\w+)\)", names[1]), int(count[1])


def test_the_resolver_has_the_builtins_of_the_model_and_no_other(converted: Path, tmp_path: Path) -> None:
    assert resolver(converted) == (["Maximum", "Quantize"], 3)
    names, count = resolver(convert_bytes(gates(), tmp_path))
    assert {"Maximum", "SquaredDifference", "TransposeConv"} <= set(names) and count == len(names) + 1


def test_operators_have_the_names_of_the_interpreter_s_resolver() -> None:
    named = {
        "CONV_2D": "Conv2D",
        "DEPTHWISE_CONV_2D": "DepthwiseConv2D",
        "L2_POOL_2D": "L2Pool2D",
        "SPACE_TO_BATCH_ND": "SpaceToBatchNd",
        "SPLIT_V": "SplitV",
        "PADV2": "PadV2",
        "CUMSUM": "CumSum",
        "BATCH_MATMUL": "BatchMatMul",
        "RELU6": "Relu6",
        "LOG": "Log",
        "RESIZE_NEAREST_NEIGHBOR": "ResizeNearestNeighbor",
        "UNIDIRECTIONAL_SEQUENCE_LSTM": "UnidirectionalSequenceLSTM",
    }
    assert set(named) <= set(OPERATORS.values())
    assert {kind: interpreted.method(kind) for kind in named} == named


@needs_qemu
def test_a_board_answers_as_the_groups_and_builtins_say(converted: Path, tree: Path, tmp_path: Path) -> None:
    x = np.load(converted.parent / "x.npz")["x"][:12]
    np.savez(tmp_path / "test.npz", x=x, y=np.zeros((12, 2, 2, 3), np.float32))
    found = evaluate(converted, tmp_path / "test.npz", f"sim:{BOARD}", runtime="tflm", tflm=tree)
    assert np.array_equal(found.outputs, load_interface(converted).outputs[0].to_real(by_hand(converted, x)))
    if find_spec("tflite_micro"):
        assert found.agreement == (12, 12)
    assert found.dropped_rows is None and found.ram is not None and found.ram["model"] < 8192  # measured, not estimated


def by_hand(out: Path, x: np.ndarray) -> np.ndarray:
    """The groups by the host's engine, QUANTIZE and MAXIMUM by numpy."""
    first, second, last = (HostModel(group.program_bytes) for group in read_groups((out / "model.tflite").read_bytes()))
    samples = x.reshape(len(x), -1)
    from ai_edge_litert import schema_py_generated as schema

    graph = schema.ModelT.InitFromPackedBuf((out / "model.tflite").read_bytes()).subgraphs[0]
    quantize = [op for op in graph.operators if len(op.inputs) == 1 and graph.tensors[op.inputs[0]].type == schema.TensorType.INT8]
    known = {int(op.outputs[0]): host.run(samples).outputs for op, host in zip(graph.operators, (first, second), strict=False)}
    for op in quantize:
        source, target = (graph.tensors[t].quantization for t in (op.inputs[0], op.outputs[0]))
        real = (known[int(op.inputs[0])].astype(np.float64) - source.zeroPoint[0]) * (source.scale[0] / np.float64(target.scale[0]))
        rounded = np.sign(real) * np.floor(np.abs(real) + 0.5) + target.zeroPoint[0]
        known[int(op.outputs[0])] = np.clip(rounded, -128, 127).astype(np.int8)
    (largest,) = (op for op in graph.operators if len(op.inputs) == 2 and op.builtinOptions is not None)
    maps = [known[int(t)].reshape(len(x), -1, graph.tensors[t].shape[-1]) for t in largest.inputs]
    joint = np.maximum(*maps).reshape(len(x), -1)
    return last.run(joint.view(np.uint8)).outputs


@needs_qemu
def test_it_speaks_the_benchmark_s_protocol(converted: Path, tree: Path) -> None:
    sample = np.load(converted.parent / "x.npz")["x"][:1]
    made = bare.build(converted, BOARD, tflm_tree.Tflm(tflm_tree.find(boards.load_board(BOARD), tree)), protocol="both")
    with Simulator(boards.load_board(BOARD), made.elf) as board:
        found = Words(board.link).infer(sample.tobytes())
    reals = load_interface(converted).outputs[0].to_real(by_hand(converted, sample))
    assert np.allclose(found, reals.ravel(), atol=0.0006)


def test_it_links_for_a_real_board_bare(converted: Path, tree: Path) -> None:
    for protocol in ("dqa", "mlperf", "both"):
        made = build.build(converted, "nucleo_f446re", "tflm", tree, bare=True, protocol=protocol)
        with made.elf.open("rb") as stream:
            names = {symbol.name for symbol in ELFFile(stream).get_section_by_name(".symtab").iter_symbols()}
        assert "dqa_op_conv_2d" in names and "dqa_op_transpose_conv" not in names  # of DQA's, too, only those in use


def test_a_builtin_that_the_interpreter_lacks_is_named(converted: Path, tree: Path, tmp_path: Path) -> None:
    older = tmp_path / "tree"
    shutil.copytree(tree, older)
    header = older / "tensorflow" / "lite" / "micro" / "micro_mutable_op_resolver.h"
    header.write_text(header.read_text().replace("AddMaximum(", "AddMaximumOnce("))
    with pytest.raises(InputError, match="does not have Maximum, which the model uses") as caught:
        build.build(converted, BOARD, "tflm", older, bare=True)
    assert "newer" in caught.value.hint
    tflm_tree.check_builtins(tflm_tree.find(boards.load_board(BOARD), older), ["Quantize"])


def test_without_the_interpreter_it_is_refused_with_the_way(converted: Path) -> None:
    with pytest.raises(InputError, match="stay TFLite builtins") as caught:
        build.build(converted, BOARD, bare=True)
    assert "--runtime tflm" in caught.value.hint
    with pytest.raises(InputError, match="stay TFLite builtins"):
        project.write(converted)
    with pytest.raises(RecipeError, match="cannot be profiled"):
        build.build(converted, BOARD, "tflm", profile=True)
