"""Dense weights as pairs of outputs: what they hold, and what is refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from builders.c_tools import load, parameters_at, patched
from builders.programs import place
from dqa import program as p
from dqa.errors import ProgramError
from dqa.operators.fully_connected import FullyConnected
from dqa.operators.pairs import fits_pairs, pack_pairs, unpack_pairs

OPERATOR = 8


def dense(weights: np.ndarray, *, pairs: bool, rows: int = 1) -> p.Program:
    outputs, inputs = weights.shape
    edges = [p.Edge("in", rows, 1, inputs // rows, p.Storage.RAW_INT8, 8, 0, -128, 0, inputs)]
    edges += [p.Edge("out", 1, 1, outputs, p.Storage.RAW_INT8, 8, 0, -128, 0, outputs)]
    requantization = p.Requantization(np.zeros(outputs, np.int32), np.full(outputs, 2**30, np.int32), np.full(outputs, 7, np.uint8))
    ops: list[p.Operator] = [FullyConnected("dense", (0,), 1, weights, requantization, None, pairs)]
    return p.Program(tuple(edges), tuple(ops), 1, 1, place(edges, ops, 0), place(edges, ops, 2))


def weights_of(outputs: int, inputs: int) -> np.ndarray:
    return np.random.default_rng(outputs * inputs).integers(-127, 128, (outputs, inputs)).astype(np.int8)


def test_pairs_lie_as_the_format_says() -> None:
    weights = weights_of(8, 12)
    packed = pack_pairs(weights).reshape(2, 3, 2, 2, 2)
    for g, k, odd, pair, half in np.ndindex(packed.shape):
        first, second = weights[4 * g + 2 * pair : 4 * g + 2 * pair + 2, 4 * k + odd + 2 * half]
        assert packed[g, k, odd, pair, half] == 256 * int(second) + int(first)
    assert np.array_equal(unpack_pairs(pack_pairs(weights), weights.shape), weights)


def test_reader_writer_and_loader_agree_on_pairs() -> None:
    data = p.write(dense(weights_of(4, 8), pairs=True))
    assert load(data) == 0 and p.write(p.read(data)) == data
    assert np.array_equal(p.read(data).ops[0].weights, weights_of(4, 8))  # type: ignore[attr-defined]


@pytest.mark.parametrize(("outputs", "inputs", "rows"), [(6, 8, 1), (4, 6, 1), (4, 12, 2)])
def test_layers_that_are_no_whole_groups_have_no_pairs(outputs: int, inputs: int, rows: int) -> None:
    program = dense(weights_of(outputs, inputs), pairs=False, rows=rows)
    assert not program.ops[0].laid_out(*program.edges).in_pairs
    with pytest.raises(ProgramError, match="do not fit pairs"):
        p.write(replace(program, ops=(replace(program.ops[0], pairs=True),)))  # type: ignore[call-arg]
    data = p.write(program)
    data = patched(data, int.from_bytes(data[28:32], "little") + 22, "<B", 3)
    assert load(data) == OPERATOR
    with pytest.raises(ProgramError):
        p.read(data)


@pytest.mark.parametrize("pair", [0x0080, 0x8000, 0x7FFF, 0x8001])
def test_a_weight_of_minus_128_in_a_pair_is_refused(pair: int) -> None:
    data = p.write(dense(weights_of(4, 8), pairs=True))
    at = int.from_bytes(data[(place_of := parameters_at(data, p.Kind.FULLY_CONNECTED)) : place_of + 4], "little")
    data = patched(data, at + 6, "<H", pair)
    assert load(data) == OPERATOR
    with pytest.raises(ProgramError, match="pairs"):
        p.read(data)


def test_sums_that_do_not_fit_are_refused_at_the_bound() -> None:
    weights = np.full((4, 520), 127, np.int8)
    least = dense(weights, pairs=False)
    total = (1 << 23) // 128
    weights[1::2] = 0
    weights[1::2, : total // 127] = 127
    weights[1::2, total // 127] = total % 127
    for last, fits in ((total % 127, False), (total % 127 - 1, True)):
        weights[3, total // 127] = weights[1, total // 127] = last
        assert fits_pairs(weights, least.edges[0]) == fits
        data = p.write(dense(weights, pairs=False))
        packed = pack_pairs(weights).ravel().tolist()
        at = int.from_bytes(data[(place_of := parameters_at(data, p.Kind.FULLY_CONNECTED)) : place_of + 4], "little")
        data = patched(data, int.from_bytes(data[28:32], "little") + 22, "<B", 3)
        assert load(patched(data, at, f"<{len(packed)}h", *packed)) == (0 if fits else OPERATOR)
