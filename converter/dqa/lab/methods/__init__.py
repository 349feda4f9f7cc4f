"""Activation methods of the study, one module each, behind one interface (dqa.lab.methods.base)."""

from dqa.lab.methods.base import Calibration, Method, Quantizer, Stored
from dqa.lab.methods.coded import CodedMethod, CodedNetwork
from dqa.lab.methods.options import METHODS, describe_method, parse_method

__all__ = ["METHODS", "Calibration", "CodedMethod", "CodedNetwork", "Method", "Quantizer", "Stored", "describe_method", "parse_method"]
