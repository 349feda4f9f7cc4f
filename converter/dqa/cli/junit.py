"""Checks of an evaluation as JUnit XML, which CI servers show (https://github.com/testmoapp/junitxml)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from xml.etree import ElementTree


@dataclass(frozen=True)
class Check:
    """Of a figure: what was found, and the least that was asked for."""

    name: str
    found: float | None
    least: float

    @property
    def failure(self) -> str:
        """Empty where it holds."""
        if self.found is None:
            return f"{self.name} cannot be told of these samples, at least {self.least:g} is required"
        return "" if self.found >= self.least else f"{self.name} is {self.found:.4f}, at least {self.least:g} is required"


def junit(suite: str, checks: Sequence[Check], properties: Mapping[str, object]) -> str:
    """One test case for each check; of no check one that says that the evaluation ran."""
    failed = sum(bool(check.failure) for check in checks)
    counts = {"tests": str(max(len(checks), 1)), "failures": str(failed), "errors": "0"}
    root = ElementTree.Element("testsuites", counts)
    top = ElementTree.SubElement(root, "testsuite", {"name": suite, **counts})
    listed = ElementTree.SubElement(top, "properties")
    for name, value in properties.items():
        ElementTree.SubElement(listed, "property", {"name": name, "value": str(value)})
    for check in checks:
        case = ElementTree.SubElement(top, "testcase", {"classname": suite, "name": f"{check.name} at least {check.least:g}"})
        if check.failure:
            ElementTree.SubElement(case, "failure", {"message": check.failure})
    if not checks:
        ElementTree.SubElement(top, "testcase", {"classname": suite, "name": "evaluated"})
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"
