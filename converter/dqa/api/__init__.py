"""The typed Python API: the commands as functions, and a converted model as an object (docs/python.md)."""

from dqa.analysis.analyze import analyze
from dqa.analysis.result import Analysis
from dqa.api.converted import Converted, convert, load
from dqa.api.firmware import build, flash
from dqa.conversion.convert import ConvertResult
from dqa.device.built import BuildResult
from dqa.evaluation.evaluate import EvaluateResult, OutputResult, evaluate
from dqa.evaluation.predict import predict
from dqa.profiling.run import ProfileResult, profile
from dqa.support.settings import ConvertConfig

__all__ = [
    "Analysis",
    "BuildResult",
    "ConvertConfig",
    "ConvertResult",
    "Converted",
    "EvaluateResult",
    "OutputResult",
    "ProfileResult",
    "analyze",
    "build",
    "convert",
    "evaluate",
    "flash",
    "load",
    "predict",
    "profile",
]
