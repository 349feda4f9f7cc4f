"""Does learning how weights are rounded bring answers nearer to float's than compensated rounding, which dqa has?

    python benchmarks/reconstruct.py [--models gesture,dscnn,kws] [--steps 400] [--samples 1000] [-o out/benchmarks]

Of the programs that `dqa convert` makes (PROGRAMS): the error of the answers against their variance (SNR, dB, test samples), what it would
be with float weights, and after learning from up to 256 calibration samples, without labels. A weight may stay or move to the next level
towards the float weight, biases move freely (Adam, Kingma and Ba 2015). The loss is the squared error of a block's output against the float
network's, activations stored by the real codec. A block holds two layers or more (BRECQ, Li et al. 2021), or all. Mixed: every second value
is not stored (QDrop, Wei et al. 2022). straight: rounded in the forward pass, gradients straight through; adaround: a rectified sigmoid
that is pressed to 0 or 1 (Nagel et al. 2020). A block that is no better on these samples stays as it was. Writes reconstruct.json, .md.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
from common import Row, main, table
from set_aside import source

from dqa.conversion import guard, request
from dqa.conversion.build import build
from dqa.conversion.decisions import Decisions
from dqa.conversion.request import Request
from dqa.conversion.trial import Judge
from dqa.conversion.weights import Weighed, weigh
from dqa.data.dataset import load, subset
from dqa.engine.host import HostModel
from dqa.evaluation.comparison import compare
from dqa.evaluation.subject import model_inputs
from dqa.graph import Graph, Op
from dqa.graph.answers import answers
from dqa.graph.execute import run, run_op
from dqa.graph.gradient import through_activation
from dqa.operators.registry import float_operator
from dqa.operators.weighted import few_bits, weighted_operator
from dqa.quantization.coded.read_back import storing
from dqa.quantization.formats import TensorFormat
from dqa.quantization.weights.bias_correction import Centered
from dqa.quantization.weights.chosen import input_steps
from dqa.quantization.weights.layer_by_layer import Replaced, parameters, replace_layers
from dqa.quantization.weights.levels import LayerWeights
from dqa.support.arrays import Float32, Float64
from dqa.support.progress import SilentProgress
from dqa.support.settings import ConvertConfig

PROGRAMS: dict[str, dict[str, float]] = {
    "8-bit weights": {"weight_bits": 8},
    "4-bit weights": {"weight_bits": 4},
    "4-bit weights, --bits 8": {"weight_bits": 4, "bits": 8},
}
SAMPLES, BATCH = 256, 16
RATE, BIAS_RATE = {"straight": 0.003, "adaround": 0.05}, 0.001
"""Steps of Adam: of a weight in distances of levels (in logits), of a bias in standard deviations of its layer's output."""
MODELS = ("gesture", "resnet", "relu_norm", "dscnn")


@dataclass(frozen=True)
class Variant:
    """layers: of a block, at least; None: all of the network. mixed: share of the values that are not stored."""

    rule: Literal["straight", "adaround"]
    layers: int | None
    mixed: float

    def __str__(self) -> str:
        return f"{self.rule}, {'blocks' if self.layers else 'network'}{', mixed' if self.mixed else ''}"


VARIANTS = (Variant("straight", 2, 0.5), Variant("straight", 2, 0.0), Variant("straight", None, 0.0), Variant("adaround", 2, 0.5))


class Adam:
    """Moves values by gradients."""

    def __init__(self, values: Float64) -> None:
        self.values, self.mean, self.square = values, np.zeros_like(values), np.zeros_like(values)

    def move(self, gradient: Float64, rate: float, step: int) -> None:
        self.mean += 0.1 * (gradient - self.mean)
        self.square += 0.001 * (gradient**2 - self.square)
        self.values -= rate * self.mean / (1 - 0.9**step) / (np.sqrt(self.square / (1 - 0.999**step)) + 1e-12)


