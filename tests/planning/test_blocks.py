"""What the room of blocks may cost: nothing, a share, or as much as they take."""

from __future__ import annotations

import numpy as np
import pytest

from dqa import ConvertConfig, convert
from dqa.program import Program, read
from tflite_builder import Net

MODES = ("ram", "balanced", "speed")


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Program]:
    folder = tmp_path_factory.mktemp("blocks")
    net = Net(1, 12, 12, 1)
    x = net.input
    for channels in (8, 8, 16, 24):
        x = net.conv(x, channels, 3, padding="SAME", activation="RELU")
    (folder / "m.tflite").write_bytes(net.build(net.dense(x, 4)))
    np.savez(folder / "x.npz", x=np.random.default_rng(0).normal(size=(40, 12, 12, 1)).astype(np.float32))
    found = {}
    for mode in MODES:
        convert(folder / "m.tflite", folder / "x.npz", folder / mode, ConvertConfig(bits=6, optimize=mode))  # type: ignore[arg-type]
        found[mode] = read((folder / mode / "model.dqa").read_bytes())
    return found


def test_more_room_makes_more_and_larger_blocks(programs: dict[str, Program]) -> None:
    arenas = [programs[mode].internal.arena_size for mode in MODES]
    blocks = [sum(op.block > 0 for op in programs[mode].ops) for mode in MODES]
    assert arenas == sorted(arenas) and blocks == sorted(blocks) and blocks[0] < blocks[-1]


def test_balanced_takes_its_share_at_most(programs: dict[str, Program]) -> None:
    least = programs["ram"].internal.arena_size
    assert least < programs["balanced"].internal.arena_size <= least + least // 8 + 8


def test_all_operators_that_can_have_blocks_get_them_for_speed(programs: dict[str, Program]) -> None:
    program = programs["speed"]
    able = [op for op in program.ops if op.blocks(program.edges[op.inputs[0]], program.edges[op.output])]
    assert able and all(op.block > 0 for op in able)
