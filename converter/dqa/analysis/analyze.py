"""dqa.analyze: reads a float network and says what it takes, without data."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from dqa.analysis.fitting import fit, next_steps
from dqa.analysis.result import Analysis, Dead, Flash, Layer, Ram
from dqa.analysis.stand_in import unseen
from dqa.device.boards import list_boards, load_board
from dqa.errors import ModelError
from dqa.frontend import FloatModel, ModelSource, load_model
from dqa.frontend.dead_channels import DeadChannels
from dqa.graph import Graph, Op
from dqa.lowering.build import build
from dqa.lowering.planned import Planner
from dqa.partition import partition
from dqa.partition.copies import CopiedGraph
from dqa.planning.phasing import Phasing
from dqa.program import Program, write
from dqa.quantization.calibrated import Calibrated
from dqa.quantization.decide import decide, plain_int8
from dqa.report.content import macs
from dqa.support.limits import FIRMWARE_CODE
from dqa.support.progress import Progress, SilentProgress
from dqa.support.settings import ConvertConfig, ram_budget


def analyze(model: ModelSource, board: str | None = None, ram: int | str | None = None, *, progress: Progress | None = None) -> Analysis:
    """What a model takes: for each layer whether DQA runs it, multiply-accumulates, weights and activations; RAM, flash, boards.

    model: as of dqa.convert. board: one of `dqa boards` (None: all). ram: bytes, or a size as "16k", that the arena must keep within.
    No data is needed; RAM is what a conversion's smallest plan takes, to about a tenth: only data tell how many more bits the answers need.
    Raises ModelError, BoardError (unknown board), RecipeError (a size that is none), ToolError.
    """
    progress = progress or SilentProgress()
    boards = list_boards() if board is None else (load_board(board),)
    budget = ram_budget(ram)
    read, dead = partition.slim(load_model(model))
    left = {id(op): reason for op, reason in partition.builtins(read.graph)}
    network = unseen(_part(read.graph, bool(left)), ConvertConfig(ram="auto"))
    if not network.graph.ops:
        raise ModelError(f"{read.source}: the model has no layers", hint="docs/models.md lists what DQA runs")
    with progress.task("Looking at ways to plan", None):
        planner = Planner(network)
        smallest = planner.realize(planner.search.smallest_plan()).program
        sizes = None if left else _ram(network, planner, smallest)
        flash = Flash(len(write(smallest)), len(write(_fewer(network))), FIRMWARE_CODE)
    fits = tuple(fit(one, sizes, flash) for one in boards) if sizes is not None else ()
    steps = next_steps(read, list(left.values()), sizes, flash, fits, board, budget if isinstance(budget, int) else None)
    met = (not isinstance(budget, int) or (sizes is not None and sizes.least <= budget)) and (board is None or any(f.fits for f in fits))
    return Analysis(read.source, _layers(read, left, smallest), _dead(dead), sizes, flash, fits, met, steps)


def _part(graph: Graph, mixed: bool) -> Graph:
    """What DQA runs, as one graph."""
    copied = CopiedGraph(graph)
    copied.part_ranges()
    if not mixed:
        partition.check_ends([copied.graph])
        return copied.graph
    copied.free_inputs()
    return partition.joined(copied.graph, partition.groups(copied.graph))


def _ram(network: Calibrated, planner: Planner, smallest: Program) -> Ram:
    pushed = None
    if planner.base.pushed is not None:
        pushing = Planner(network, layout="pushed")
        pushed = pushing.ram(pushing.realize(pushing.search.smallest_plan()).program)
    stored = Phasing(planner.search.problem, range(1, len(planner.base.ops))).least
    int8 = build(network.graph, plain_int8(network)).internal.arena_size
    return Ram(planner.ram(smallest), pushed, stored, int8, planner.search.limit(planner.search.smallest))


def _fewer(network: Calibrated) -> Program:
    """The program with weights of 4 bits; what is stored how does not change its size by much."""
    config = replace(network.config, weight_bits=4)
    return build(network.graph, decide(replace(network, config=config)), weight_bits=4)


def _dead(found: DeadChannels | None) -> Dead | None:
    if found is None:
        return None
    weights = sum(found.whole.weights(op) for op in found.whole.ops)
    return Dead(sum(layer.channels - layer.kept for layer in found.removed), weights, found.macs[0])


def _layers(model: FloatModel, left: dict[int, str], program: Program) -> tuple[Layer, ...]:
    graph, own = model.graph, {op.name: macs(program, op) for op in program.ops}
    return tuple(_layer(graph, op, own.get(op.name), left.get(id(op), "")) for op in graph.ops)


def _layer(graph: Graph, op: Op, own: int | None, why_not: str) -> Layer:
    output = graph.tensors[op.outputs[0]]
    size = int(np.prod(output.shape))
    return Layer(op.name, op.kind, tuple(output.shape[1:]), None if why_not else own, graph.weights(op), size, why_not)
