"""Random corruptions of programs under sanitizers: refused with a status, or run without touching a byte too many."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from c_tools import sanitized
from dqa import program as p
from programs import operator_program, random_program


def corrupt(count: int, seed: int, programs: list[bytes], directory: Path) -> dict[str, int]:
    """How many corruptions had each status, and how many were accepted and run ("ran")."""
    paths = [directory / f"{number}.dqa" for number in range(len(programs))]
    for path, data in zip(paths, programs, strict=True):
        path.write_bytes(data)
    result = subprocess.run([sanitized("fuzz_corrupt"), str(count), str(seed), *paths], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    *statuses, ran = result.stdout.splitlines()
    found = {name: int(number) for _, number, name in (line.split(maxsplit=2) for line in statuses)}
    assert sum(found.values()) == count
    return {**found, "ran": int(ran.split()[1])}


def small_programs() -> list[bytes]:
    return [*(p.write(operator_program(kind)) for kind in p.Kind), *(p.write(random_program(seed)) for seed in range(20))]


def test_corrupt_programs_of_every_operator_are_refused_or_run_without_a_finding(tmp_path: Path) -> None:
    found = corrupt(20_000, 1, small_programs(), tmp_path)
    reached = {name for name, count in found.items() if count}
    unreachable = {"arena too small", "bad argument"}  # statuses of the caller, not of the bytes
    assert reached == set(found) - unreachable
    assert found["ran"] > 1000


@pytest.mark.slow
def test_100000_corruptions_of_one_program_give_no_finding(tmp_path: Path) -> None:
    found = corrupt(100_000, 2, [p.write(random_program(9))], tmp_path)
    assert found["ran"] > 5000
