"""What a converted model answers, on the host and on boards, and how good that is."""

from dqa.evaluation.evaluate import EvaluateResult, evaluate
from dqa.evaluation.subject import model_inputs

__all__ = ["EvaluateResult", "evaluate", "model_inputs"]
