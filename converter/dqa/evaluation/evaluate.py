"""dqa.evaluate: runs a converted model over data on the host, in TFLM, on a simulated board or on a real one, and measures it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from dqa.calibration import float_outputs
from dqa.data import dataset as datasets
from dqa.engine.host import HostModel
from dqa.errors import DataError, InputError, ProgramError, RecipeError
from dqa.evaluation import metrics
from dqa.frontend import load_model
from dqa.program import read
from dqa.report import Interface, identify, load_interface, mixed_sections, program_sha256, record, refuse_mixed, stored_bits
from dqa.support import manifest
from dqa.support.progress import Progress, SilentProgress
from dqa.support.settings import firmware_runtime
from dqa.support.version import __version__
from dqa.tflite.reader import read_tflite

Bytes = npt.NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class EvaluateResult:
    """What one evaluation found; None where the target cannot tell.

    value: the metric of the converted model (None if a limited run has too few samples for it), float_value that of the float model on
    the same samples. agreement: samples whose output bytes equal the host's, of how many; None for a model with TFLite builtins, which the
    host engine cannot run. stored_bits: RAM bits per stored activation.
    link: what happened between host and board and was mended, by kind (dqa.device.evaluate.DeviceResult).
    runtime: of a board. ram, flash: bytes. instructions: of one inference, simulated boards. microseconds: of one inference, real boards.
    output: the name of the output that was measured, where the model has several. outputs: its real numbers, (N, *shape).
    answers: per sample, see `answers`. details: further figures of the metric.
    program_sha256, model_sha256, data_sha256: of what ran, of the file it was converted from, of the .npz. notes: what a user should know.
    """

    metric: str
    value: float | None
    samples: int
    target: str
    stored_bits: float
    outputs: npt.NDArray[np.float32]
    answers: list[float]
    details: dict[str, float]
    output: str | None = None
    float_value: float | None = None
    agreement: tuple[int, int] | None = None
    runtime: str | None = None
    dropped_rows: int | None = None
    ram: dict[str, int] | None = None
    flash: dict[str, int] | None = None
    instructions: int | None = None
    microseconds: float | None = None
    program_sha256: str | None = None
    model_sha256: str | None = None
    data_sha256: str | None = None
    notes: tuple[str, ...] = ()
    link: dict[str, int] | None = None

    def to_json(self) -> dict[str, Any]:
        """The evaluation as plain data; what the target could not give is absent."""
        result: dict[str, Any] = {
            "dqa": __version__,
            "program_sha256": self.program_sha256,
            "model_sha256": self.model_sha256,
            "data_sha256": self.data_sha256,
            "metric": self.metric,
            "value": self.value,
            "output": self.output,
            "samples": self.samples,
            "target": self.target,
            "runtime": self.runtime,
            "agreement": {"equal": self.agreement[0], "of": self.agreement[1]} if self.agreement else None,
            "stored_bits": round(self.stored_bits, 4),
            "float_value": self.float_value,
            "dropped_rows": self.dropped_rows,
            "ram": self.ram,
            "flash": self.flash,
            "instructions": self.instructions,
            "microseconds": self.microseconds,
            "link": self.link,
            **self.details,
            "answers": self.answers,
        }
        return {key: value for key, value in result.items() if value is not None}


@dataclass(frozen=True, eq=False)
class _Run:
    """Output bytes of a target, (N, output bytes), and what it measured."""

    outputs: Bytes
    dropped_rows: int | None = None
    measured: dict[str, Any] | None = None


def evaluate(
    out: Path | str,
    data: Path | str,
    target: str = "host",
    limit: int | None = None,
    metric: str | None = None,
    *,
    runtime: str | None = None,
    tflm: Path | None = None,
    output: str | None = None,
    jobs: int | None = None,
    progress: Progress | None = None,
) -> EvaluateResult:
    """Evaluates OUT on the samples of an .npz and brings the report in OUT up to date with the result.

    target: "host", "tflm-host", "sim:BOARD" or "serial:PORT". limit: the first so many samples. metric: top1, auc, miou, mse or None for
    the model's own or the task's usual one. runtime: of a board's firmware, "standalone" (None: this) or "tflm"; tflm: see
    dqa.device.build, for simulated boards, whose firmware is built here.
    output: the name of the output whose answers `y` holds, of a model with several; the first without it.
    Raises InputError, DataError, RecipeError (options of which one has no effect), ProgramError, BoardError, ToolError.
    """
    progress = progress or SilentProgress()
    out, data = Path(out), Path(data)
    if limit is not None and limit < 1:
        raise InputError(f"limit: expected at least 1, got {limit}")
    kind, on_board, runtime = _target(target, runtime, tflm)
    manifest.settle(out)
    interface = load_interface(out)
    head = interface.place(output)
    measured = interface.output_names[head]
    mixed = mixed_sections(out)
    program_bytes = program_of(out) if mixed is None else b""
    identity = identify(out)
    source = datasets.DataFile(data)
    shapes = (1, *interface.inputs[0].shape), (1, *interface.outputs[head].shape)
    source.check_shape(shapes[0])
    with _named(interface, measured):
        dataset, data_sha256 = metrics.with_class_numbers(source.load(), *shapes, metric or interface.metric), manifest.sha256(data)
    if limit is not None:
        dataset = dataset.take(limit)
    real, inputs = model_inputs(interface, dataset)
    host = HostModel(program_bytes, "pushed" if interface.push_rows else "internal") if mixed is None else None
    if host is None and kind != "tflm-host":
        refuse_mixed(out, f"target {target}")
    # The float model first: labels that do not fit are refused before a board works for minutes.
    with progress.task("Float model", None):
        floats = float_outputs(load_model(out / "float.tflite"), real, output=head)
    with _named(interface, measured):
        chosen = metric or interface.metric or metrics.choose(dataset, *shapes)
        float_value = _value(chosen, floats, dataset, real, limit)
    reference = _on_host(host, inputs, jobs, progress) if host is not None else None
    if on_board:
        run = _on_device(out, target, runtime, tflm, interface.pushed_on(runtime), inputs, jobs, progress)
    else:
        run = _on_tflm(out, inputs, progress) if kind == "tflm-host" or reference is None else reference
    if program_sha256(out) != identity.program:
        raise ProgramError(f"'{out}' was converted again while it was evaluated", hint="evaluate it again")
    agreement = None
    if reference is not None and target != "host":
        agreement = int(np.all(run.outputs == reference.outputs, axis=1).sum()), len(inputs)
    outputs = interface.answers(run.outputs, head)
    result = EvaluateResult(
        metric=chosen,
        value=_value(chosen, outputs, dataset, real, limit),
        samples=len(inputs),
        target=target,
        stored_bits=stored_bits(read(program_bytes)) if mixed is None else float(mixed["stored_bits"]),
        outputs=outputs,
        answers=answers(chosen, outputs, real, dataset),
        details=_details(chosen, outputs, floats, dataset),
        output=measured if len(interface.outputs) > 1 else None,
        float_value=float_value,
        agreement=agreement,
        runtime=runtime if on_board else None,
        dropped_rows=run.dropped_rows,
        program_sha256=identity.program,
        model_sha256=identity.model,
        data_sha256=data_sha256,
        **(run.measured or {}),
    )
    entry = {key: value for key, value in result.to_json().items() if key != "answers"}
    why = record(out, "evaluations", {**entry, "data": data.name})
    return replace(result, notes=(*result.notes, f"the report was left as it is: {why}")) if why else result


@contextmanager
def _named(interface: Interface, output: str) -> Iterator[None]:
    """Labels that do not fit may be those of another output."""
    try:
        yield
    except DataError as error:
        if len(interface.outputs) > 1:
            error.hint = f"y is compared with output '{output}'; name another with --output: {', '.join(interface.output_names)}"
        raise


def _target(target: str, runtime: str | None, tflm: Path | None) -> tuple[str, bool, str]:
    """The kind of a target, whether it is a board, and the runtime of its firmware."""
    kind, _, place = target.partition(":")
    on_board = kind in {"sim", "serial"}
    if (kind not in {"host", "tflm-host"} and not on_board) or bool(place) != on_board:
        raise InputError(f"target: expected host, tflm-host, sim:BOARD or serial:PORT, got '{target}'")
    for name, value, used in (("runtime", runtime, on_board), ("tflm", tflm, kind == "sim")):
        if value is not None and not used:
            hint = "runtime is of a board's firmware: sim:BOARD or serial:PORT" if name == "runtime" else "firmware is built for sim:BOARD"
            raise RecipeError(f"{name} has no effect with target {target}", hint=hint)
    return kind, on_board, firmware_runtime(runtime, tflm)


def _value(
    metric: str, outputs: npt.NDArray[np.float32], dataset: datasets.Dataset, real: npt.NDArray[np.float32], limit: int | None
) -> float | None:
    """The metric; None where the few samples of a limited run cannot give it (an AUC of one class), which the agreement can do without."""
    try:
        return metrics.evaluate(metric, outputs, dataset, real)
    except metrics.OneClassError:
        if limit is None:
            raise
        return None


def model_inputs(interface: Interface, dataset: datasets.Dataset) -> tuple[npt.NDArray[np.float32], Bytes]:
    """The float model's inputs (N, *shape) and the converted model's bytes (N, bytes)."""
    mapping, port = datasets.InputMapping.of(interface.data_scale, interface.data_zero_point), interface.inputs[0]
    real = mapping.to_float(dataset.x)
    scale, zero_point = mapping.per_channel(dataset.x.shape[-1])
    # int8 data are not the device's bytes where a calibration with float data chose another scale
    same = np.allclose(scale, port.scale, rtol=1e-6, atol=0) and np.allclose(zero_point, port.zero_point)
    if dataset.x.dtype.name == port.dtype and same:
        return real, np.ascontiguousarray(dataset.x).reshape(len(dataset.x), -1).view(np.uint8)
    return real, port.to_bytes(real)


def answers(metric: str, outputs: npt.NDArray[np.float32], real: npt.NDArray[np.float32], dataset: datasets.Dataset) -> list[float]:
    """One number per sample: the class (top1), the score (auc), the pixel accuracy (miou) or the mean of the outputs' squares (mse)."""
    if metric == "top1":
        return [int(c) for c in outputs.reshape(len(outputs), -1).argmax(axis=1)]
    if metric == "auc":
        return [float(s) for s in metrics.anomaly_scores(outputs, real)]
    if metric == "miou" and dataset.y is not None:
        known = dataset.y < outputs.shape[-1]
        hits = (outputs.argmax(axis=-1) == dataset.y) & known
        return [float(h.sum() / max(k.sum(), 1)) for h, k in zip(hits, known, strict=True)]
    return [float(np.square(o, dtype=np.float64).mean()) for o in outputs]


