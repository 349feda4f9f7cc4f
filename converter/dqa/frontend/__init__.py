"""Front end: model files -> FloatModel."""

from dqa.frontend.in_memory import ModelSource
from dqa.frontend.load import load_model
from dqa.frontend.model import FloatModel

__all__ = ["FloatModel", "ModelSource", "load_model"]
