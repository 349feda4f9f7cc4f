# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The dqa authors
"""Builds firmware.elf with the arm-none-eabi-gcc on PATH; the board's own flags come from the project."""

from SCons.Script import AlwaysBuild, Default, DefaultEnvironment

env = DefaultEnvironment()
env.Replace(
    AR="arm-none-eabi-gcc-ar",
    AS="arm-none-eabi-gcc",
    CC="arm-none-eabi-gcc",
    CXX="arm-none-eabi-g++",
    RANLIB="arm-none-eabi-gcc-ranlib",
    SIZETOOL="arm-none-eabi-size",
    ARFLAGS=["rc"],
    PROGNAME="firmware",
    PROGSUFFIX=".elf",
    SIZEPRINTCMD="$SIZETOOL -B -d $SOURCES",
)
env.Append(
    ASFLAGS=["-mthumb"],
    CCFLAGS=["-mthumb", "-ffunction-sections", "-fdata-sections"],
    CXXFLAGS=["-fno-rtti", "-fno-exceptions"],
    LINKFLAGS=["-mthumb", "-Wl,--gc-sections"],
    LIBS=["m", "c", "gcc"],
)

program = env.BuildProgram()
AlwaysBuild(env.Alias("size", program, env.VerboseAction("$SIZEPRINTCMD", "Calculating size $SOURCE")))
Default([program, env.Alias("size")])
