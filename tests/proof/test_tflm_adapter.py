"""The C++ adapter compiles and runs before and after TensorFlow Lite Micro's move to tflite::micro.

Its interface is a test double here; the real interpreter runs the same core in tests/engine/test_tflm_host.py, and with DQA_TFLM_DIR
(a checkout of tflite-micro with its downloads) the adapter is compiled against the real headers.
"""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
from pathlib import Path

import pytest

from builders.c_tools import SOURCES
from builders.programs import random_inputs, random_program
from dqa import program as p
from dqa.engine.compile import executor_includes, executor_sources
from dqa.support import resources
from dqa.tflite.custom_options import custom_options
from reference.mirror import run

DOUBLE = SOURCES / "tflm"
ADAPTER = resources.path("firmware") / "lib" / "dqa_tflm"
FLAGS = ["-std=c++17", "-fno-rtti", "-fno-exceptions", "-Wall", "-Wextra", "-Werror"]

pytestmark = pytest.mark.skipif(shutil.which("g++") is None, reason="needs g++")


@pytest.fixture(scope="module", params=[False, True], ids=["global names", "moved to tflite::micro"])
def operator(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The adapter, the core and the executor behind the double."""
    directory = tmp_path_factory.mktemp("tflm")
    micro = directory / "tensorflow" / "lite" / "micro"
    micro.mkdir(parents=True)
    for name in ("micro_common.h", "micro_context.h", "micro_log.h"):
        (micro / name).write_text(f'#include "{DOUBLE / "interface.h"}"\n')
    includes = [f"-I{path}" for path in (directory, ADAPTER / "include", *executor_includes())]
    moved = ["-DTFLM_MOVED"] if request.param else []
    for source in (*executor_sources(), ADAPTER / "src" / "dqa_tflm_core.c"):
        subprocess.run(["gcc", "-std=c99", "-O1", *includes, "-c", source, "-o", directory / f"{source.stem}.o"], check=True)
    sources = [ADAPTER / "src" / "dqa_tflm.cc", DOUBLE / "run_operator.cc", *directory.glob("*.o")]
    subprocess.run(["g++", *FLAGS, *moved, *includes, *sources, "-o", directory / "operator"], check=True)
    return directory / "operator"


def call(operator: Path, directory: Path, program: p.Program, options: bytes, given: bytes) -> subprocess.CompletedProcess[bytes]:
    (directory / "options").write_bytes(options)
    (directory / "program").write_bytes(p.write(program))
    sizes = struct.pack("<II", program.inputs[0].values, program.outputs[0].values)
    return subprocess.run([operator, directory / "options", directory / "program"], input=sizes + given, capture_output=True, check=False)


def simple_programs() -> list[tuple[int, p.Program]]:
    found = [(seed, random_program(seed)) for seed in range(60)]
    return [(seed, program) for seed, program in found if (program.input_count, program.output_count) == (1, 1)][:8]


def test_the_adapter_gives_the_bytes_of_the_mirror(operator: Path, tmp_path: Path) -> None:
    for seed, program in simple_programs():
        inputs = random_inputs(program, seed)
        result = call(operator, tmp_path, program, custom_options(p.write(program), program), inputs[0].tobytes())
        assert result.returncode == 0, result.stderr
        assert result.stdout == run(program, inputs).outputs[0].tobytes()


def test_the_adapter_reports_what_the_core_refuses(operator: Path, tmp_path: Path) -> None:
    seed, program = simple_programs()[0]
    options = bytearray(custom_options(p.write(program), program))
    options[12] ^= 1
    result = call(operator, tmp_path, program, bytes(options), random_inputs(program, seed)[0].tobytes())
    assert result.returncode == 2
    assert result.stderr == b"DQA: the program is not the one the custom options say\n"


@pytest.mark.tflm
@pytest.mark.skipif("DQA_TFLM_DIR" not in os.environ, reason="needs DQA_TFLM_DIR, a checkout of tflite-micro with its downloads")
def test_the_adapter_compiles_against_the_real_headers(tmp_path: Path) -> None:
    tflm = Path(os.environ["DQA_TFLM_DIR"])
    downloads = tflm / "tensorflow" / "lite" / "micro" / "tools" / "make" / "downloads"
    places = [tflm, downloads / "flatbuffers" / "include", downloads / "gemmlowp", ADAPTER / "include", *executor_includes()]
    flags = ["-std=c++17", "-DTF_LITE_STATIC_MEMORY", *(f"-I{place}" for place in places)]
    subprocess.run(["g++", *flags, "-c", ADAPTER / "src" / "dqa_tflm.cc", "-o", tmp_path / "adapter.o"], check=True)
