"""The typed Python API: the commands as functions, and a converted model as an object (docs/python.md).

What is offered is listed once, in `dqa.__all__`.
"""

from dqa.analysis.analyze import analyze as analyze
from dqa.analysis.result import Analysis as Analysis
from dqa.api.converted import Converted as Converted
from dqa.api.converted import convert as convert
from dqa.api.converted import load as load
from dqa.api.firmware import build as build
from dqa.api.firmware import flash as flash
from dqa.conversion.convert import ConvertResult as ConvertResult
from dqa.device.built import BuildResult as BuildResult
from dqa.evaluation.evaluate import EvaluateResult as EvaluateResult
from dqa.evaluation.evaluate import OutputResult as OutputResult
from dqa.evaluation.evaluate import evaluate as evaluate
from dqa.evaluation.predict import predict as predict
from dqa.profiling.run import ProfileResult as ProfileResult
from dqa.profiling.run import profile as profile
from dqa.support.settings import ConvertConfig as ConvertConfig
