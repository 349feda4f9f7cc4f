"""The search for coded maps within a budget: from a float network to a program."""

from __future__ import annotations

import numpy as np
import pytest

from builders.networks import Net, images, residual, statistics_of
from dqa.errors import RecipeError
from dqa.graph import Graph
from dqa.graph.execute import run
from dqa.lowering.build import build, edge_order
from dqa.program import Program, Storage, read, write
from dqa.quantization.calibrated import BorderFormat, Calibrated
from dqa.quantization.coded.bit_allocation import BitAllocator
from dqa.quantization.coded.impact import Impacts, slopes
from dqa.quantization.coded.operating_points import OperatingPoint, allocate
from dqa.quantization.coded.search import Impact
from dqa.quantization.decide import decide, free_ranges
from dqa.quantization.formats import TensorFormat
from dqa.quantization.serialize import from_mapping, to_mapping
from dqa.support.settings import ConvertConfig
from reference import mirror

CONFIG = ConvertConfig()
GIVEN = {0: BorderFormat("uint8", np.full(3, 1 / 255), np.zeros(3))}


class Case:
    """A small network with additions, copies and a concatenation; its search."""

    def __init__(self) -> None:
        self.graph: Graph = residual(1)
        self.x = images(1, 24, self.graph)
        self.network = Calibrated(self.graph, statistics_of(self.graph, self.floats(self.x)), GIVEN, CONFIG)
        self.groups = free_ranges(self.network)
        self.maps = run(self.graph, self.floats(self.x[:12]))
        self.values = sum(int(np.prod(self.graph.tensors[t].hwc)) for group in self.groups for t in group.members)
        self.search = BitAllocator(self.graph, self.groups, self.maps, self.floats(self.x[:12]))

    @staticmethod
    def floats(x: np.ndarray) -> np.ndarray:
        return (x / np.float32(255)).astype(np.float32)

    def convert(self, bits: float) -> tuple[Program, dict[int, TensorFormat], float]:
        found = self.search.within(int(bits * self.values / 8))
        formats = decide(self.network, found.choices, found.coded)
        return build(self.graph, formats), formats, found.loss


@pytest.fixture(scope="module")
def case() -> Case:
    return Case()


def test_the_maps_together_keep_within_the_bits_asked_for(case: Case) -> None:
    free = {t for group in case.groups for t in group.members}
    for bits in (2.75, 3.5, 5):
        program, _, _ = case.convert(bits)
        stored = [edge for tensor, edge in zip(edge_order(case.graph), program.edges, strict=True) if tensor in free]
        assert 8 * sum(edge.capacity for edge in stored) <= bits * case.values
        assert any(edge.storage is Storage.CODED for edge in stored)


def test_more_bits_lose_less_as_predicted_and_as_run(case: Case) -> None:
    expected = run(case.graph, case.floats(case.x[12:18]))
    order = edge_order(case.graph)
    predicted, errors = [], []
    for bits in (2.75, 4, 6):
        program, formats, loss = case.convert(bits)
        predicted.append(loss)
        total = 0.0
        for i in range(6):
            values = mirror.run(program, [case.x[12 + i]]).edges
            for tensor, got in zip(order, values, strict=True):
                fmt = formats[tensor]
                real = (got.reshape(-1, len(fmt.scales)) - fmt.zero_points) * fmt.scales
                reference = expected[tensor][i].reshape(real.shape)
                total += float(np.mean((real - reference) ** 2)) / float(np.mean(reference**2))
        errors.append(total)

    assert predicted == sorted(predicted, reverse=True)
    assert errors[0] > 1.5 * max(errors[1:])  # the rest is of the weights


def test_tensors_that_share_a_range_share_the_width_of_their_values(case: Case) -> None:
    program, _, _ = case.convert(3)
    numbers = {tensor: number for number, tensor in enumerate(edge_order(case.graph))}
    shared = [group for group in case.groups if len(group.members) > 1]

    assert shared
    for group in shared:
        assert len({(program.edges[numbers[t]].low, program.edges[numbers[t]].bits) for t in group.members}) == 1


