"""dqa: deep-quantized activations for Keras models on Cortex-M.

`dqa.convert` and `dqa.evaluate` are the steps of the commands of the same names; they are imported when first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dqa.errors import DqaError

if TYPE_CHECKING:
    from dqa.api import ConvertResult, EvaluateResult, convert, evaluate
    from dqa.config import ConvertConfig

__version__ = "0.1.0"
__all__ = ["ConvertConfig", "ConvertResult", "DqaError", "EvaluateResult", "__version__", "convert", "evaluate"]


def __getattr__(name: str) -> object:
    if name in ("convert", "evaluate", "ConvertResult", "EvaluateResult"):
        from dqa import api

        return getattr(api, name)
    if name == "ConvertConfig":
        from dqa.config import ConvertConfig

        return ConvertConfig
    raise AttributeError(f"module 'dqa' has no attribute '{name}'")