class Rounding:
    """A layer whose weights are between the level that they have and the next one towards the float weight: `share` of the way."""

    def __init__(self, graph: Graph, op: Op, fmt: TensorFormat, chosen: LayerWeights, rule: str) -> None:
        assert chosen.levels is not None
        self.op, self.rule, self.chosen = op, rule, chosen
        levels, book = chosen.levels, chosen.levels.book.astype(np.float64)
        weights, _ = parameters(graph, op)
        self.shape = weights.shape
        steps = input_steps(fmt, levels.weights.shape[1])
        self.start, self.unit = levels.weights.astype(np.float64), levels.scales[:, None] / steps
        away = weights.reshape(self.start.shape) / self.unit - self.start
        place = np.searchsorted(book, self.start) + np.where(away > 0, 1, -1)
        self.gap = book[np.clip(place, 0, len(book) - 1)] - self.start
        share = np.clip(away / np.where(self.gap == 0, np.inf, self.gap), 0.0, 0.95) if rule == "adaround" else np.zeros_like(away)
        self.place = Adam(np.log((share + 0.1) / (1.1 - share)) if rule == "adaround" else share)
        self.bias = Adam(chosen.bias.copy())

    def share(self, *, soft: bool) -> Float64:
        if self.rule == "straight":
            return (self.place.values > 0.5).astype(np.float64)
        found = np.clip(1.2 / (1 + np.exp(-self.place.values)) - 0.1, 0, 1)
        return np.asarray(found if soft else np.rint(found))

    def weights(self, *, soft: bool) -> Float32:
        return ((self.start + self.share(soft=soft) * self.gap) * self.unit).reshape(self.shape).astype(np.float32)

    def move(self, weights: Float32, bias: Float32, spread: float, step: int, steps: int) -> None:
        """Gradients of weights and bias; spread: of the layer's output."""
        gradient = weights.reshape(self.start.shape) * self.unit * self.gap
        fading = 0.5 * (1 + np.cos(np.pi * step / steps)) if self.rule == "straight" else 1.0
        if self.rule == "adaround":
            sigmoid, share = 1 / (1 + np.exp(-self.place.values)), self.share(soft=True)
            pressed = max(step / steps - 0.2, 0) / 0.8
            power, size = 20 - 18 * pressed, float(np.sqrt(np.square(gradient).mean()))
            away = 2 * share - 1
            gradient = gradient - 2 * pressed * size * power * np.abs(away) ** (power - 1) * np.sign(away)
            gradient = gradient * np.where((share > 0) & (share < 1), 1.2 * sigmoid * (1 - sigmoid), 0)
        self.place.move(gradient, RATE[self.rule] * fading, step)
        np.clip(self.place.values, *((-1, 1) if self.rule == "straight" else (-8, 8)), out=self.place.values)
        self.bias.move(bias.astype(np.float64), BIAS_RATE * spread * fading, step)

    def back(self) -> None:
        """As it was chosen."""
        self.place.values[:], self.bias.values[:] = (0 if self.rule == "straight" else -8), self.chosen.bias

    def learned(self) -> LayerWeights:
        assert self.chosen.levels is not None
        integers = self.start + self.share(soft=False) * self.gap
        return LayerWeights(replace(self.chosen.levels, weights=integers.astype(np.int8)), self.bias.values.copy())


