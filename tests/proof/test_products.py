"""The products that use a processor's own instructions give the bytes of the readable ones."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest

from builders.firmware import needs_compiler, needs_qemu, write_out
from builders.programs import Builder, random_edge
from dqa import program as p
from dqa.device import bare, boards
from dqa.device.client import Device
from dqa.device.simulate import Simulator
from dqa.operators.fully_connected import FullyConnected
from reference import mirror

pytestmark = [needs_compiler, needs_qemu]

DSP, MVE = {"smlad", "smlatt", "sxtb16"}, {"dlstp"}


class Fine(Builder):
    """Its edges have 8 bits, so that wrong sums show."""

    def edge(self, shape: tuple[int, int, int], like: int | None = None) -> int:
        self.edges.append(random_edge(self.rng, f"map {len(self.edges)}", shape, 8, -128, exact=True))
        return len(self.edges) - 1


def products() -> p.Program:
    """Convolutions and dense layers, some of 4-bit weights, whose runs have all lengths modulo 8 and begin at any alignment."""
    builder = Fine(7)
    source = builder.input((6, 7, 13))
    same = p.Window(3, 3, 1, 1, 1, 1, 1, 1)

    def weights(*shape: int) -> np.ndarray:
        return builder.rng.integers(-128, 128, shape).astype(np.int8)

    wide = builder.convolve(source, same, weights(22, 3, 3, 13), (6, 7))
    odd = builder.convolve(wide, p.Window(1, 1), weights(9, 1, 1, 22), (6, 7))
    for channels in (1, 2, 3):
        builder.convolve(odd, p.Window(2, 4, 1, 2, 1, 1, 0, 1), weights(channels, 2, 4, 9), (5, 3))
    builder.convolve(odd, p.Window(3, 2, 1, 1, 2, 3, 2, 2), weights(5, 3, 2, 9), (6, 8))
    deep = builder.convolve_depthwise(wide, same, weights(3, 3, 22), (6, 7))
    builder.convolve_depthwise(odd, p.Window(3, 3, 2, 2, 1, 1, 1, 0), weights(3, 3, 45), (3, 3))
    FullyConnected.grow(builder, FullyConnected.grow(builder, deep))
    return builder.finish()


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("products") / "out"
    write_out(directory, products())
    return directory


def used(elf: Path, names: set[str]) -> set[str]:
    """Those of some instructions that the compiler does not use on its own that a firmware has."""
    text = subprocess.run(["arm-none-eabi-objdump", "-d", elf], capture_output=True, text=True, check=True).stdout
    return {name for name in names if f"\t{name}" in text}


@pytest.mark.parametrize(("name", "fast"), [("mps2_an386", DSP), ("mps2_an500", DSP), ("mps3_an547", MVE)])
def test_fast_and_portable_products_give_the_mirrors_bytes(name: str, fast: set[str], out: Path) -> None:
    program = products()
    rng = np.random.default_rng(0)
    samples = [rng.integers(0, 256, (6, 7, 13)).astype(np.uint8) for _ in range(3)] + [np.zeros((6, 7, 13), np.uint8)]
    kind = np.uint8 if program.edges[0].storage is p.Storage.RAW_UINT8 else np.int8
    expected = [b"".join(o.tobytes() for o in mirror.run(program, [x.view(kind)]).outputs) for x in samples]
    assert len({value for answer in expected for value in answer}) > 100
    for portable in (False, True):
        elf = bare.build(out, name, portable=portable).elf
        assert used(elf, fast) == (set() if portable else fast)
        with Simulator(boards.load_board(name), elf) as simulator:
            device = Device(simulator.link, reply_timeout=20)
            hello = device.hello()
            assert [device.infer(hello, x.tobytes())[0] for x in samples] == expected
