"""What is evaluated: a converted model, and the samples that it is asked."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from dqa.data import dataset as datasets
from dqa.data.given import Source, sha256
from dqa.errors import DataError, InputError, ProgramError
from dqa.evaluation.heads import Ends, Head, heads_of
from dqa.program import Interface, Port
from dqa.report import Identity, identify, load_interface, mixed_sections
from dqa.support import manifest
from dqa.support.arrays import Array, Float32, UInt8
from dqa.support.settings import MetricByOutput
from dqa.tflite.reader import read_tflite

MOST_CLIPPED = 0.01
"""Share of the input's values beyond which the data are others than those of the calibration."""


@dataclass(frozen=True, eq=False)
class Subject:
    """heads: the outputs that are measured, one at least. program: the bytes of model.dqa; None: TFLite builtins run a part of the network.

    mixed: then the report. real: the float network's inputs (N, *shape); inputs: the same as the model's bytes (N, bytes).
    limited: only the first samples are looked at.
    """

    out: Path
    interface: Interface
    identity: Identity
    heads: tuple[Head, ...]
    program: bytes | None
    mixed: dict[str, Any] | None
    dataset: datasets.Dataset
    data_sha256: str
    real: Float32
    inputs: UInt8
    limited: bool

    def notes(self) -> list[str]:
        """What a user should know of the data."""
        entries = self.interface.entries
        found = []
        for port, real in zip(self.interface.inputs, entries.split(self.real), strict=True):
            if (clipped := port.clipped(real)) > MOST_CLIPPED:
                whose, held = (f"input '{port.name}'", "it") if entries.several else ("x", "the model's input")
                found.append(
                    f"{clipped:.1%} of the values of {whose} are beyond what {held} holds: the calibration data held no such values"
                )
        return found


def load(out: Path, data: Source, output: str | None, metric: str | MetricByOutput | None, limit: int | None) -> Subject:
    """Raises InputError, DataError, RecipeError, ProgramError."""
    manifest.settle(out)
    interface = load_interface(out)
    place = None if output is None else interface.place(output)
    mixed = mixed_sections(out)
    program = program_of(out) if mixed is None else None
    identity = identify(out)
    entries = interface.entries
    source = datasets.DataFile(data, entries=entries, outputs=interface.output_names)
    source.check_shape(entries.shape)
    dataset = source.load()
    heads = heads_of(Ends.of(interface), dataset, place, (metric, interface.metric), limit)
    if limit is not None:
        dataset = dataset.take(limit)
    ends = model_inputs(interface, dataset)
    return Subject(out, interface, identity, heads, program, mixed, dataset, sha256(data), *ends, limit is not None)


def model_inputs(interface: Interface, dataset: datasets.Dataset) -> tuple[Float32, UInt8]:
    """The float model's inputs (N, *shape) and the converted model's bytes (N, bytes).

    Raises DataError for x that the bytes of a model cannot hold which takes x itself; one whose scale calibration chose, unless it is the
    data's own, saturates.
    """
    given = interface.entries, interface.data_scale, interface.data_zero_point
    parts = dataset.parts(interface.entries)
    mappings = datasets.InputMapping.each(*given)
    rows = zip(interface.inputs, parts, mappings, strict=True)
    bytes_ = [
        _input_bytes(port, x, mapping, dataset.name if len(parts) == 1 else f"{dataset.name}, '{port.name}'") for port, x, mapping in rows
    ]
    return datasets.InputMapping.of_all(*given).to_float(dataset.x), bytes_[0] if len(parts) == 1 else np.concatenate(bytes_, axis=1)


def _input_bytes(port: Port, x: Array, mapping: datasets.InputMapping, name: str) -> UInt8:
    """The bytes (N, bytes) of one input."""
    scale, zero_point = mapping.per_channel(x.shape[-1])
    # int8 data are not the device's bytes where a calibration with float data chose another scale
    same = np.allclose(scale, port.scale, rtol=1e-6, atol=0) and np.allclose(zero_point, port.zero_point)
    if x.dtype.name == port.dtype and same:
        return np.ascontiguousarray(x).reshape(len(x), -1).view(np.uint8)
    if same:
        limits = np.iinfo(np.dtype(port.dtype))
        rounded = np.rint(x)
        held = ((rounded >= limits.min) & (rounded <= limits.max)).reshape(len(x), -1).all(axis=1)
        if not held.all():
            raise DataError(
                f"{name}: x goes from {x.min():g} to {x.max():g}, the model takes it as {port.dtype}, which holds"
                f" {limits.min} to {limits.max} (first beyond it: sample {int(np.argmin(held))})",
                hint="scale x as the calibration data were, or convert with calibration data that hold such numbers",
            )
    return port.to_bytes(mapping.to_float(x))


def program_of(out: Path) -> bytes:
    """The program in OUT. Raises InputError where there is none, ProgramError where OUT is of two minds."""
    program_bytes = read_file(out / "model.dqa")
    if read_tflite(read_file(out / "model.tflite")) != program_bytes:
        raise ProgramError(f"model.tflite and model.dqa in '{out}' hold different programs", hint="run dqa convert again")
    return program_bytes


def read_file(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"'{path}': {error.strerror}", hint="make it with dqa convert ... -o OUT") from error
