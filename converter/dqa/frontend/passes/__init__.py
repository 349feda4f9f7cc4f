"""Rewrites of the graph as read, one pattern per file, repeated until none applies.

A pass takes a Graph, changes it, and says whether it did. Results of operators keep their tensor numbers, so that every
activation of the final graph is a tensor of the .tflite, or made by one operator of such; beside those only constants are new.
"""

from __future__ import annotations

from collections.abc import Callable

from dqa.frontend.passes.activations import fuse_activation, fuse_swish
from dqa.frontend.passes.affine import affine_to_depthwise, depthwise_into_consumer, depthwise_into_producer, whole_constants
from dqa.frontend.passes.attention import one_head, scaled_products
from dqa.frontend.passes.batch import with_batch
from dqa.frontend.passes.causal import causal_softmax
from dqa.frontend.passes.compose import compose
from dqa.frontend.passes.convolutions import dense_to_conv, dilated_conv, grouped_conv
from dqa.frontend.passes.log_softmax import log_softmax
from dqa.frontend.passes.normalize import normalize
from dqa.frontend.passes.operands import aligned_operands, constant_operands
from dqa.frontend.passes.pads import pad_into_conv
from dqa.frontend.passes.parts import parts
from dqa.frontend.passes.pools import global_pools
from dqa.frontend.passes.quotients import quotient
from dqa.frontend.passes.reductions import reductions
from dqa.frontend.passes.reshapes import drop_reshape
from dqa.frontend.passes.series import time_as_rows
from dqa.frontend.passes.squares import squared_difference
from dqa.frontend.passes.tokens import embed
from dqa.frontend.passes.transposes import fold_transpose
from dqa.frontend.passes.upsample import upsample
from dqa.graph.edit import prune
from dqa.graph.model import Graph

PASSES: tuple[Callable[[Graph], bool], ...] = (
    embed,
    with_batch,
    causal_softmax,
    normalize,
    compose,
    squared_difference,
    quotient,
    log_softmax,
    whole_constants,
    parts,
    upsample,
    fold_transpose,
    grouped_conv,
    dilated_conv,
    dense_to_conv,
    time_as_rows,
    drop_reshape,
    aligned_operands,
    fuse_swish,
    fuse_activation,
    scaled_products,
    affine_to_depthwise,
    depthwise_into_producer,
    depthwise_into_consumer,
    pad_into_conv,
    global_pools,
    reductions,
)


def simplify(graph: Graph) -> None:
    """Applies all passes until the graph stays as it is."""
    prune(graph)
    changed = True
    while changed:
        changed = False
        for apply in PASSES:
            changed |= apply(graph)
        prune(graph)
    constant_operands(graph)
    one_head(graph)
    prune(graph)
