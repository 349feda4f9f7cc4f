"""dqa: deep-quantized activations for Keras models on Cortex-M.

`dqa.convert` and what else `dqa.api` offers, the commands as functions, is imported when first used.
"""

from __future__ import annotations

from dqa.errors import DqaError
from dqa.support.version import __version__

TYPE_CHECKING = False  # of typing, which a command need not import before it sees to signals (dqa.cli.early)
if TYPE_CHECKING:
    from dqa.api import (
        Analysis,
        BuildResult,
        ConvertConfig,
        Converted,
        ConvertResult,
        EvaluateResult,
        OutputResult,
        ProfileResult,
        analyze,
        build,
        convert,
        evaluate,
        flash,
        load,
        predict,
        profile,
    )

__all__ = [
    "Analysis",
    "BuildResult",
    "ConvertConfig",
    "ConvertResult",
    "Converted",
    "DqaError",
    "EvaluateResult",
    "OutputResult",
    "ProfileResult",
    "__version__",
    "analyze",
    "build",
    "convert",
    "evaluate",
    "flash",
    "load",
    "predict",
    "profile",
]


def __getattr__(name: str) -> object:
    if name == "ConvertConfig":  # alone it takes no numpy
        from dqa.support.settings import ConvertConfig

        return ConvertConfig
    if name in __all__:
        from dqa import api

        return getattr(api, name)
    raise AttributeError(f"module 'dqa' has no attribute '{name}'")


def __dir__() -> list[str]:
    return __all__
