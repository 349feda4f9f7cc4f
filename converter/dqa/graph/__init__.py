"""The float graph between the front ends and the rest: tensors, operators, shapes."""

from dqa.graph.model import Graph, Op, Tensor

__all__ = ["Graph", "Op", "Tensor"]
