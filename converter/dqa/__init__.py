"""dqa: deep-quantized activations for Keras models on Cortex-M.

`dqa.analyze`, `dqa.convert` and `dqa.evaluate` are the steps of the commands of the same names; they are imported when first used.
"""

from __future__ import annotations

from dqa.errors import DqaError
from dqa.support.version import __version__

TYPE_CHECKING = False  # of typing, which a command need not import before it sees to signals (dqa.cli.early)
if TYPE_CHECKING:
    from dqa.api import Analysis, ConvertResult, EvaluateResult, analyze, convert, evaluate
    from dqa.support.settings import ConvertConfig

__all__ = ["Analysis", "ConvertConfig", "ConvertResult", "DqaError", "EvaluateResult", "__version__", "analyze", "convert", "evaluate"]


def __getattr__(name: str) -> object:
    if name in ("analyze", "convert", "evaluate", "Analysis", "ConvertResult", "EvaluateResult"):
        from dqa import api

        return getattr(api, name)
    if name == "ConvertConfig":
        from dqa.support.settings import ConvertConfig

        return ConvertConfig
    raise AttributeError(f"module 'dqa' has no attribute '{name}'")
