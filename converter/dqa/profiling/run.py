"""Profiles one inference of a converted model: on this machine, on a simulated board or on a real one."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from dqa.data import dataset as datasets
from dqa.data.given import Samples, Source, source
from dqa.device.profile import INSTRUCTIONS, MICROSECONDS
from dqa.device.profile import profile as on_device
from dqa.engine.profile import HostProfile
from dqa.engine.profile import profile as on_host
from dqa.errors import InputError, ToolError
from dqa.evaluation.subject import model_inputs, program_of
from dqa.profiling.float_network import signal_to_noise
from dqa.program import Interface, Program, read
from dqa.report import identify, layer_names, load_interface, record, refuse_mixed
from dqa.support import manifest
from dqa.support.arrays import Float32, UInt8
from dqa.support.progress import Progress, SilentProgress
from dqa.support.version import __version__

FAR_DB = 10.0
"""Below it a tenth of the energy of what an operator makes is error."""


@dataclass(frozen=True)
class OperatorProfile:
    """cost: in the profile's unit; share: of all operators' cost.

    equal: whether the values it made on the target are the host's, before they were stored; None on the host, or without compare.
    float_db: signal-to-noise ratio of the host's values against the float network's, see dqa.profiling.float_network.
    """

    name: str
    kind: str
    cost: float
    share: float
    rows: int
    crc: int
    equal: bool | None = None
    float_db: float | None = None


@dataclass(frozen=True)
class ProfileResult:
    """unit: "instructions" (simulated boards) or "microseconds". total: of all operators. stack: bytes taken at most; None on the host.

    first_far_from_float: the first operator whose float_db is below FAR_DB.
    first_difference: the first operator whose values are not the host's: it, or how its input was stored, is wrong on the target.
    notes: what a user should know.
    """

    target: str
    unit: str
    total: float
    operators: tuple[OperatorProfile, ...]
    stack: int | None = None
    compared: bool = False
    output_equal: bool | None = None
    first_difference: str | None = None
    first_far_from_float: str | None = None
    program_sha256: str | None = None
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The profile as plain data; what is not known is absent."""
        data = {"dqa": __version__, **asdict(self)}
        data["operators"] = [{key: value for key, value in row.items() if value is not None} for row in data["operators"]]
        return {key: value for key, value in data.items() if value is not None and key != "notes"}


def profile(
    out: str | os.PathLike[str],
    target: str = "host",
    data: Samples | Source | None = None,
    sample: int = 0,
    *,
    compare: bool = False,
    progress: Progress | None = None,
) -> ProfileResult:
    """Profiles OUT with one sample, or without one with random bytes, and brings the report in OUT up to date.

    target: "host", "sim:BOARD" or "serial:PORT", a board flashed with profiling firmware. data: an .npz, or what else dqa.data.given
    takes. sample: its number in the data.
    compare: also with the host, where it is not the target, and with the float network. Raises InputError, DataError, RecipeError,
    ProgramError, BoardError, ToolError.
    """
    place, progress = Path(out), progress or SilentProgress()
    manifest.settle(place)
    interface = load_interface(place)
    refuse_mixed(place, "dqa profile")
    program_bytes = program_of(place)
    identity, program = identify(place), read(program_bytes)
    names = layer_names(place)
    if len(names) != len(program.ops):
        names = [op.name for op in program.ops]
    real, given = _sample(interface, source(data, "data") if data is not None else None, sample)
    notes: tuple[str, ...] = () if data is not None else ("profiled with random bytes as input: give samples with --data X.npz",)
    host: HostProfile | None = None
    if target == "host" or compare:
        with progress.task("Host", None):
            host = on_host(program_bytes, given, "pushed" if interface.push_rows else "internal")
    if target == "host":
        assert host is not None
        heights = [len(one.values) for one in host.operators]
        costs = [round(one.microseconds, 3) for one in host.operators]
        rows = _rows(program, names, costs, heights, [one.crc for one in host.operators])
        result = ProfileResult(target, MICROSECONDS, round(sum(costs), 3), tuple(rows))
    else:
        with progress.task(target, None):
            found = on_device(target, place, given, pushed=interface.push_rows)
        if len(found.records) != len(program.ops):
            raise ToolError(f"the board reports {len(found.records)} operators of {len(program.ops)}", hint="flash it again with --profile")
        costs = [round(cost) if found.unit == INSTRUCTIONS else round(cost, 3) for cost in found.costs]
        rows = _rows(program, names, costs, [one.rows for one in found.records], [one.crc for one in found.records])
        same = found.output == host.outputs.tobytes() if host is not None else None
        notes = (*notes, *found.notes)
        result = ProfileResult(target, found.unit, sum(costs), tuple(rows), found.stack, output_equal=same)
    if compare and host is not None:
        with progress.task("Float model", None):
            ratios = signal_to_noise(place, program, [one.values for one in host.operators], real)
        result = _compared(result, host, ratios)
    result = replace(result, program_sha256=identity.program)
    why = record(place, "profiles", result.to_json())
    return replace(result, notes=(*notes, f"the report was left as it is: {why}") if why else notes)


def _sample(interface: Interface, data: Source | None, number: int) -> tuple[Float32, UInt8]:
    """The float network's input (1, *shape) and its bytes (bytes,)."""
    entries = interface.entries
    if data is None:
        given = np.random.default_rng(0).integers(0, 256, (1, int(np.prod(entries.shape))), np.uint8)
        shaped = entries.split(given if entries.several else given.reshape(entries.shape))
        reals = [port.to_real(part.view(port.dtype)) for port, part in zip(interface.inputs, shaped, strict=True)]
        return np.concatenate([part.reshape(1, -1) for part in reals], axis=1).reshape(entries.shape), given[0]
    file = datasets.DataFile(data, labels=False, entries=entries)
    file.check_shape(entries.shape)
    dataset = file.load()
    if not 0 <= number < len(dataset):
        raise InputError(f"sample {number}: '{file.name}' holds samples 0 to {len(dataset) - 1}")
    real, bytes_ = model_inputs(interface, dataset.skip(number).take(1))
    return real, bytes_[0]


def _rows(program: Program, names: list[str], costs: Sequence[float], rows: list[int], crcs: list[int]) -> list[OperatorProfile]:
    total = sum(costs) or 1.0
    parts = zip(names, program.ops, costs, rows, crcs, strict=True)
    return [OperatorProfile(name, type(op).__name__, cost, round(cost / total, 4), made, crc) for name, op, cost, made, crc in parts]


def _compared(result: ProfileResult, host: HostProfile, ratios: list[float | None]) -> ProfileResult:
    known = result.target != "host"
    rows = [
        replace(
            row,
            equal=(row.crc, row.rows) == (one.crc, len(one.values)) if known else None,
            float_db=None if ratio is None else round(ratio, 2),
        )
        for row, one, ratio in zip(result.operators, host.operators, ratios, strict=True)
    ]
    first = next((row.name for row in rows if row.equal is False), None)
    far = next((row.name for row in rows if row.float_db is not None and row.float_db < FAR_DB), None)
    return replace(result, operators=tuple(rows), compared=True, first_difference=first, first_far_from_float=far)
