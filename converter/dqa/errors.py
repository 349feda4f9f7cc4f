"""The exceptions of dqa: what happened, what to do about it, and the exit code.

Exit codes: 2 means the input was refused (model, recipe, data, option), 1 means dqa or a tool it runs failed.
"""

from __future__ import annotations


class DqaError(Exception):
    """Base of all errors raised on purpose; shown to users as one line and a hint, never as a traceback."""

    exit_code = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class InputError(DqaError):
    """Something the user gave was refused."""

    exit_code = 2


class ModelError(InputError):
    """The model file cannot be read or converted."""


class DataError(InputError):
    """An .npz file, or an array in it, does not fit."""


class RecipeError(InputError):
    """A recipe or an option has a value that is not allowed."""


class ProgramError(InputError):
    """A DQA program, or a .tflite that carries one, is corrupt."""


class BoardError(InputError):
    """An unknown board, or one the model does not fit on."""


class ToolError(DqaError):
    """A tool dqa needs is missing or failed (compiler, PlatformIO, QEMU, TensorFlow)."""


class UnmetError(DqaError):
    """What was asked of the answers, they do not reach."""
