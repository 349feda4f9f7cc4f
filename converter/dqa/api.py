"""The typed Python API: the steps of the commands as functions."""

from dqa.analysis.analyze import analyze
from dqa.analysis.result import Analysis
from dqa.conversion.convert import ConvertResult, convert
from dqa.evaluation.evaluate import EvaluateResult, OutputResult, evaluate
from dqa.support.settings import ConvertConfig

__all__ = ["Analysis", "ConvertConfig", "ConvertResult", "EvaluateResult", "OutputResult", "analyze", "convert", "evaluate"]
