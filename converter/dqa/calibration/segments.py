"""Runs a float Graph over many samples while chosen tensors are replaced by functions of themselves.

The graph is cut behind the chosen tensors into stages; LiteRT (XNNPACK) runs a stage, numpy code changes what came out of it, and the
next stage reads that. What a stage leaves for later ones is its state, so that work before a tensor can be done once and kept.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from dqa.calibration.float_model import write_float
from dqa.calibration.quiet import quiet_stderr
from dqa.errors import DataError, ModelError
from dqa.graph import Graph, Op
from dqa.support.arrays import Float32

Change = Callable[[Float32], Float32]
State = dict[int, Float32]
"""Tensor number -> float32 (B, *shape without batch), for what is known and still needed."""

BATCH = 128
"""The batch size of the DQA authors; methods that adapt to a batch depend on it."""


@dataclass(frozen=True, eq=False)
class Stage:
    """Operators that run in one go. reads, writes: tensors; changed: those of `writes` that may be replaced behind it."""

    ops: tuple[Op, ...]
    reads: tuple[int, ...]
    writes: tuple[int, ...]
    changed: tuple[int, ...]


def cut(graph: Graph, hooks: Sequence[int]) -> list[Stage]:
    """The stages of a graph: an operator's stage is the largest number of hooked tensors on a path to it.

    Raises ModelError for a hook that no operator writes.
    """
    made = {index for op in graph.ops for index in op.outputs}
    if unknown := [index for index in hooks if index not in made]:
        raise ModelError(f"tensor {unknown[0]} cannot be replaced: no operator of the network writes it")
    ready = dict.fromkeys(graph.inputs, 0)  # the first stage that can read a tensor
    number: dict[int, int] = {}
    for place, op in enumerate(graph.ops):
        number[place] = max((ready[index] for index in op.inputs if not graph.tensors[index].is_constant), default=0)
        for index in op.outputs:
            ready[index] = number[place] + (index in hooks)
    count = max(number.values(), default=0) + 1
    parts = [tuple(op for place, op in enumerate(graph.ops) if number[place] == stage) for stage in range(count)]
    own = [{index for op in ops for index in op.outputs} for ops in parts]
    read = [{index for op in ops for index in op.inputs if not graph.tensors[index].is_constant} for ops in parts]
    stages = []
    for stage, ops in enumerate(parts):
        later = set(graph.outputs).union(*read[stage + 1 :])
        writes = tuple(index for op in ops for index in op.outputs if index in later or index in hooks)
        reads = tuple(sorted(read[stage] - own[stage]))
        stages.append(Stage(ops, reads, writes, tuple(index for index in writes if index in hooks)))
    return stages


class Runner:
    """A graph, cut at `hooks`. `graph` must not change afterwards. batch: samples per run; threads: of LiteRT.

    Raises ModelError for operators or hooks that cannot be run.
    """

    def __init__(self, graph: Graph, hooks: Sequence[int] = (), *, batch: int = BATCH, threads: int = 1) -> None:
        self.graph, self.batch, self.threads = graph, batch, threads
        self.hooks = tuple(hooks)
        self.stages = cut(graph, hooks)
        self.stage_of = {index: number for number, stage in enumerate(self.stages) for index in stage.changed}
        self._last = {index: number for number, stage in enumerate(self.stages) for index in stage.reads}
        self._interpreters: list[Any] = [None] * len(self.stages)

    def run(self, x: Float32, changes: Mapping[int, Change] | None = None, done: Callable[[int], None] = lambda _count: None) -> Float32:
        """The first output, float32 (N, ...), for samples x, float32; `changes`: hooked tensor -> function.

        A function takes and gives float32 (B, ...), batch after batch in order, and must not change its argument.
        `done` is called with the number of samples just finished.
        """
        parts = []
        for start in range(0, len(x), self.batch):
            parts.append(self.outputs(self.resume(self.start(x[start : start + self.batch]), 0, changes)))
            done(len(parts[-1]))
        return np.concatenate(parts) if parts else np.empty((0, *self.graph.tensors[self.graph.outputs[0]].shape[1:]), np.float32)

    def start(self, x: Float32) -> State:
        """The state before the first stage, for at most `batch` samples. Raises DataError if they do not fit."""
        shape = self.graph.entries.shape
        if x.shape[1:] != shape[1:] or len(x) > self.batch:
            raise DataError(f"samples of shape {x.shape[1:]}, the model takes {shape[1:]}", hint="check the shape of x")
        return {index: np.asarray(part, np.float32) for index, part in self.graph.given(x).items()}

    def resume(self, state: State, first: int, changes: Mapping[int, Change] | None = None, last: int | None = None) -> State:
        """The state behind stages first .. last (the final one if None), from that before `first`; `state` is left as it is."""
        for number in range(first, len(self.stages) if last is None else last + 1):
            state = self.step(number, state, changes)
        return state

    def step(self, number: int, state: State, changes: Mapping[int, Change] | None = None) -> State:
        """Runs one stage and changes what it wrote."""
        stage = self.stages[number]
        made = self._invoke(number, [state[index] for index in stage.reads])
        for index, values in made.items():
            if changes and index in changes:
                made[index] = np.asarray(changes[index](values), np.float32)
        kept = {index: values for index, values in state.items() if self._needed(index, number)}
        return kept | made

    def outputs(self, state: State) -> Float32:
        """The first output, from the state behind the last stage."""
        return state[self.graph.outputs[0]]

    def _needed(self, index: int, number: int) -> bool:
        return index in self.graph.outputs or self._last.get(index, -1) > number

    def _invoke(self, number: int, inputs: list[Float32]) -> State:
        interpreter = self._interpreters[number] or self._new(number)
        count = len(inputs[0])
        for place, values in zip(interpreter.get_input_details(), inputs, strict=True):
            target = interpreter.tensor(place["index"])()
            target[:count] = values.reshape(count, *target.shape[1:])
            target[count:] = 0
            del target  # LiteRT refuses to run while its memory is looked at
        interpreter.invoke()
        details = interpreter.get_output_details()
        found = {}
        for index, place in zip(self.stages[number].writes, details, strict=True):
            found[index] = interpreter.tensor(place["index"])()[:count].reshape(count, *self.graph.tensors[index].shape[1:]).copy()
        return found

    def _new(self, number: int) -> Any:
        from ai_edge_litert.interpreter import Interpreter

        stage = self.stages[number]
        data = write_float(self.graph, stage.ops, stage.reads, stage.writes, self.batch)
        try:
            with quiet_stderr():
                interpreter = Interpreter(model_content=data, num_threads=self.threads)
                interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            raise ModelError(f"LiteRT cannot run stage {number} of the network: {str(error).splitlines()[0]}") from error
        self._interpreters[number] = interpreter
        return interpreter