def _details(metric: str, outputs: npt.NDArray[np.float32], floats: npt.NDArray[np.float32], dataset: datasets.Dataset) -> dict[str, float]:
    """Pixel accuracy beside mIoU."""
    if metric != "miou" or dataset.y is None:
        return {}
    pairs = (("pixel_accuracy", outputs), ("float_pixel_accuracy", floats))
    return {name: metrics.pixel_accuracy(metrics.confusion(values, dataset.y, dataset.name)) for name, values in pairs}


def program_of(out: Path) -> bytes:
    """The program in OUT. Raises InputError where there is none, ProgramError where OUT is of two minds."""
    program_bytes = _read(out / "model.dqa")
    if read_tflite(_read(out / "model.tflite")) != program_bytes:
        raise ProgramError(f"model.tflite and model.dqa in '{out}' hold different programs", hint="run dqa convert again")
    return program_bytes


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"'{path}': {error.strerror}", hint="make it with dqa convert ... -o OUT") from error


def _on_host(host: HostModel, inputs: Bytes, jobs: int | None, progress: Progress) -> _Run:
    with progress.task("Host", len(inputs)) as step:
        result = host.run(inputs, jobs=jobs, progress=step)
    return _Run(result.outputs.view(np.uint8), int(result.dropped.sum()))


