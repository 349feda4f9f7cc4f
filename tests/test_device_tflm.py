"""The firmware with runtime tflm. The interpreter is a test double, so this proves what dqa adds: finding and linking the user's library,
embedding the .tflite, the operator's registration and the firmware's use of the interpreter. With DQA_TFLM_DIR it is the real one."""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
from pathlib import Path

import numpy as np
import pytest

from dqa import program as p
from dqa.device import boards, build, evaluate
from dqa.engine.host import HostModel
from dqa.errors import ProgramError
from dqa.lowering.custom_options import custom_options
from firmware import needs_compiler, needs_qemu, random_samples, write_out
from programs import random_program

pytestmark = [
    needs_compiler,
    needs_qemu,
    pytest.mark.skipif(shutil.which("arm-none-eabi-g++") is None, reason="arm-none-eabi-g++ is not installed"),
]

DOUBLE = Path(__file__).parent / "c" / "tflm"
BOARD = boards.load_board("mps2_an386")


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tree that looks like a built TFLM tree, with the double in it."""
    root = tmp_path_factory.mktemp("tflm")
    for name in (
        *(f"micro/{name}.h" for name in ("micro_common", "micro_context", "micro_log", "micro_interpreter", "micro_mutable_op_resolver")),
        "micro/debug_log.h",
        "micro/micro_time.h",
        "schema/schema_generated.h",
        "micro/tools/make/downloads/flatbuffers/include/flatbuffers/flatbuffers.h",
    ):
        header = root / "tensorflow" / "lite" / name
        header.parent.mkdir(parents=True, exist_ok=True)
        header.write_text(f'#include "{DOUBLE / "interpreter.h"}"\n')
    library = root / "gen" / "cortex_m_generic_cortex-m4+fp_default" / "lib"
    library.mkdir(parents=True)
    flags = ["-std=c++17", "-O2", "-mthumb", "-fno-rtti", "-fno-exceptions", *BOARD.cpu_flags]
    subprocess.run(["arm-none-eabi-g++", *flags, "-c", DOUBLE / "interpreter.cc", "-o", root / "interpreter.o"], check=True)
    subprocess.run(["arm-none-eabi-gcc-ar", "rc", library / "libtensorflow-microlite.a", root / "interpreter.o"], check=True)
    return root


def write_model(out: Path) -> HostModel:
    """A model with one input and one output, and what the double takes for its .tflite."""
    program = next(q for q in map(random_program, range(100)) if (q.input_count, q.output_count) == (1, 1) and q.edges[0].values > 100)
    data = write_out(out, program)
    sizes = struct.pack("<III", program.inputs[0].values, program.outputs[0].values, len(data))
    (out / "model.tflite").write_bytes(sizes + custom_options(data, program) + data)
    return HostModel(data)


def test_the_firmware_answers_the_same_inside_the_interpreter(tree: Path, tmp_path: Path) -> None:
    host = write_model(tmp_path)
    samples = random_samples(3, sum(host.input_sizes))
    found = evaluate.run_samples(f"sim:{BOARD.name}", tmp_path, samples, runtime="tflm", tflm=tree)
    assert np.array_equal(found.outputs.view(np.int8), host.run(samples).outputs)
    assert found.flash_model == (tmp_path / "model.tflite").stat().st_size
    # the arena the interpreter was given is the model's RAM; of its stack the compiler tells nothing
    assert found.ram_model is not None and host.arena_size < found.ram_model < found.ram_static and found.stack_bound is None
    standalone = build.build(tmp_path, BOARD.name)
    assert standalone.elf != build.elf_path(tmp_path, BOARD.name, "tflm")
    assert standalone.flash_model == (tmp_path / "model.dqa").stat().st_size


def test_a_model_the_interpreter_refuses_is_reported_over_serial(tree: Path, tmp_path: Path) -> None:
    host = write_model(tmp_path)
    spoiled = bytearray((tmp_path / "model.tflite").read_bytes())
    spoiled[-1] ^= 1
    (tmp_path / "model.tflite").write_bytes(spoiled)
    with pytest.raises(ProgramError, match="status 255 \\(refused by the interpreter\\)"):
        evaluate.run_samples(f"sim:{BOARD.name}", tmp_path, random_samples(1, sum(host.input_sizes)), runtime="tflm", tflm=tree)


@pytest.mark.tflm
@pytest.mark.skipif("DQA_TFLM_DIR" not in os.environ, reason="needs DQA_TFLM_DIR, a tree in which TFLM's microlite target was made")
def test_the_firmware_answers_the_same_inside_the_real_interpreter(tmp_path: Path) -> None:
    from dqa.lowering.tflite_writer import write_tflite
    from ports import ports_of

    host = write_model(tmp_path)
    data = (tmp_path / "model.dqa").read_bytes()
    program = p.read(data)
    ports = ports_of(program)
    (tmp_path / "model.tflite").write_bytes(write_tflite(data, program, ports.inputs, ports.outputs))
    samples = random_samples(3, sum(host.input_sizes))
    found = evaluate.run_samples(f"sim:{BOARD.name}", tmp_path, samples, runtime="tflm")
    assert np.array_equal(found.outputs.view(np.int8), host.run(samples).outputs)
