"""What operators of the float network share that put dimensions together to one number."""

from __future__ import annotations

from collections.abc import Sequence

from dqa.operators.float_base import Answer, Attributes, FloatOperator, Request, Shape
from dqa.operators.float_windows import nhwc_shape
from dqa.operators.network import MAP_AXES, TURNED_AXES, Op, Tensor


class FloatReduction(FloatOperator):
    """Attributes: axes (of the NHWC tensor), keep_dims."""

    keeps_sign = True

    def read(self, request: Request) -> Answer:
        rank = len(request.input(0).shape)
        axes = sorted({axis + rank if axis < 0 else axis for axis in request.whole_numbers(1)})
        if not axes or axes[0] < 1 or axes[-1] >= rank or rank > 4:
            raise ValueError(f"axes {request.whole_numbers(1)} of {rank} dimensions")
        return {"axes": tuple(MAP_AXES[rank][axis] for axis in axes), "keep_dims": request.flag(0)}, [request.input(0).index], None

    def shape(self, op: Op, inputs: Sequence[Tensor]) -> Shape | None:
        return tuple(1 if axis in op.attrs["axes"] else size for axis, size in enumerate(nhwc_shape(inputs[0].shape)))

    def turned(self, attrs: Attributes) -> Attributes:
        return attrs | {"axes": tuple(sorted(TURNED_AXES[axis] for axis in attrs["axes"]))}
