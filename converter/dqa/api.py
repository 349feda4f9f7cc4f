"""The typed Python API: the steps of the commands as functions."""

from dqa.config import ConvertConfig
from dqa.conversion.convert import ConvertResult, convert
from dqa.evaluation import EvaluateResult, evaluate

__all__ = ["ConvertConfig", "ConvertResult", "EvaluateResult", "convert", "evaluate"]
