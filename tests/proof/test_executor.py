"""The executor against the numpy mirror: programs stored and streamed, in every layout, also under sanitizers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from builders.borders import CONVOLUTIONS, bordered
from builders.c_tools import flat
from builders.comparisons import check
from builders.programs import GROWERS, Builder, operator_program, place, random_inputs, random_program
from builders.streams import ladder, streamed
from dqa import program as p
from dqa.engine.host import HostModel
from dqa.operators.concatenation import Concatenation
from dqa.operators.conv_2d import Conv2D


@pytest.mark.parametrize("kind", p.Kind, ids=lambda kind: kind.name.lower())
def test_each_operator_gives_the_mirrors_bytes(kind: p.Kind, tmp_path: Path) -> None:
    check([operator_program(kind, seed) for seed in range(15)], tmp_path)


@pytest.mark.parametrize("first", range(0, 100, 20))
def test_random_programs_give_the_mirrors_bytes(first: int, tmp_path: Path) -> None:
    check([random_program(seed) for seed in range(first, first + 20)], tmp_path)


def test_streamed_programs_give_the_mirrors_bytes(tmp_path: Path) -> None:
    check([streamed(ladder(seed), seed) for seed in range(60)], tmp_path)
    check([streamed(operator_program(kind, seed, exact=1.0), seed, cut=0.0) for kind in p.Kind for seed in range(4)], tmp_path)
    check([streamed(bordered(seed, kind), seed) for kind in CONVOLUTIONS for seed in range(30)], tmp_path)


@pytest.mark.slow
def test_many_random_programs_give_the_mirrors_bytes(tmp_path: Path) -> None:
    check([random_program(seed) for seed in range(1000, 1600)], tmp_path)
    check([streamed(ladder(seed), seed) for seed in range(1000, 1600)], tmp_path)


def wide_programs() -> Iterator[p.Program]:
    """Channels and rows long enough for vectors, blocks of channels and their remainders."""
    for kind in (p.Kind.CONV_2D, p.Kind.DEPTHWISE_CONV_2D, p.Kind.FULLY_CONNECTED, p.Kind.ADD, p.Kind.MAX_POOL_2D):
        for channels in (31, 32, 33, 70):
            builder = Builder(channels)
            source = builder.input((5, 6, channels))
            GROWERS[kind](builder, source)
            yield builder.finish()


def test_wide_operators_give_the_mirrors_bytes(tmp_path: Path) -> None:
    check(list(wide_programs()), tmp_path)


def test_answers_do_not_depend_on_what_the_arena_held() -> None:
    for seed in range(20):
        program = random_program(seed)
        model = HostModel(p.write(program))
        samples = np.stack([flat(random_inputs(program, seed + i)) for i in range(3)])
        together = model.run(samples, jobs=1).outputs  # the second and third find the first's leavings
        alone = np.concatenate([model.run(sample[None], jobs=1).outputs for sample in samples])
        np.testing.assert_array_equal(together, alone)


def identity_conv(window: p.Window, source: p.Edge, out: tuple[int, int]) -> p.Program:
    """One output channel that sums the window of a one-channel input, in steps of 1."""
    output = p.Edge("out", *out, 1, p.Storage.RAW_INT8, 8, 0, -128, 0, out[0] * out[1])
    weights = np.full((1, window.kernel_h, window.kernel_w, 1), 1, np.int8)
    one = p.Requantization(np.zeros(1, np.int32), np.array([2**30], np.int32), np.array([1], np.uint8))
    op = Conv2D("sum", (0,), 1, window, weights * 8, one)  # 8 * 2^30 / 2^33 = 1
    edges = (source, output)
    return p.Program(edges, (op,), 1, 1, place(list(edges), [op], 0), place(list(edges), [op], 2))


def test_a_convolution_by_hand() -> None:
    source = p.Edge("in", 3, 3, 1, p.Storage.RAW_UINT8, 8, 0, -128, -126, 9)  # byte 2 is zero
    model = HostModel(p.write(identity_conv(p.Window(2, 2, 2, 2, 1, 1, 1, 1), source, (2, 2))))
    image = np.array([[128 + v for v in (1, 2, 3, 4, 5, 6, 7, 8, 9)]], np.uint8)
    # Padding is -126: top left sees three of it and 1.
    np.testing.assert_array_equal(model.run(image).outputs, [[-128, -128, -128, 5 + 6 + 8 + 9]])


def test_two_inputs_come_one_after_the_other() -> None:
    builder = Builder(0)
    ends = [builder.input((1, 1, 2)), builder.input((1, 1, 3))]
    for end in ends:
        builder.edges[end] = replace(builder.edges[end], storage=p.Storage.RAW_INT8)
    out = builder.edge((1, 1, 5), like=ends[0])
    builder.edges[out] = p.Edge("out", 1, 1, 5, p.Storage.RAW_INT8, 8, 0, -128, 0, 5)
    builder.ops.append(Concatenation("both", (ends[0], ends[1]), out, 2))
    model = HostModel(p.write(builder.finish()))
    assert model.input_sizes == (2, 3)
    np.testing.assert_array_equal(model.run(np.array([[1, 2, 3, 4, 5]], np.int8)).outputs, [[1, 2, 3, 4, 5]])
