"""What the options and constant inputs of a TFLite operator say, for the rooms of dqa.operators to read."""

from __future__ import annotations

from dataclasses import dataclass

from dqa.graph.model import Tensor
from dqa.tflite import schema
from dqa.tflite.flatbuffer import Table

MAX_WINDOW = 4096


@dataclass
class Request:
    """One operator of the file: its inputs (None where absent), its output and its options table (dqa.operators.float_base.Request)."""

    inputs: list[Tensor | None]
    output: Tensor
    options: Table | None

    def input(self, position: int) -> Tensor:
        if position >= len(self.inputs) or (tensor := self.inputs[position]) is None:
            raise ValueError(f"input {position} is missing")
        return tensor

    def integer(self, slot: int, default: int = 0) -> int:
        return default if self.options is None else self.options.integer(slot, default=default)

    def positive(self, slot: int, default: int, what: str) -> int:
        value = self.integer(slot, default)
        if not 1 <= value <= MAX_WINDOW:
            raise ValueError(f"{what} is {value}")
        return value

    def flag(self, slot: int) -> bool:
        return self.options is not None and self.options.flag(slot)

    def number(self, slot: int, default: float = 0.0) -> float:
        return default if self.options is None else self.options.number(slot, default)

    def activation(self, slot: int) -> str:
        code = 0 if self.options is None else self.options.integer(slot, "<b")
        if schema.ACTIVATIONS.get(code, "SIGN_BIT") == "SIGN_BIT":
            raise ValueError(f"fused activation {code} is not known")
        return schema.ACTIVATIONS[code]

    def same_padding(self) -> bool:
        return self.options is None or self.options.integer(0, "<b") == schema.SAME

    def whole_numbers(self, position: int) -> list[int]:
        """A constant integer input, flattened."""
        tensor = self.input(position)
        if tensor.data is None or tensor.data.dtype.kind != "i":
            raise ValueError(f"input {position} is not a constant of whole numbers")
        return [int(value) for value in tensor.data.reshape(-1)]
