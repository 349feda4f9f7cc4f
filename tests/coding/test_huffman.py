"""Huffman codes: complete, canonical, optimal under the length limit, and inverted by their decoder."""

from __future__ import annotations

import heapq
import itertools

import numpy as np
import pytest

from dqa.coding import HuffmanTable


def unlimited_cost(counts: list[int]) -> int:
    heap = [max(1, count) for count in counts]
    heapq.heapify(heap)
    cost = 0
    while len(heap) > 1:
        merged = heapq.heappop(heap) + heapq.heappop(heap)
        cost += merged
        heapq.heappush(heap, merged)
    return cost


@pytest.mark.parametrize("symbol_bits", [1, 2, 3, 4])
def test_codes_are_prefix_free_and_survive_a_round_trip(symbol_bits: int) -> None:
    rng = np.random.default_rng(symbol_bits)
    for _ in range(30):
        counts = rng.integers(0, 3 ** rng.integers(1, 12, 1 << symbol_bits))
        table = HuffmanTable.from_counts(counts, max_length=int(rng.integers(symbol_bits, 9)))
        words = [f"{code:0{length}b}" for code, length in zip(table.codes, table.lengths, strict=True)]
        assert not any(b.startswith(a) for a, b in itertools.permutations(words, 2))
        symbols = rng.integers(0, 1 << symbol_bits, rng.integers(0, 100))
        coded = table.encode(symbols)
        assert len(coded) == -(-table.encoded_bits(np.bincount(symbols, minlength=1 << symbol_bits)) // 8)
        assert np.array_equal(table.decode(coded, len(symbols)), symbols)


def test_an_unconstrained_code_costs_what_huffman_costs() -> None:
    rng = np.random.default_rng(1)
    for _ in range(100):
        counts = [int(count) for count in rng.integers(1, 40, 8)]  # 8 symbols need at most 7 bits: the limit never binds
        assert HuffmanTable.from_counts(counts).encoded_bits(counts) == unlimited_cost(counts)


def test_a_limited_code_is_the_best_of_all_complete_codes() -> None:
    rng = np.random.default_rng(2)
    complete = [lengths for lengths in itertools.product(range(1, 5), repeat=8) if sum(16 >> length for length in lengths) == 16]
    for _ in range(10):
        counts = [int(2**exponent) for exponent in rng.integers(0, 14, 8)]
        best = min(sum(c * length for c, length in zip(counts, lengths, strict=True)) for lengths in complete)
        assert HuffmanTable.from_counts(counts, max_length=4).encoded_bits(counts) == best


def test_codewords_follow_from_lengths_in_canonical_order() -> None:
    table = HuffmanTable((2, 1, 3, 3))
    assert table.codes == (0b10, 0b0, 0b110, 0b111)
    assert table.max_length == 3
    assert table.decode_table == (0x11, 0x11, 0x11, 0x11, 0x20, 0x20, 0x32, 0x33)
    assert table.encode([0, 1, 2, 3]).tolist() == [0b10011011, 0b10000000]


@pytest.mark.parametrize("lengths", [(1, 2), (1, 1, 1, 1), (0, 1), (9, 1), (1,), (2, 2, 2), (1, 2, 2)])
def test_an_incomplete_or_impossible_code_is_refused(lengths: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="Huffman"):
        HuffmanTable(lengths)


def test_a_stream_that_ends_early_is_refused() -> None:
    table = HuffmanTable((1, 2, 3, 3))
    with pytest.raises(ValueError, match="end"):
        table.decode(table.encode([3, 3, 3, 3]), 10)
    with pytest.raises(ValueError, match="end inside"):
        table.decode([0xFF], 3)


def test_symbols_that_never_occurred_still_have_a_codeword() -> None:
    table = HuffmanTable.from_counts([1000, 0, 0, 0])
    assert sorted(table.lengths) == [1, 2, 3, 3]
    assert table.lengths[0] == 1
