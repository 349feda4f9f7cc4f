"""The DQA authors' greedy ranking (Algorithm 3 as in gicLAB/eDQA, pad_saw_path.py), to the letter and fast.

    for each tensor, in forward order, and each of its channels c: accuracy with this and all earlier tensors quantized directly
        (signed, per channel, maximum of the batch), but for one channel of each that stays float: c here, the best one in earlier tensors
    best channel = the first of highest accuracy; order = channels by ascending accuracy, equal ones by number

`fast` gives the same orders because it does the same arithmetic on the same batches, and leaves out only what cannot matter:
what comes before a tensor is the same for all its channels and computed once; a channel that quantization leaves as it is (a dead one)
gives what quantizing every channel gives, once per batch; and a channel is dropped as soon as the samples to come cannot change its
place: every other channel's count is past its reach, or it past theirs. All accuracies decide the order, not the best one alone, so
stopping at "cannot win" would change it.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from dqa.calibration.segments import Change, Runner, State
from dqa.errors import DataError
from dqa.lab.methods.base import rows
from dqa.lab.methods.loss import correct
from dqa.lab.methods.paper import signed_codes
from dqa.support.arrays import Array, Float32, Int64

Result = tuple[dict[int, list[int]], int, float]
Done = Callable[[int], None]


def direct_but(values: Float32, channel: int | None, bits: int) -> Float32:
    """values (B, ..., C) quantized directly, but for one channel."""
    codes, step = signed_codes(rows(values), bits)
    out = (codes * step).reshape(values.shape)
    if channel is not None:
        out[..., channel] = values[..., channel]
    return out


def literal(runner: Runner, x: Float32, y: Array | None, bits: int, done: Done) -> Result:
    """(orders, evaluations, runs) by one evaluation of the whole network per channel."""
    labels = _labels(x, y)
    path: dict[int, int] = {}
    orders: dict[int, list[int]] = {}
    evaluations = 0
    for index in _forward(runner):
        counts = []
        for channel in range(runner.graph.tensors[index].shape[-1]):
            changes = {tensor: _change(kept, bits) for tensor, kept in (path | {index: channel}).items()}
            hits = 0
            for start in range(0, len(x), runner.batch):
                part = slice(start, start + runner.batch)
                hits += correct(runner.run(x[part], changes), labels[part])
            counts.append(hits)
            evaluations += 1
            done(1)
        orders[index], path[index] = _decide(counts)
    return orders, evaluations, float(evaluations)


def fast(runner: Runner, x: Float32, y: Array | None, bits: int, done: Done) -> Result:
    """What `literal` gives, with the work that decides nothing left out."""
    labels = _labels(x, y)
    batches = [slice(start, start + runner.batch) for start in range(0, len(x), runner.batch)]
    states = [runner.start(x[part]) for part in batches]
    orders: dict[int, list[int]] = {}
    evaluations, work, reached = 0, 0.0, -1
    share = 1 / (len(runner.stages) * len(x))
    path: dict[int, int] = {}
    for index in _forward(runner):
        stage = runner.stage_of[index]
        for number in range(reached + 1, stage + 1):
            states = [runner.step(number, state) for state in states]
            work += share * len(x)
        reached = stage
        counts, runs = _count(runner, states, [labels[part] for part in batches], index, bits)
        orders[index], path[index] = _decide(counts)
        states = [state | {index: direct_but(state[index], path[index], bits)} for state in states]
        evaluations += len(counts)
        work += share * runs * (len(runner.stages) - stage - 1)
        done(len(counts))
    return orders, evaluations, work


def _count(runner: Runner, states: list[State], labels: list[Array], index: int, bits: int) -> tuple[list[int], int]:
    """A number per channel that orders them as the labels they hit do, and the samples run through the rest of the network."""
    counts = np.zeros(runner.graph.tensors[index].shape[-1], np.int64)
    open_ones = list(range(len(counts)))
    left = sum(part.size for part in labels)
    samples = 0
    for state, wanted in zip(states, labels, strict=True):
        values = state[index]
        quantized = direct_but(values, None, bits)
        same = np.all(rows(quantized) == rows(values), axis=0)
        unchanged: int | None = None
        for channel in open_ones:
            if same[channel] and unchanged is not None:
                counts[channel] += unchanged
                continue
            candidate = quantized.copy()
            candidate[..., channel] = values[..., channel]
            behind = runner.resume(state | {index: candidate}, runner.stage_of[index] + 1)
            hits = correct(runner.outputs(behind), wanted)
            samples += len(values)
            counts[channel] += hits
            unchanged = hits if same[channel] else unchanged
        left -= wanted.size
        open_ones = [channel for channel in open_ones if not _settled(counts, channel, open_ones, left)]
    return counts.tolist(), samples


def _settled(counts: Int64, channel: int, open_ones: list[int], left: int) -> bool:
    """Whether no channel that still counts can come level with this one, whatever the `left` labels say.

    Ones that stopped before were out of reach of it then, and it of them.
    """
    return all(other == channel or abs(int(counts[other] - counts[channel])) > left for other in open_ones)


def _decide(counts: list[int]) -> tuple[list[int], int]:
    """Channels by ascending count, equal ones by number, and the first of the highest count."""
    return sorted(range(len(counts)), key=lambda channel: counts[channel]), int(np.argmax(counts))


def _forward(runner: Runner) -> list[int]:
    """The hooked tensors in an order in which each comes after those it depends on."""
    return sorted(runner.hooks, key=lambda index: runner.stage_of[index])


def _change(channel: int, bits: int) -> Change:
    return lambda values: direct_but(values, channel, bits)


def _labels(x: Float32, y: Array | None) -> Array:
    if y is None or len(y) != len(x):
        raise DataError("the greedy ranking needs a label for each sample", hint="choose the ranking energy, which needs none")
    return y