class Block:
    """Operators between two tensors that alone are live, and what learns in them."""

    def __init__(self, learner: Learner, ops: Sequence[Op]) -> None:
        self.learner, self.ops = learner, ops
        made = {op.outputs[0] for op in ops}
        self.ends = [t for t in answers(learner.graph) if t in made] or [ops[-1].outputs[0]]
        self.given = {t for op in ops for t in op.inputs if t in learner.kept}
        self.rounded = [learner.layers[op.outputs[0]] for op in ops if op.outputs[0] in learner.layers]
        self.weigh = {t: 1 / max(float(np.square(learner.real[t] - learner.real[t].mean(axis=0)).mean()), 1e-30) for t in self.ends}

    def forward(self, chosen: slice | np.ndarray, mixed: float, *, soft: bool) -> tuple[dict[int, Float32], dict[int, Float32]]:
        """Values as they are read, and as they were before they were stored."""
        learner = self.learner
        raw = {t: learner.real[t][chosen] for t in self.given}
        values = {t: learner.mix(raw[t], learner.kept[t][chosen], mixed) for t in self.given}
        for op in self.ops:
            output = op.outputs[0]
            raw[output] = run_op(learner.graph, op, values | learner.constants(op, soft=soft))
            values[output] = learner.mix(raw[output], learner.store(output, raw[output]), 0.0 if output in self.ends else mixed)
        return values, raw

    def loss(self) -> float:
        count, total = len(next(iter(self.learner.real.values()))), 0.0
        for start in range(0, count, BATCH):
            part = slice(start, start + BATCH)
            values, _ = self.forward(part, 0.0, soft=False)
            total += sum(
                self.weigh[t] * float(np.square(values[t] - self.learner.real[t][part]).sum()) / values[t][0].size for t in self.ends
            )
        return total / count

    def step(self, chosen: np.ndarray, step: int, steps: int) -> None:
        learner = self.learner
        values, raw = self.forward(chosen, learner.variant.mixed, soft=True)
        found = {t: (2 * self.weigh[t] / values[t].size * (values[t] - learner.real[t][chosen])).astype(np.float32) for t in self.ends}
        for op in reversed(self.ops):
            if (gradient := found.get(op.outputs[0])) is None:
                continue
            gradient = through_activation(op.attrs.get("activation", "NONE"), gradient, raw[op.outputs[0]])
            at = values | learner.constants(op, soft=True)
            inputs = [at[t] if t in at else np.asarray(learner.graph.tensors[t].data, np.float32) for t in op.inputs]
            if not self.given.issuperset(t for t in op.inputs if t in values):
                for t, part in zip(op.inputs, float_operator(op.kind).gradient(op, inputs, raw[op.outputs[0]], gradient), strict=False):
                    if part is not None and t in values and t not in self.given:
                        found[t] = found.get(t, np.float32(0)) + part.reshape(values[t].shape)
            if (layer := learner.layers.get(op.outputs[0])) is not None:
                rows = gradient.reshape(-1, layer.shape[0])
                patches = weighted_operator(op.kind).patches(op, inputs[0], inputs[1]).reshape(len(rows), -1)
                layer.move(rows.T @ patches, rows.sum(axis=0), float(raw[op.outputs[0]].std()), step, steps)


class Learner:
    """given: of the graph's one input, float32 (N, *shape). layers: the weights that it starts from."""

    def __init__(
        self, graph: Graph, formats: Mapping[int, TensorFormat], given: Float32, start: Mapping[int, LayerWeights], variant: Variant
    ) -> None:
        self.graph, self.variant, self.start = graph, variant, start
        self.random, self.store = np.random.default_rng(0), storing(graph, formats)
        self.real = run(graph, given)
        self.kept = {graph.inputs[0]: self.store(graph.inputs[0], given)}
        few = [op for op in graph.ops if few_bits(op.kind)]
        self.layers = {op.outputs[0]: Rounding(graph, op, formats[op.inputs[0]], start[op.outputs[0]], variant.rule) for op in few}

    def mix(self, real: Float32, kept: Float32, share: float) -> Float32:
        return np.where(self.random.random(real.shape, np.float32) < share, real, kept) if share else kept

    def constants(self, op: Op, *, soft: bool) -> dict[int, Float32]:
        output, found = op.outputs[0], dict[int, Float32]()
        if output in self.layers:
            found[op.inputs[1]] = self.layers[output].weights(soft=soft)
        if output in self.start:
            bias = self.layers[output].bias.values if output in self.layers else self.start[output].bias
            found[op.inputs[2]] = bias.astype(np.float32)
        return found

    def learn(self, steps: int) -> dict[int, LayerWeights]:
        count = len(self.kept[self.graph.inputs[0]])
        for ops in _blocks(self.graph, self.variant.layers or len(self.graph.ops)):
            block = Block(self, ops)
            after = [layer.place.values.copy() for layer in block.rounded]
            for layer in block.rounded:
                layer.back()
            before = block.loss()
            for layer, values in zip(block.rounded, after, strict=True):
                layer.place.values[:] = values
            for step in range(1, steps + 1 if block.rounded else 1):
                block.step(self.random.choice(count, min(BATCH, count), replace=False), step, steps)
            if block.loss() >= before:
                for layer in block.rounded:
                    layer.back()
            parts = [block.forward(slice(start, start + BATCH), 0.0, soft=False)[0] for start in range(0, count, BATCH)]
            self.kept |= {op.outputs[0]: np.concatenate([part[op.outputs[0]] for part in parts]) for op in ops}
        return {**self.start, **{output: layer.learned() for output, layer in self.layers.items()}}


