"""What is evaluated: a converted model, and the samples that it is asked."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from dqa.data import dataset as datasets
from dqa.errors import DataError, InputError, ProgramError
from dqa.evaluation import metrics
from dqa.program import Interface, Port
from dqa.report import Identity, identify, load_interface, mixed_sections
from dqa.support import manifest
from dqa.support.arrays import Array, Float32, UInt8
from dqa.tflite.reader import read_tflite

MOST_CLIPPED = 0.01
"""Share of the input's values beyond which the data are others than those of the calibration."""


@dataclass(frozen=True, eq=False)
class Subject:
    """head: the place of the output that is measured. program: the bytes of model.dqa; None: TFLite builtins run a part of the network.

    mixed: then the report. real: the float network's inputs (N, *shape); inputs: the same as the model's bytes (N, bytes).
    metric: the one asked for, or the model's own; None: by the kind of task. limited: only the first samples are looked at.
    """

    out: Path
    interface: Interface
    identity: Identity
    head: int
    program: bytes | None
    mixed: dict[str, Any] | None
    dataset: datasets.Dataset
    data_sha256: str
    real: Float32
    inputs: UInt8
    metric: str | None
    limited: bool

    @property
    def output(self) -> str:
        """The name of the output that is measured."""
        return self.interface.output_names[self.head]

    def chosen_metric(self) -> str:
        """Raises DataError where the labels fit no metric."""
        shapes = self.interface.entries.rebuilt, (1, *self.interface.outputs[self.head].shape)
        return self.metric or metrics.choose(self.dataset, *shapes)

    def value(self, metric: str, outputs: Float32) -> float | None:
        """The metric of outputs (N, *shape); None where the few samples of a limited run cannot give it (an AUC of one class), which the
        agreement can do without."""
        try:
            return metrics.evaluate(metric, outputs, self.dataset, self.real)
        except metrics.OneClassError:
            if not self.limited:
                raise
            return None

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


def load(out: Path, data: Path, output: str | None, metric: str | None, limit: int | None) -> Subject:
    """Raises InputError, DataError, ProgramError."""
    manifest.settle(out)
    interface = load_interface(out)
    head = interface.place(output)
    mixed = mixed_sections(out)
    program = program_of(out) if mixed is None else None
    identity = identify(out)
    entries = interface.entries
    source, metric = datasets.DataFile(data, entries=entries), metric or interface.metric
    shapes = entries.rebuilt, (1, *interface.outputs[head].shape)
    source.check_shape(entries.shape)
    with labels_of(interface, head):
        dataset = metrics.with_class_numbers(source.load(), *shapes, metric)
    if limit is not None:
        dataset = dataset.take(limit)
    ends = model_inputs(interface, dataset)
    sha256 = manifest.sha256(data)
    return Subject(out, interface, identity, head, program, mixed, dataset, sha256, *ends, metric, limit is not None)


@contextmanager
def labels_of(interface: Interface, head: int) -> Iterator[None]:
    """Labels that do not fit may be those of another output."""
    try:
        yield
    except DataError as error:
        if len(interface.outputs) > 1:
            names = interface.output_names
            error.hint = f"y is compared with output '{names[head]}'; name another with --output: {', '.join(names)}"
        raise


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
