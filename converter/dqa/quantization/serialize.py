"""Formats as plain mappings for the recipe, and back."""

from __future__ import annotations

import string
from collections.abc import Collection, Mapping
from typing import Any

import numpy as np

from dqa.coding.huffman import HuffmanTable
from dqa.errors import RecipeError
from dqa.graph import Graph
from dqa.program import Coding, ErrorCoding, Storage
from dqa.quantization.formats import Reason, TensorFormat
from dqa.support.arrays import Float64

_DIGITS = string.digits + string.ascii_lowercase
_CODING_KEYS = {"tables", "contexts", "groups", "expected", "share"}
_KEYS = {
    "storage", "code_bits", "extra_bits", "low", "scales", "zero_points", "reason",
    "important", "error_coding", "huffman", "expected_extra", "capacity", "ring_rows", "coding",
}  # fmt: skip


def to_mapping(graph: Graph, formats: Mapping[int, TensorFormat]) -> dict[str, dict[str, Any]]:
    """The recipe's `edges` section: the tensors that have a format."""
    return {name: _one(formats[index]) for index, name in graph.activation_names().items() if index in formats}


def _one(fmt: TensorFormat) -> dict[str, Any]:
    result: dict[str, Any] = {
        "reason": fmt.reason.value,
        "storage": fmt.storage.name.lower(),
        "code_bits": fmt.code_bits,
        "extra_bits": fmt.extra_bits,
        "low": fmt.low,
        "scales": _shorten(fmt.scales),
        "zero_points": _shorten(fmt.zero_points),
        "capacity": fmt.capacity,
    }
    if fmt.important:
        result["important"] = list(fmt.important)
        result["error_coding"] = fmt.error_coding.name.lower()
        result["expected_extra"] = fmt.expected_extra
    if fmt.huffman is not None:
        result["huffman"] = list(fmt.huffman.lengths)
    if fmt.ring_rows:
        result["ring_rows"] = fmt.ring_rows
    if fmt.coding is not None:
        result["coding"] = _coding(fmt.coding)
    return result


def _coding(coding: Coding) -> dict[str, Any]:
    """Tables as their codeword lengths and contexts as the tables' numbers, a (base 36) digit for each symbol."""
    return {
        "tables": ["".join(map(str, table.lengths)) for table in coding.tables],
        "contexts": ["".join(_DIGITS[i] for i in row) for row in coding.contexts],
        "groups": "".join(map(str, coding.groups)),
        "expected": list(coding.expected),
        "share": list(coding.share),
    }


def _shorten(values: Float64) -> float | list[float]:
    """One number where all are equal."""
    return float(values[0]) if np.all(values == values[0]) else [float(v) for v in values]


def from_mapping(graph: Graph, edges: Mapping[str, Mapping[str, Any]], tensors: Collection[int] | None = None) -> dict[int, TensorFormat]:
    """Formats from the recipe's `edges` section: of these tensors, by default of all activations.

    Raises RecipeError for an edge that is missing, unknown or malformed; whether formats and graph make a valid program is checked when
    it is written.
    """
    names = {index: name for index, name in graph.activation_names().items() if tensors is None or index in tensors}
    for name in edges:
        if name not in names.values():
            raise RecipeError(f"edges: the model has no activation '{name}'", hint="the recipe belongs to another model")
    result = {}
    for index, name in names.items():
        if name not in edges:
            raise RecipeError(f"edges: '{name}' is missing", hint="remove the edges section to decide all edges anew")
        result[index] = _Reader(name, edges[name]).format(graph.tensors[index].hwc)
    return result