def _blocks(graph: Graph, least: int) -> list[list[Op]]:
    """The operators in blocks of at least so many layers; what ends a block is all that is read behind it."""
    last = {t: i for i, op in enumerate(graph.ops) for t in op.inputs} | dict.fromkeys(graph.outputs, len(graph.ops))
    found: list[list[Op]] = [[]]
    for i, op in enumerate(graph.ops):
        found[-1].append(op)
        live = {t for done in graph.ops[: i + 1] for t in done.outputs if last.get(t, -1) > i}
        inside = sum(float_operator(one.kind).weighted for one in found[-1])
        behind = any(float_operator(one.kind).weighted for one in graph.ops[i + 1 :])
        if live == {op.outputs[0]} and inside >= least and behind:
            found.append([])
    return found


def snr(judge: Judge, asked: Request, found: Decisions, layers: Mapping[int, LayerWeights]) -> Row:
    built = build(asked, found, Weighed(layers), SilentProgress())
    assert built.alone is not None
    given = HostModel(built.alone.program_bytes).run(model_inputs(built.interface, judge.samples)[1])
    answer = built.interface.answers(given.outputs, 0)
    compared = compare(judge.expected[0], answer, judge.value(answer, 0))
    return {"snr": compared.snr, "agreement": compared.agreement, "metric": compared.metric}


def with_float_weights(judge: Judge, asked: Request, found: Decisions) -> float:
    """dB with float weights and corrected biases: in float arithmetic, activations stored by the real codec."""
    part, biases = found.cut.part, dict[int, Float64]()
    store, output, entry = storing(part, found.formats), part.outputs[0], part.inputs[0]
    replace_layers(part, {entry: asked.samples(SAMPLES)}, Centered(part, {}, biases), store)
    own = {op.outputs[0]: Replaced(parameters(part, op)[0], biases[op.outputs[0]]) for op in part.ops if op.outputs[0] in biases}
    given = {entry: asked.mapping.to_float(judge.samples.x)}
    kept, real = replace_layers(part, given, lambda op, _kept, _real: own[op.outputs[0]], store, [output])[output]
    return compare(real, kept).snr


def run_model(name: str, work: Path, options: argparse.Namespace) -> Row:
    model, calibration, test, config = source(name, work)
    row: Row = {"model": name}
    for program, settings in PROGRAMS.items():
        own = {"input_scale": config.input_scale, "input_zero_point": config.input_zero_point, "metric": config.metric}
        asked = request.read(model, calibration, ConvertConfig(**own, **settings), None, SilentProgress())  # type: ignore[arg-type]
        found, _ = guard.settled(asked, SilentProgress())
        data = load(test)
        judge = Judge(asked, data.pick(subset(len(data), options.samples)))
        layers = weigh(asked, found, SilentProgress()).layers
        assert layers is not None
        row[program] = {"compensated": snr(judge, asked, found, layers), "float": with_float_weights(judge, asked, found)}
        for variant in VARIANTS:
            start = time.monotonic()
            learner = Learner(found.cut.part, found.formats, asked.samples(SAMPLES), layers, variant)
            learned = learner.learn(options.steps)
            seconds = round(time.monotonic() - start)
            row[program][str(variant)] = snr(judge, asked, found, learned) | {"seconds": seconds}
    return row


def markdown(rows: list[Row]) -> str:
    head = ["network", "program", "compensated, dB", "float weights", *(f"{variant}" for variant in VARIANTS), "seconds"]
    cells, medians = [], []
    for program in PROGRAMS:
        gains: list[list[float]] = []
        for row in rows:
            found = row[program]
            base = found["compensated"]["snr"]
            gains.append([round(found[str(variant)]["snr"] - base, 2) for variant in VARIANTS])
            seconds = ", ".join(str(found[str(variant)]["seconds"]) for variant in VARIANTS)
            cells.append([row["model"], program, f"{base:.1f}", f"{found['float']:.1f}", *(f"{gain:+.1f}" for gain in gains[-1]), seconds])
        medians.append(["median", program, "", "", *(f"{gain:+.2f}" for gain in np.median(gains, axis=0)), ""])
    return "\n".join(["# Learned rounding", "", *table(head, [*cells, *medians]), ""])


if __name__ == "__main__":
    main(
        "reconstruct", __doc__, MODELS, run_model, markdown, steps=(400, "of Adam, for each block"), samples=(1000, "test samples at most")
    )
