"""The DQA program: its objects, its bytes, its rules (docs/format.md)."""

from dqa.operators.base import Operator
from dqa.operators.books import BOOK
from dqa.operators.records import Coding, Edge, ErrorCoding, Requantization, Storage, WeightEncoding, Window
from dqa.operators.registry import KINDS, Kind, kind_of
from dqa.program.check import check_program
from dqa.program.interface import Interface, Port
from dqa.program.lifetimes import Lifetimes, as_bits, lifetimes
from dqa.program.linked import Entry, table
from dqa.program.maps import (
    MAX_ERROR_BYTES,
    MAX_PAYLOAD_WORDS,
    align,
    base_row_bytes,
    coded_row_bytes,
    has_errors,
    may_drop,
    minimum_capacity,
    row_bytes,
)
from dqa.program.model import IN_OUTPUT, Layout, LayoutName, Program, in_output
from dqa.program.reader import read
from dqa.program.rings import value_ring
from dqa.program.rows import InputView, accumulates, input_view, span
from dqa.program.schedule import Schedule, simulate
from dqa.program.scratch import scratch_bytes, transient_bytes
from dqa.program.writer import Image, Section, assemble, write

__all__ = [
    "BOOK",
    "IN_OUTPUT",
    "KINDS",
    "MAX_ERROR_BYTES",
    "MAX_PAYLOAD_WORDS",
    "Coding",
    "Edge",
    "Entry",
    "ErrorCoding",
    "Image",
    "InputView",
    "Interface",
    "Kind",
    "Layout",
    "LayoutName",
    "Lifetimes",
    "Operator",
    "Port",
    "Program",
    "Requantization",
    "Schedule",
    "Section",
    "Storage",
    "WeightEncoding",
    "Window",
    "accumulates",
    "align",
    "as_bits",
    "assemble",
    "base_row_bytes",
    "check_program",
    "coded_row_bytes",
    "has_errors",
    "in_output",
    "input_view",
    "kind_of",
    "lifetimes",
    "may_drop",
    "minimum_capacity",
    "read",
    "row_bytes",
    "scratch_bytes",
    "simulate",
    "span",
    "table",
    "transient_bytes",
    "value_ring",
    "write",
]