class _Reader:
    """Reads one edge's mapping; every complaint names the edge and the key."""

    def __init__(self, name: str, data: Mapping[str, Any]) -> None:
        self.name, self.data = name, data
        if unknown := sorted(set(data) - _KEYS):
            raise self._error(unknown[0], "a known key", data[unknown[0]])

    def _error(self, key: str, expected: str, got: object) -> RecipeError:
        return RecipeError(f"edges.{self.name}.{key}: expected {expected}, got {got!r:.60}")

    def _whole(self, key: str, low: int, high: int, default: int | None = None) -> int:
        value = self.data.get(key, default)
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise self._error(key, f"a whole number from {low} to {high}", value)
        return value

    def _floats(self, key: str, count: int, *, positive: bool) -> Float64:
        value = self.data.get(key)
        values = value if isinstance(value, list) else [value] * count
        if len(values) != count or not all(isinstance(v, int | float) and not isinstance(v, bool) for v in values):
            raise self._error(key, f"a number or {count} numbers", value)
        array = np.array(values, dtype=np.float64)
        if not np.all(np.isfinite(array)) or (positive and np.any(array <= 0)):
            raise self._error(key, "finite numbers" + (" above 0" if positive else ""), value)
        return array

    def _choice(self, key: str, choices: Mapping[str, Any], default: str | None = None) -> Any:
        value = self.data.get(key, default)
        if not isinstance(value, str) or value not in choices:
            raise self._error(key, "one of " + ", ".join(choices), value)
        return choices[value]

    def _wholes(self, key: str, high: int) -> tuple[int, ...]:
        value = self.data.get(key, [])
        if not isinstance(value, list) or not all(isinstance(v, int) and not isinstance(v, bool) and 0 <= v <= high for v in value):
            raise self._error(key, f"a list of whole numbers up to {high}", value)
        return tuple(value)

    def coding(self) -> Coding | None:
        """How a coded map is written; whether it fits the edge is checked with the program."""
        if "coding" not in self.data:
            return None
        data = self.data["coding"]
        if not isinstance(data, dict) or set(data) != _CODING_KEYS:
            raise self._error("coding", "the keys " + ", ".join(sorted(_CODING_KEYS)), data)
        part = _Reader(f"{self.name}.coding", {})
        part.data = data
        groups = part._digits("groups", data["groups"], "0123")
        tables = []
        for text in part._texts("tables"):
            try:
                tables.append(HuffmanTable(part._digits("tables", text, string.digits)))
            except ValueError as error:
                raise part._error("tables", "the lengths of complete codes", text) from error
        return Coding(
            group_count=max(groups, default=0) + 1,
            groups=groups,
            tables=tuple(tables),
            contexts=tuple(part._digits("contexts", text, _DIGITS) for text in part._texts("contexts")),
            expected=part._wholes("expected", 1 << 24),
            share=part._wholes("share", 255),
        )

    def _texts(self, key: str) -> list[str]:
        value = self.data[key]
        if not isinstance(value, list) or not value or not all(isinstance(text, str) for text in value):
            raise self._error(key, "a list of texts", value)
        return value

    def _digits(self, key: str, text: object, digits: str) -> tuple[int, ...]:
        if not isinstance(text, str) or any(letter not in digits for letter in text):
            raise self._error(key, "a digit for each", text)
        return tuple(digits.index(letter) for letter in text)

    def format(self, shape: tuple[int, int, int]) -> TensorFormat:
        channels = shape[2]
        huffman = None
        if "huffman" in self.data:
            try:
                huffman = HuffmanTable(self._wholes("huffman", 8))
            except ValueError as error:
                raise self._error("huffman", "the lengths of a complete code", self.data["huffman"]) from error
        return TensorFormat(
            storage=self._choice("storage", {s.name.lower(): s for s in Storage}),
            code_bits=self._whole("code_bits", 1, 8),
            extra_bits=self._whole("extra_bits", 0, 6),
            low=self._whole("low", -128, 0),
            zero_points=self._floats("zero_points", channels, positive=False),
            scales=self._floats("scales", channels, positive=True),
            reason=self._choice("reason", {r.value: r for r in Reason}),
            important=self._wholes("important", channels - 1),
            error_coding=self._choice("error_coding", {c.name.lower(): c for c in ErrorCoding}, "none"),
            huffman=huffman,
            expected_extra=self._whole("expected_extra", 0, 4092, 0),
            capacity=self._whole("capacity", 1, 1 << 24),
            ring_rows=self._whole("ring_rows", 0, 65535, 0),
            coding=self.coding(),
        )
