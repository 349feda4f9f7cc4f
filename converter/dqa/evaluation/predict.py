"""dqa.predict: what a converted model answers, as real numbers."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from dqa.data.dataset import DataFile
from dqa.data.given import Samples, Source, source
from dqa.engine.host import HostModel
from dqa.evaluation.subject import model_inputs, program_of, read_file
from dqa.report import load_interface, mixed_sections
from dqa.support import manifest
from dqa.support.arrays import Float32, Int8, Int64, UInt8


def predict(out: str | os.PathLike[str], x: Samples | Source, output: str | None = None, *, jobs: int | None = None) -> Float32 | Int64:
    """The answers (N, *output shape) of the integer program in OUT to samples, computed on this machine; bit by bit those of a device.

    Of an output that ends in an argmax: the indices, of the output shape without its last dimension.

    x: samples as those of the calibration, (N, *input shape), or what else dqa.data.given takes; labels are left alone. output: its name;
    the first without one. A model with TFLite builtins runs in TensorFlow Lite Micro's interpreter.
    Raises InputError, DataError, ProgramError, ToolError.
    """
    place = Path(out)
    manifest.settle(place)
    interface = load_interface(place)
    head = interface.place(output)
    file = DataFile(source(x, "x"), labels=False, entries=interface.entries)
    file.check_shape(interface.entries.shape)
    _, given = model_inputs(interface, file.load())
    if mixed_sections(place) is None:
        found = HostModel(program_of(place), "pushed" if interface.push_rows else "internal").run(given, jobs=jobs).outputs
    else:
        found = _interpreted(place, given)
    answers = interface.answers(found.view(np.uint8), head)
    return np.asarray(answers.argmax(axis=-1), np.int64) if interface.outputs[head].argmax else answers


def _interpreted(out: Path, inputs: UInt8) -> Int8:
    from dqa.engine.tflm_host import TflmModel

    with TflmModel(read_file(out / "model.tflite")) as model:
        return model.run(inputs)
