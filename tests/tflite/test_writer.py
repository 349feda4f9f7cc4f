"""The .tflite that carries a program: a valid flatbuffer, aligned, and refused if anything in it was changed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter

from builders.ports import ports_of
from builders.programs import operator_program, random_program
from dqa import program as p
from dqa.errors import ProgramError
from dqa.tflite.custom_options import custom_options
from dqa.tflite.reader import read_groups, read_tflite
from dqa.tflite.writer import TfliteBuilder, write_tflite


def tflite_of(program: p.Program) -> bytes:
    ports = ports_of(program)
    return write_tflite(p.write(program), program, ports.inputs, ports.outputs, {"source": "model.h5"})


@pytest.mark.parametrize("seed", range(20))
def test_the_program_read_from_a_tflite_is_the_one_written(seed: int) -> None:
    program = random_program(seed)
    data = tflite_of(program)
    assert read_tflite(data) == p.write(program)
    assert data == tflite_of(program)
    assert data.index(b"DQAP") % 16 == 0


def test_litert_reads_the_file_and_lacks_only_the_operator() -> None:
    program = operator_program(p.Kind.CONV_2D)
    interpreter = Interpreter(model_content=tflite_of(program))
    (given,), edge = interpreter.get_input_details(), program.inputs[0]
    assert given["shape"].tolist() == [1, edge.height, edge.width, edge.channels]
    assert given["quantization_parameters"]["scales"].tolist() == [0.25]
    with pytest.raises(RuntimeError, match="unresolved custom op: DQA"):
        interpreter.allocate_tensors()


def test_ports_become_quantization_parameters() -> None:
    program = operator_program(p.Kind.ADD)
    ports = ports_of(program)
    channels = program.inputs[0].channels
    given = replace(ports.inputs[0], scale=tuple(0.5 + i for i in range(channels)), zero_point=(3.0,))
    result = replace(ports.outputs[0], zero_point=(0.5,))
    model = schema.ModelT.InitFromPackedBuf(write_tflite(p.write(program), program, [given], [result]))
    tensors = model.subgraphs[0].tensors
    assert tensors[0].quantization.scale.tolist() == list(given.scale)
    assert tensors[0].quantization.zeroPoint.tolist() == [3] * channels
    assert tensors[0].quantization.quantizedDimension == 3
    assert tensors[1].quantization is None  # half a step cannot be said


def test_every_flipped_bit_of_the_custom_options_is_refused() -> None:
    program = operator_program(p.Kind.MEAN)
    data = tflite_of(program)
    options = custom_options(p.write(program), program)
    start = data.index(options)
    for at in range(start, start + len(options)):
        for bit in range(8):
            changed = bytearray(data)
            changed[at] ^= 1 << bit
            with pytest.raises(ProgramError, match="custom options"):
                read_tflite(bytes(changed))


@pytest.mark.parametrize("seed", range(6))
def test_any_flipped_bit_is_refused_or_leaves_the_program_as_it_was(seed: int) -> None:
    program = random_program(seed)
    data, rng = tflite_of(program), np.random.default_rng(seed)
    refused = 0
    for at in rng.integers(0, len(data), 400):
        changed = bytearray(data)
        changed[at] ^= 1 << rng.integers(8)
        try:
            assert read_tflite(bytes(changed)) == p.write(program)
        except ProgramError as error:
            assert error.hint
            refused += 1
    assert refused > 200


def test_a_program_that_is_longer_or_shorter_than_its_tensor_is_refused() -> None:
    program = operator_program(p.Kind.PAD)
    for change in (-4, 4):
        model = schema.ModelT.InitFromPackedBuf(tflite_of(program))
        (tensor,) = [tensor for tensor in model.subgraphs[0].tensors if tensor.name == b"dqa_program"]
        tensor.shape = [tensor.shape[0] + change]
        builder = TfliteBuilder()
        builder._model, builder._graph = model, model.subgraphs[0]
        with pytest.raises(ProgramError, match="buffer"):
            read_tflite(builder.finish(builder._graph.inputs, builder._graph.outputs, ""))


@pytest.mark.parametrize("size", [0, 4, 8, 100, -40])
def test_a_truncated_file_is_refused(size: int) -> None:
    with pytest.raises(ProgramError, match="tflite"):
        read_tflite(tflite_of(operator_program(p.Kind.LUT))[:size])


def test_text_and_models_without_dqa_are_refused() -> None:
    builder = TfliteBuilder()
    tensors = [builder.tensor(name, [1, 4], "int8") for name in "ab"]
    builder.custom("OTHER", tensors[:1], tensors[1:], b"")
    for data in (b"this is not a model, but a text", builder.finish(tensors[:1], tensors[1:], "")):
        with pytest.raises(ProgramError):
            read_tflite(data)


def test_a_model_may_hold_several_groups() -> None:
    programs = [operator_program(p.Kind.LUT, seed) for seed in (1, 2)]
    builder, tensors = TfliteBuilder(), []
    for program in programs:
        ports = ports_of(program)
        ends = [builder.tensor(port.name, [1, *port.shape], port.dtype, port=port) for port in (*ports.inputs, *ports.outputs)]
        builder.dqa(p.write(program), program, ends[:1], ends[1:])
        tensors.append(ends)
    data = builder.finish([tensors[0][0], tensors[1][0]], [tensors[0][1], tensors[1][1]], "")
    assert [group.program_bytes for group in read_groups(data)] == [p.write(program) for program in programs]
    with pytest.raises(ProgramError, match="2 DQA operators"):
        read_tflite(data)


def test_ports_that_do_not_fit_are_refused() -> None:
    program = operator_program(p.Kind.ADD)
    ports = ports_of(program)
    for wrong in (
        (),
        (*ports.inputs, *ports.inputs),
        (replace(ports.inputs[0], shape=(1,)),),
        (replace(ports.inputs[0], dtype="float32"),),
    ):
        with pytest.raises(ProgramError):
            write_tflite(p.write(program), program, wrong, ports.outputs)
