"""What a conversion tells its user: report.json and report.html."""

from dqa.report.builds import record_build
from dqa.report.content import build_report, stored_bits
from dqa.report.html import write_html
from dqa.report.interface import Interface, Port, load_interface, mixed_sections, refuse_mixed
from dqa.report.mixed import build_mixed_report
from dqa.report.plan import plan_section

__all__ = [
    "Interface",
    "Port",
    "build_mixed_report",
    "build_report",
    "load_interface",
    "mixed_sections",
    "plan_section",
    "record_build",
    "refuse_mixed",
    "stored_bits",
    "write_html",
]
