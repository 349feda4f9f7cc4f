"""What is left of the values of an activation once they have been stored in its format."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from dqa.graph import Graph
from dqa.quantization.coded.costs import simulate
from dqa.quantization.formats import TensorFormat
from dqa.quantization.weights.layer_by_layer import batches
from dqa.support.arrays import Float32


def read_back(fmt: TensorFormat, shape: tuple[int, int, int], values: Float32) -> Float32:
    """Real values as they are read again: of a coded map with the bits that its rows drop, else as if no row dropped any.

    shape: height, width and channels of a map. values: float32 (N, ...), N maps in any shape; the result has it too.
    """
    maps = values.reshape(-1, *shape)
    if fmt.coding is None:
        return fmt.stored(maps).reshape(values.shape)
    v = np.rint(maps / fmt.scales.astype(np.float32)) + fmt.zero_points.astype(np.float32)
    found = simulate(fmt.edge("", shape), fmt.coding, np.clip(v, fmt.low, fmt.high).astype(np.int8)).values
    return ((found.astype(np.float32) - fmt.zero_points.astype(np.float32)) * fmt.scales.astype(np.float32)).reshape(values.shape)


def storing(graph: Graph, formats: Mapping[int, TensorFormat]) -> Callable[[int, Float32], Float32]:
    """`read_back` by tensor number; tensors without a format keep their values."""

    def store(tensor: int, values: Float32) -> Float32:
        if tensor not in formats:
            return values
        shape = graph.tensors[tensor].hwc
        return np.concatenate([read_back(formats[tensor], shape, values[part]) for part in batches(len(values))])

    return store
