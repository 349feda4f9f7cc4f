"""What a conversion tells its user: report.json and report.html."""

from dqa.report.content import build_report, stored_bits
from dqa.report.interface import load_interface, mixed_sections, refuse_mixed
from dqa.report.mixed import build_mixed_report
from dqa.report.plan import plan_section
from dqa.report.record import Identity, identify, layer_names, program_sha256, record, report_files

__all__ = [
    "Identity",
    "build_mixed_report",
    "build_report",
    "identify",
    "layer_names",
    "load_interface",
    "mixed_sections",
    "plan_section",
    "program_sha256",
    "record",
    "refuse_mixed",
    "report_files",
    "stored_bits",
]
