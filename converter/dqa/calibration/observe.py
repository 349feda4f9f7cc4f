"""Runs a float network in LiteRT over samples, batch by batch, and hands over the tensors asked for."""

from __future__ import annotations

import math
import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from dqa.calibration.quiet import quiet_stderr
from dqa.errors import DataError, ModelError
from dqa.frontend.limits import MAX_ACTIVATION
from dqa.frontend.model import FloatModel
from dqa.graph.execute import run_op
from dqa.graph.model import Tensor
from dqa.support.arrays import Array, Float32

Reducer = Callable[[int, Float32], None]

BATCH = 32
THREADS = min(4, os.cpu_count() or 1)


def observe(
    model: FloatModel, inputs: Float32, tensors: Sequence[int], reducer: Reducer, done: Callable[[int], None] = lambda _count: None
) -> None:
    """Calls reducer(tensor, values) for every batch and tensor number; values float32 (batch, ...), valid during the call.

    inputs  float32, samples as dqa.data.entries.Entries has them
    done    called with the number of samples just finished
    Raises DataError if the inputs do not fit the model or an activation is not within MAX_ACTIVATION.
    """
    runner = _Runner(model, inputs, preserve_all=True)
    for values in runner.batches():
        for tensor in tensors:
            known = model.graph.tensors.get(tensor)
            data = runner.tensor(tensor) if known is None or known.is_constant else runner.as_graph(tensor)
            if not (np.abs(data) <= MAX_ACTIVATION).all():
                finite = "becomes NaN or infinite" if not np.isfinite(data).all() else f"goes beyond {MAX_ACTIVATION:g}"
                raise DataError(
                    f"{model.source}: '{known.name if known and not known.is_constant else f'tensor {tensor}'}' {finite} on these samples",
                    hint="check the input scale and the weights",
                )
            reducer(tensor, data)
        done(values)


def float_outputs(model: FloatModel, inputs: Float32, done: Callable[[int], None] = lambda _count: None, *, output: int = 0) -> Float32:
    """One output of the network, the first or that at place `output`: float32 (N, output shape without batch).

    Raises DataError as `observe`, and for NaN and infinity.
    """
    runner = _Runner(model, inputs, preserve_all=bool(model.graph.argmax))  # scores are no output of the file
    tensor = model.graph.tensors[model.graph.outputs[output]]
    outputs = np.empty((len(inputs), *tensor.shape[1:]), np.float32)
    start = 0
    for count in runner.batches():
        outputs[start : start + count] = runner.tensor(tensor.index).reshape(count, *tensor.shape[1:])
        start += count
        done(count)
    if not np.isfinite(outputs).all():
        raise DataError(f"{model.source}: the float model answers NaN or infinity on these samples", hint="check the input scale and x")
    return outputs


class _Runner:
    """An interpreter that takes the samples in batches where the network can be resized, one by one where it cannot."""

    def __init__(self, model: FloatModel, inputs: Float32, preserve_all: bool) -> None:
        wanted = model.entries.shape[1:]
        if inputs.shape[1:] != wanted:
            raise DataError(f"samples of shape {inputs.shape[1:]}, the model takes {wanted}", hint="check the shape of x")
        self.model, self.inputs, self.preserve_all = model, inputs, preserve_all
        self.batch = self._largest_batch()

    def batches(self) -> Iterator[int]:
        """Runs batch after batch; yields the number of samples of each, whose tensors can then be read."""
        size = self.batch
        for start in range(0, len(self.inputs), self.batch):
            part = self.inputs[start : start + self.batch]
            if len(part) != size:
                size = len(part)
                self._resize(size)
            self._invoke(part)
            yield size

    def _resize(self, size: int) -> None:
        for index in self.model.graph.inputs:
            self.interpreter.resize_tensor_input(index, [size, *self.model.graph.tensors[index].shape[1:]], strict=False)
        self.interpreter.allocate_tensors()

    def _invoke(self, samples: Float32) -> None:
        for index, part in self.model.graph.given(samples).items():
            self.interpreter.set_tensor(index, np.ascontiguousarray(part, np.float32))
        self.interpreter.invoke()

    def tensor(self, index: int) -> Float32:
        """A copy of a tensor of the batch that ran last."""
        graph = self.model.graph
        if index in graph.tensors and graph.tensors[index].made and (op := graph.producer(index)) is not None:
            return run_op(graph, op, {i: self.as_graph(i) for i in op.inputs if not graph.tensors[i].is_constant})
        return np.asarray(self.interpreter.get_tensor(index), np.float32)

    def as_graph(self, index: int) -> Float32:
        """A tensor as operators of the graph see it: what is a series here may be a map of one row in the file."""
        data, known = self.tensor(index), self.model.graph.tensors[index]
        return _kept(data, known).reshape(len(data), *known.shape[1:])

    @quiet_stderr()
    def _largest_batch(self) -> int:
        size = min(BATCH, len(self.inputs))
        if size > 1 and self._batches_agree(size):
            return size
        self.interpreter = self._new()
        self.interpreter.allocate_tensors()
        return 1

    def _batches_agree(self, size: int) -> bool:
        """Whether a batch of this size runs and gives outputs of that many samples (a fixed reshape in the network prevents it)."""
        self.interpreter = self._new()
        try:
            self._resize(size)
            self._invoke(self.inputs[:size])
        except (RuntimeError, ValueError):
            return False
        wanted = [tensor.index for tensor in self.model.graph.activations()] if self.preserve_all else self.model.graph.outputs
        tensors = self.model.graph.tensors
        found = {index: _kept(self.tensor(index), tensors[index]) for index in wanted}
        return all(_of_samples(values, size, tensors[index].shape) for index, values in found.items())

    def _new(self) -> Any:
        from ai_edge_litert.interpreter import Interpreter

        with warnings.catch_warnings(), quiet_stderr():
            warnings.simplefilter("ignore")  # that preserving all tensors takes memory
            try:
                return Interpreter(
                    model_content=self.model.tflite, num_threads=THREADS, experimental_preserve_all_tensors=self.preserve_all
                )
            except (ValueError, RuntimeError) as error:
                raise ModelError(f"{self.model.source}: LiteRT cannot run it: {str(error).splitlines()[0]}") from error


def _kept(values: Array, tensor: Tensor) -> Array:
    """The channels that a tensor of the graph has of the file's."""
    return values if tensor.kept is None else values[..., tensor.kept]


def _of_samples(values: Array, samples: int, shape: tuple[int, ...]) -> bool:
    return len(values) == samples and values.size == samples * math.prod(shape[1:])