def test_coded_programs_survive_bytes_and_recipe_and_the_search_repeats_itself(case: Case) -> None:
    program, formats, _ = case.convert(3.3)
    data = write(program)

    assert write(read(data)) == data
    assert write(build(case.graph, from_mapping(case.graph, to_mapping(case.graph, formats)))) == data
    again = BitAllocator(case.graph, case.groups, case.maps, case.floats(case.x[:12])).within(int(3.3 * case.values / 8))
    assert to_mapping(case.graph, again.coded) == to_mapping(case.graph, case.search.within(int(3.3 * case.values / 8)).coded)


def test_a_budget_below_the_smallest_maps_is_refused(case: Case) -> None:
    with pytest.raises(RecipeError, match="bits: 10 bytes are too few") as caught:
        case.search.within(10)
    assert caught.value.hint


@pytest.mark.parametrize(
    ("key", "value", "named"),
    [
        ("tables", ["12"], "coding.tables: expected the lengths of complete codes"),
        ("tables", [], "coding.tables: expected a list of texts"),
        ("groups", "0129", "coding.groups: expected a digit"),
        ("expected", [-1], "coding.expected: expected a list of whole numbers"),
        ("share", "all", "coding.share"),
        ("contexts", [1], "coding.contexts"),
    ],
)
def test_a_coding_that_a_recipe_cannot_have_is_named(case: Case, key: str, value: object, named: str) -> None:
    _, formats, _ = case.convert(3)
    edges = to_mapping(case.graph, formats)
    edge = next(edge for edge in edges.values() if "coding" in edge)
    edge["coding"] = {**edge["coding"], key: value}

    with pytest.raises(RecipeError, match=named):
        from_mapping(case.graph, edges)


def test_a_replaced_activation_has_an_impact_that_grows_with_the_change(case: Case) -> None:
    first = case.groups[0].members[0]
    impacts = Impacts(case.graph, case.floats(case.x[:12]), [first])
    clean = case.maps[first]
    none, small, large = (next(iter(impacts.of({first: clean + change})))[1] for change in (0.0, np.float32(0.05), np.float32(0.5)))

    assert none == pytest.approx(0, abs=1e-9)
    assert 0 < small < large


def test_an_impact_follows_its_points_and_is_proportional_beyond() -> None:
    impact = Impact.of([(0.1, 0.02), (0.001, 0.0001), (0.01, 0.00005)])

    assert impact(0.001) == pytest.approx(0.0001)
    assert impact(0.01) == pytest.approx(0.0001)  # a larger loss changes no less
    assert impact(np.sqrt(0.001)) == pytest.approx(np.sqrt(0.0001 * 0.02))
    assert impact(0.2) == pytest.approx(0.04)
    assert impact(0.0001) == pytest.approx(0.00001)
    assert Impact.of([])(0.3) == 0.3


def test_a_budget_goes_where_it_lowers_the_losses_most() -> None:
    options = [
        [OperatingPoint(10, 8.0, 0), OperatingPoint(20, 4.0, 1), OperatingPoint(30, 3.0, 2)],
        [OperatingPoint(10, 2.0, 0), OperatingPoint(20, 1.9, 1), OperatingPoint(15, 5.0, 2)],
    ]

    assert [choice.key for choice in allocate(options, 30)] == [1, 0]
    assert [choice.key for choice in allocate(options, 40)] == [2, 0]
    assert [choice.key for choice in allocate(options, 50)] == [2, 1]
    assert [choice.key for choice in allocate(options, 20)] == [0, 0]


def test_slopes_are_the_squared_derivatives_of_the_answers() -> None:
    net = Net(5, 4, 4, 3)
    graph = net.finish(net.conv(0, 6), classes=1)
    x = np.random.default_rng(0).normal(size=(40, 4, 4, 3)).astype(np.float32)
    conv, mean = graph.ops[0].outputs[0], graph.ops[1].outputs[0]
    found = slopes(graph, x, [conv, mean])
    logits = run(graph, x)[graph.ops[2].outputs[0]]
    weights = np.asarray(graph.tensors[graph.ops[2].inputs[1]].data, np.float64)
    parts = [logits[i : i + 16] for i in range(0, 40, 16)]
    expected = sum(2 * len(part) / part.std() ** 2 for part in parts) * (weights**2).sum(axis=0)
    np.testing.assert_allclose(found[mean], expected, rtol=1e-4)
    np.testing.assert_allclose(found[conv], found[mean] / 16, rtol=1e-4)  # each of 16 positions is a 16th of the mean