def _on_tflm(out: Path, inputs: Bytes, progress: Progress) -> _Run:
    from dqa.engine.tflm_host import TflmModel

    with progress.task("TensorFlow Lite Micro", len(inputs)) as step, TflmModel(_read(out / "model.tflite")) as model:
        outputs = model.run(inputs, progress=step)
    ram = {"arena": model.arena_used} if model.arena_used else None
    return _Run(outputs.view(np.uint8), measured={"ram": ram})


def _on_device(
    out: Path, target: str, runtime: str, tflm: Path | None, pushed: bool, inputs: Bytes, jobs: int | None, progress: Progress
) -> _Run:
    from dqa.device.evaluate import run_samples

    with progress.task(target, len(inputs)) as step:
        result = run_samples(target, out, inputs, jobs=jobs or 2, progress=step, runtime=runtime, tflm=tflm, pushed=pushed)
    if len(result.outputs) != len(inputs):
        raise DataError(f"{target} answered {len(result.outputs)} of {len(inputs)} samples")
    measured: dict[str, Any] = {"instructions": result.instructions, "microseconds": result.microseconds}
    ram = {"static": result.ram_static, "model": result.ram_model, "stack": result.stack, "stack_bound": result.stack_bound}
    measured["ram"] = {name: size for name, size in ram.items() if size is not None}
    if result.flash_code is not None:  # a board flashed from elsewhere cannot tell
        measured["flash"] = {"code": result.flash_code, "model": result.flash_model}
    measured |= {"link": result.link or None, "notes": result.notes}
    return _Run(result.outputs, result.dropped_rows, measured)
