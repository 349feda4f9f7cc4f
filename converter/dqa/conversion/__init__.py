"""From a float model to OUT/: read, decide, weigh, build, write."""

from dqa.conversion.convert import ConvertResult, convert

__all__ = ["ConvertResult", "convert"]
