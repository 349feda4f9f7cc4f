"""Activation methods of the study, one module each, behind one interface (dqa.methods.base)."""

from dqa.methods.base import Calibration, Method, Quantizer, Stored
from dqa.methods.coded import CodedMethod, CodedNetwork
from dqa.methods.options import METHODS, describe_method, parse_method

__all__ = ["METHODS", "Calibration", "CodedMethod", "CodedNetwork", "Method", "Quantizer", "Stored", "describe_method", "parse_method"]
