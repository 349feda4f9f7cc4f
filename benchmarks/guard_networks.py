"""Small random float networks of every operator, as .tflite files: what benchmarks/guard.py converts. A seed gives one network."""

from __future__ import annotations

import sys
from collections.abc import Callable

import numpy as np
from models import ROOT

sys.path.insert(0, str(ROOT / "tests"))

from builders import mixed_models
from tflite_builder import Net, options

FUNCTIONS = ("RELU", "RELU6", "RELU_N1_TO_1", "RELU_0_TO_1", "LOGISTIC", "TANH", "ELU", "HARD_SWISH", "ABS", "EXP")
FUSED = ("NONE", "RELU", "RELU6", "RELU_N1_TO_1")
MIXED = ("builtin_first_and_last", "softmax_before", "shared_scale", "concatenated", "split_in_two")
"""Networks with TFLite builtins beside DQA operators."""


class Grower:
    """Grows a network operator by operator; every method takes a tensor and gives the next, the tensor itself where it does not fit."""

    def __init__(self, seed: int) -> None:
        self.random = np.random.default_rng((seed, 12))
        self.net = Net(1, self.number(5, 9), self.number(5, 9), self.number(1, 4), seed=seed)

    def number(self, low: int, high: int) -> int:
        return int(self.random.integers(low, high + 1))

    def conv(self, x: int) -> int:
        kernel = self.number(1, 3)
        return self.net.conv(x, self.number(3, 8), kernel, "SAME", str(self.random.choice(FUSED)), self.number(1, 2))

    def depthwise(self, x: int) -> int:
        _, height, width, channels = self.net.shape(x)
        multiplier = self.number(1, 2)
        option = options("DepthwiseConv2DOptions", padding=0, strideW=1, strideH=1, depthMultiplier=multiplier, fusedActivationFunction=1)
        inputs = [x, self.net.weights(1, 3, 3, channels * multiplier), self.net.weights(channels * multiplier)]
        return self.net.op("DEPTHWISE_CONV_2D", inputs, (1, height, width, channels * multiplier), option)

    def pool(self, kind: str, x: int) -> int:
        _, height, width, channels = self.net.shape(x)
        if min(height, width) < 2:
            return x
        option = options("Pool2DOptions", padding=1, strideW=2, strideH=2, filterWidth=2, filterHeight=2)
        return self.net.op(kind, [x], (1, height // 2, width // 2, channels), option)

    def average_pool(self, x: int) -> int:
        return self.pool("AVERAGE_POOL_2D", x)

    def max_pool(self, x: int) -> int:
        return self.pool("MAX_POOL_2D", x)

    def add(self, x: int) -> int:
        channels = self.net.shape(x)[3]
        return self.net.binary("ADD", self.net.conv(x, channels, 1), self.net.conv(x, channels, 3, "SAME", "RELU"), "RELU")

    def concatenation(self, x: int) -> int:
        return mixed_models.concatenation(self.net, self.net.conv(x, 3, 1), self.net.conv(x, 2, 3, "SAME", "RELU"))

    def pad(self, x: int) -> int:
        return self.net.pad(x, [[0, 0], [1, 0], [0, 1], [0, 0]])

    def resize(self, x: int) -> int:
        _, height, width, channels = self.net.shape(x)
        size = self.net.constant([2 * height, 2 * width])
        return self.net.op(
            "RESIZE_NEAREST_NEIGHBOR", [x, size], (1, 2 * height, 2 * width, channels), options("ResizeNearestNeighborOptions")
        )

    def reshape(self, x: int) -> int:
        _, height, width, channels = self.net.shape(x)
        return self.net.reshape(x, 1, width, height, channels)

    def upsample(self, x: int) -> int:
        """Nearest neighbours as Keras writes them."""
        _, height, width, channels = self.net.shape(x)
        wide = self.net.tile(self.net.reshape(x, 1, height, 1, width * channels), 1, 1, 2, 1)
        return self.net.reshape(wide, 1, 2 * height, width, channels)

    def scale(self, x: int) -> int:
        """What the front end folds into a neighbour or makes a depthwise convolution of."""
        kind = str(self.random.choice(["MUL", "ADD", "SUB", "DIV"]))
        return self.net.binary(kind, x, self.net.constant(self.random.uniform(0.5, 2, self.net.shape(x)[3])))

    def function(self, x: int) -> int:
        return self.net.unary(str(self.random.choice(FUNCTIONS)), self.net.conv(x, 4, 1))

    def leaky(self, x: int) -> int:
        return self.net.op("LEAKY_RELU", [x], self.net.shape(x), options("LeakyReluOptions", alpha=0.1))

    def gelu(self, x: int) -> int:
        return self.net.op("GELU", [x], self.net.shape(x), options("GeluOptions", approximate=bool(self.number(0, 1))))

    def swish(self, x: int) -> int:
        return self.net.binary("MUL", x, self.net.unary("LOGISTIC", x))


STEPS: tuple[Callable[[Grower, int], int], ...] = (
    *(Grower.conv, Grower.depthwise, Grower.average_pool, Grower.max_pool, Grower.add, Grower.concatenation, Grower.pad, Grower.resize),
    *(Grower.reshape, Grower.upsample, Grower.scale, Grower.function, Grower.leaky, Grower.gelu, Grower.swish),
)


def network(seed: int) -> bytes:
    """Five operators, the first of another kind with each seed, and a head: dense, mean, softmax, or the map itself."""
    grow = Grower(seed)
    x = grow.net.conv(grow.net.input, 4, padding="SAME", activation="RELU")
    for step in (STEPS[seed % len(STEPS)], *(STEPS[i] for i in grow.random.integers(0, len(STEPS), 4))):
        x = step(grow, x)
    net = grow.net
    heads = {0: lambda: x, 1: lambda: net.dense(x, 5), 2: lambda: mixed_models.softmax(net, net.dense(mixed_models.mean(net, x), 4))}
    return net.build(heads[seed % 3]())


def networks(count: int) -> dict[str, bytes]:
    """`count` random networks, and those with builtins, by name."""
    return {f"random {seed}": network(seed) for seed in range(count)} | {name: getattr(mixed_models, name)() for name in MIXED}
