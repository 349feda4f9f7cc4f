"""The names behind the numbers of the .tflite schema, and the types a float32 model may hold."""

from __future__ import annotations

from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema


def _names(enumeration: type) -> dict[int, str]:
    return {value: name for name, value in vars(enumeration).items() if isinstance(value, int)}


OPERATORS = _names(schema.BuiltinOperator)
TYPES = _names(schema.TensorType)
ACTIVATIONS = _names(schema.ActivationFunctionType)
SAME: int = schema.Padding.SAME
CUSTOM = schema.BuiltinOperator.CUSTOM

# Types of a float32 network: its values, half-precision weights, and the integers that shapes are made of.
NUMPY_TYPES: dict[int, np.dtype[Any]] = {
    schema.TensorType.FLOAT32: np.dtype(np.float32),
    schema.TensorType.FLOAT16: np.dtype(np.float16),
    schema.TensorType.INT32: np.dtype(np.int32),
    schema.TensorType.INT64: np.dtype(np.int64),
    schema.TensorType.BOOL: np.dtype(np.bool_),
}
QUANTIZED_TYPES = {schema.TensorType.INT8, schema.TensorType.UINT8, schema.TensorType.INT16, schema.TensorType.INT4, schema.TensorType.INT2}
