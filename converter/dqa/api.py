"""The typed Python API: the steps of the commands as functions."""

from dqa.conversion.convert import ConvertResult, convert
from dqa.evaluation.evaluate import EvaluateResult, evaluate
from dqa.support.settings import ConvertConfig

__all__ = ["ConvertConfig", "ConvertResult", "EvaluateResult", "convert", "evaluate"]
