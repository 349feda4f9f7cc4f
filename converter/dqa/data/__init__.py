"""Samples and labels in .npz files, and the mapping from their numbers to a model's float input."""

from dqa.data.dataset import DataFile, Dataset, InputMapping, load

__all__ = ["DataFile", "Dataset", "InputMapping", "load"]
