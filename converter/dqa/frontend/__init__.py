"""Front end: model files -> FloatModel."""

from dqa.frontend.load import load_model
from dqa.frontend.model import FloatModel

__all__ = ["FloatModel", "load_model"]
