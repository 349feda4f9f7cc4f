"""Random corruptions of programs under sanitizers: refused with a status, or run without touching a byte too many.

    DQA_FUZZ=1000000 pytest tests/firmware_c/test_fuzz.py -k every_operator

tries so many of each build.
"""

from __future__ import annotations

import os
import struct
import subprocess
from pathlib import Path

import numpy as np
import pytest

from builders.c_tools import VARIANTS, load, sanitized, sealed
from builders.endless import endless
from builders.programs import operator_program, random_program
from builders.streams import ladder, streamed
from dqa import program as p
from dqa.errors import ProgramError
from dqa.operators.conv_2d import Conv2D
from dqa.operators.depthwise_conv_2d import DepthwiseConv2D

COUNT = int(os.environ.get("DQA_FUZZ", "30000"))


def corrupt(count: int, seed: int, programs: list[bytes], directory: Path, variant: str = "readable") -> dict[str, int]:
    """How many corruptions had each status, and how many were accepted and run ("ran")."""
    paths = [directory / f"{number}.dqa" for number in range(len(programs))]
    for path, data in zip(paths, programs, strict=True):
        path.write_bytes(data)
    result = subprocess.run(
        [sanitized("fuzz_corrupt", variant), str(count), str(seed), *paths], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    *statuses, ran, streamed = result.stdout.splitlines()
    found = {name: int(number) for _, number, name in (line.split(maxsplit=2) for line in statuses)}
    assert sum(found.values()) - found["stalled"] == count  # those that stall were accepted
    return {**found, "ran": int(ran.split()[1]), "streamed": int(streamed.split()[1])}


def small_programs() -> list[bytes]:
    streams = [streamed(ladder(seed), seed, cut=0.2) for seed in range(20)]
    return [p.write(q) for q in (*map(operator_program, p.Kind), *map(random_program, range(20)), *streams, *map(endless, range(10)))]


@pytest.mark.parametrize("variant", VARIANTS)
def test_corrupt_programs_of_every_operator_are_refused_or_run_without_a_finding(variant: str, tmp_path: Path) -> None:
    found = corrupt(COUNT, 1, small_programs(), tmp_path, variant)
    reached = {name for name, count in found.items() if count}
    unreachable = {"arena too small", "bad argument"}  # statuses of the caller, not of the bytes
    assert reached == set(found) - unreachable
    assert found["ran"] > 1000 and found["streamed"] > 100


def corrupted(data: bytes, program: p.Program, rng: np.random.Generator) -> bytes:
    """A program with one or two fields changed, mostly in its records, and a right CRC."""
    records = 64 + 40 * len(program.edges) + 24 * len(program.ops)
    changed = bytearray(data)
    for _ in range(rng.integers(1, 3)):
        at = int(rng.integers(16, records if rng.random() < 0.5 else len(data)))
        match rng.integers(3):
            case 0:
                changed[at] = int(rng.choice([0, 1, 2, 3, 4, 8, 127, 128, 255, int(rng.integers(256))]))
            case 1:
                changed[at] ^= 1 << int(rng.integers(8))
            case _:
                inside = int(rng.integers(4, len(data) // 4)) * 4
                numbers = [0, 1, 4, 64, 68, len(data) - 4, len(data), 1 << 20, 0x7FFFFFFC, 0xFFFFFFFF, inside]
                struct.pack_into("<I", changed, at & ~3, int(rng.choice(numbers)))
    return sealed(bytes(changed))


@pytest.mark.parametrize("seed", range(26))
def test_the_loader_accepts_exactly_what_pythons_reader_accepts(seed: int) -> None:
    program = streamed(ladder(seed), seed, cut=0.2) if seed % 2 else operator_program(p.Kind(1 + seed // 2), seed)
    if seed % 4 == 3:
        program = endless(seed)
    data, rng = p.write(program), np.random.default_rng(seed)
    for candidate in (corrupted(data, program, rng) for _ in range(60)):
        try:
            p.read(candidate)
            readable = True
        except ProgramError:
            readable = False
        assert (load(candidate) == 0) == readable


def coded_program() -> p.Program:
    """Convolutions between coded maps."""
    for seed in range(100):
        program = random_program(seed)
        convolutions = sum(isinstance(op, Conv2D | DepthwiseConv2D) for op in program.ops)
        if convolutions and sum(edge.coding is not None for edge in program.edges) >= 3:
            return program
    raise AssertionError("no such program")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["stored", "streamed", "coded"])
def test_100000_corruptions_of_one_program_give_no_finding(name: str, tmp_path: Path) -> None:
    program = {"stored": random_program(9), "streamed": streamed(ladder(4), 4, cut=0.2), "coded": coded_program()}[name]
    found = corrupt(100_000, 2, [p.write(program)], tmp_path)
    assert found["ran"] > 3000
