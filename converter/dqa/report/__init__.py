"""What a conversion tells its user: report.json."""

from dqa.report.content import build_report, stored_bits
from dqa.report.interface import Interface, Port, load_interface

__all__ = ["Interface", "Port", "build_report", "load_interface", "stored_bits"]
