"""What `decide` gives whole: scales that the integer arithmetic reaches, rings with their rows and reasons."""

from __future__ import annotations

import numpy as np
import pytest

from builders.networks import Net, statistics_of
from dqa.operators.arithmetic import finest_useful
from dqa.program import Storage, minimum_capacity
from dqa.quantization.calibrated import BorderFormat, Calibrated
from dqa.quantization.decide import decide, free_ranges
from dqa.quantization.formats import Reason
from dqa.quantization.shared_range import StorageChoice
from dqa.quantization.weights.integer import folded_weights
from dqa.support.settings import ConvertConfig

SIZE = 6


def chain(weight_bits: int = 8) -> tuple[Calibrated, int]:
    """Three convolutions calibrated with black images, all but constant; the output of the first."""
    net = Net(3, SIZE, SIZE, 3)
    first = net.conv(0, 5)
    graph = net.finish(net.conv(net.conv(first, 6), 4))
    bias = graph.tensors[graph.ops[0].inputs[2]].data
    assert bias is not None
    bias[:] = [1e-9, 1e-6, 1e-3, 1, 1e-12]
    given = {0: BorderFormat("uint8", np.full(3, 1 / 255), np.zeros(3))}
    statistics = statistics_of(graph, np.zeros((2, SIZE, SIZE, 3), np.float32))
    return Calibrated(graph, statistics, given, ConvertConfig(weight_bits=weight_bits)), first


@pytest.mark.parametrize("weight_bits", [8, 4])
def test_scales_are_within_reach_of_the_integer_arithmetic(weight_bits: int) -> None:
    network, first = chain(weight_bits)
    formats = decide(network)
    folded = folded_weights(network.graph, network.graph.ops[0], formats, 8, limited=False)
    least = finest_useful(folded.scales)
    assert (formats[first].scales >= least).all()
    assert np.isclose(formats[first].scales[[0, 4]], least[[0, 4]]).all() or weight_bits == 4  # as fine as it gets, and no finer


@pytest.mark.parametrize(("storage", "bits"), [(Storage.RING, 8), (Storage.MAP, 4)])
def test_a_choice_says_all_of_a_ring(storage: Storage, bits: int) -> None:
    network, first = chain()
    assert [first] in [list(free.members) for free in free_ranges(network)]
    found = decide(network, {first: StorageChoice(storage, bits, ring_rows=2, reason=Reason.PASSING)})[first]
    edge = found.edge("", network.graph.tensors[first].hwc)
    assert (found.storage, found.ring_rows, found.reason) == (storage, 2, Reason.PASSING)
    assert found.capacity == minimum_capacity(edge) < minimum_capacity(decide(network)[first].edge("", (SIZE, SIZE, 5)))


def test_a_ring_has_no_more_rows_than_the_map() -> None:
    network, first = chain()
    assert decide(network, {first: StorageChoice(Storage.RING, ring_rows=SIZE + 9)})[first].ring_rows == SIZE


def test_a_ring_has_rows() -> None:
    with pytest.raises(ValueError, match="a ring of 0 rows"):
        StorageChoice(Storage.RING)


def test_what_binds_the_scales_is_found_once() -> None:
    network, _ = chain()
    assert network.ties is network.ties
