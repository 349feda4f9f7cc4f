# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The dqa authors
"""PlatformIO pre-script: what the chosen board (platformio.ini) and the model add to a build.

The model's sources are in model/ beside platformio.ini, or in the directory named by DQA_MODEL.
With DQA_RUNTIME=tflm they run inside TensorFlow Lite Micro, which dqa build finds: DQA_TFLM_LIBRARY, DQA_TFLM_FLAGS.
With DQA_MODEL_PUSHED=1 the model takes its input row by row. DQA_PROTOCOL_FLAGS: what dqa build --protocol adds (src/main.c).
DQA_PROFILE=N, the number of its operators, makes profiling firmware.
"""

import os
import sys
from pathlib import Path

# ruff: noqa: F821 - SCons defines Import, which defines env
Import("env")

project = Path(env.subst("$PROJECT_DIR"))


def option(name):
    return env.GetProjectOption(name).split()


def directory(variable, default, file, advice):
    """The directory named by an environment variable, which must hold `file`."""
    found = Path(os.environ.get(variable) or default).resolve()
    if not (found / file).is_file():
        sys.stderr.write(f"Error: {found / file} does not exist. {advice}\n")
        env.Exit(1)
    return found


model = directory("DQA_MODEL", project / "model", "model.h", "Convert a model, or set DQA_MODEL to the src directory of one converted.")
cpu = option("custom_cpu_flags")
env.Append(
    ASFLAGS=cpu,
    CCFLAGS=[*cpu, *option("custom_defines"), *os.environ.get("DQA_PROTOCOL_FLAGS", "").split()],
    LINKFLAGS=[*cpu, *option("custom_symbols"), "-nostartfiles", f"-Wl,-Map={env.subst('$BUILD_DIR')}/firmware.map"],
    CPPPATH=[str(model), str(project / "lib" / "dqa" / "include")],
)
env.Replace(LDSCRIPT_PATH=str(project / "bsp" / env.GetProjectOption("custom_linker_script")))
env.Append(LIBPATH=[str(project / "bsp")])  # where the linker script finds link.ld
if os.environ.get("DQA_MODEL_PUSHED") == "1":
    env.Append(CPPDEFINES=[("DQA_MODEL_PUSHED", 1)])

if os.environ.get("DQA_PROFILE", "0") != "0":
    env.Append(CPPDEFINES=[("DQA_PROFILE", os.environ["DQA_PROFILE"])])

if os.environ.get("DQA_RUNTIME") == "tflm":
    if "DQA_TFLM_FLAGS" not in os.environ:
        sys.stderr.write("Error: runtime tflm is built with: dqa build OUT --board BOARD --runtime tflm --tflm DIR\n")
        env.Exit(1)
    env.MergeFlags(os.environ["DQA_TFLM_FLAGS"])  # definitions where PlatformIO looks for them, which decide about libraries
    env.Append(
        CXXFLAGS=["-std=c++17", "-fno-threadsafe-statics"],
        LIBS=[env.File(os.environ["DQA_TFLM_LIBRARY"]), "stdc++", "nosys"],
    )
else:
    env.BuildSources("$BUILD_DIR/model", str(model))
