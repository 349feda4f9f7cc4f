"""Writes a .tflite in which DQA operators and TFLite builtins take turns."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from dqa.graph import Graph
from dqa.partition.builtins import QuantizedBuiltins
from dqa.program import Port, Program
from dqa.tflite.writer import TfliteBuilder, describe


@dataclass(frozen=True, eq=False)
class BuiltGroup:
    """A DQA group and its program; program_bytes is write(program)."""

    graph: Graph
    program: Program
    program_bytes: bytes


@dataclass(frozen=True, eq=False)
class Step:
    """An operator that waits for its inputs; numbers are the file's."""

    inputs: list[int]
    outputs: list[int]
    append: Callable[[], None]


def write_mixed(
    groups: Sequence[BuiltGroup],
    builtins: QuantizedBuiltins,
    inputs: Sequence[int],
    outputs: Sequence[int],
    ports: Mapping[int, Port],
    meta: Mapping[str, str],
) -> bytes:
    """The file. inputs, outputs: the graph's. ports: of the graph's tensors that a group or a builtin gives to another, and of its ends.
    meta: goes into the file's description. Raises ValueError if the operators wait for each other.
    """
    model = TfliteBuilder()
    numbers = add_ports(model, ports)
    steps = [_dqa_step(model, group, numbers) for group in groups] + builtin_steps(model, builtins, numbers)
    append_in_order(steps, [numbers[t] for t in inputs])
    return model.finish([numbers[t] for t in inputs], [numbers[t] for t in outputs], describe(meta))


def add_ports(model: TfliteBuilder, ports: Mapping[int, Port]) -> dict[int, int]:
    """A tensor for each port: its number, by that of the graph's."""
    return {t: model.tensor(port.name, [1, *port.shape], port.dtype, port=port) for t, port in ports.items()}


def append_in_order(steps: Sequence[Step], inputs: Sequence[int]) -> None:
    """Appends each operator as soon as those before it gave what it reads. Raises ValueError if they wait for each other."""
    ready = set(inputs)
    while steps:
        waiting = []
        for step in steps:
            if ready.issuperset(step.inputs):
                step.append()
                ready.update(step.outputs)
            else:
                waiting.append(step)
        if len(waiting) == len(steps):
            raise ValueError("operators that wait for each other")
        steps = waiting


def _dqa_step(model: TfliteBuilder, group: BuiltGroup, numbers: Mapping[int, int]) -> Step:
    inputs, outputs = [numbers[t] for t in group.graph.inputs], [numbers[t] for t in group.graph.outputs]
    return Step(inputs, outputs, lambda: model.dqa(group.program_bytes, group.program, inputs, outputs))


def builtin_steps(model: TfliteBuilder, builtins: QuantizedBuiltins, numbers: Mapping[int, int]) -> list[Step]:
    """The builtins, with tensors of their own between them. numbers: of the tensors that others share with them."""
    own = {number: numbers[t] for t, number in builtins.ends.items()}
    own[-1] = -1
    steps = []
    for op in builtins.subgraph.operators:
        for t in map(int, [*op.inputs, *op.outputs]):
            if t not in own:
                tensor = builtins.subgraph.tensors[t]
                own[t] = model.adopt_tensor(tensor, tensor.name.decode(), builtins.constants.get(t))
        inputs, outputs = [own[int(t)] for t in op.inputs], [own[int(t)] for t in op.outputs]
        awaited = [own[int(t)] for t in op.inputs if t >= 0 and int(t) not in builtins.constants]
        code = builtins.codes[op.opcodeIndex]
        steps.append(Step(awaited, outputs, _append(model, op, code, inputs, outputs)))
    return steps


def _append(model: TfliteBuilder, op: object, code: object, inputs: list[int], outputs: list[int]) -> Callable[[], None]:
    return lambda: model.adopt_operator(op, code, inputs, outputs)
