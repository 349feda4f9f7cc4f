"""The `interface` section of report.json, which evaluation reads back, and what a report says of TFLite builtins."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from dqa.errors import InputError, RecipeError
from dqa.program import Interface, Port
from dqa.support.settings import Numbers, NumbersByInput, metric_by_output


def load_interface(out: Path) -> Interface:
    """Reads the interface of a converted model from OUT/report.json.

    Raises InputError if the directory holds no converted model or the report was damaged.
    """
    path = out / "report.json"
    try:
        section = json.loads(path.read_text(encoding="utf-8"))["interface"]
        ports = {key: tuple(_port(given) for given in section[key]) for key in ("inputs", "outputs")}
        if not all(ports.values()):
            raise ValueError("no inputs or no outputs")
        mapping = _numbers(section["data_scale"]), _numbers(section["data_zero_point"])
        metric = metric_by_output("metric", section["metric"])
        return Interface(ports["inputs"], ports["outputs"], *mapping, metric, bool(section.get("push_rows", False)))
    except OSError as error:
        raise InputError(
            f"'{out}' holds no converted model: {path.name}: {error.strerror}", hint="make it with dqa convert ... -o OUT"
        ) from error
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError, RecipeError) as error:
        raise InputError(f"'{path}' is damaged ({error})", hint="run dqa convert again") from error


def mixed_sections(out: Path) -> dict[str, Any] | None:
    """The report of a model with operators that stay TFLite builtins, None for a model DQA runs alone.

    Raises InputError as load_interface.
    """
    load_interface(out)
    report = json.loads((out / "report.json").read_text(encoding="utf-8"))
    if not isinstance(builtins := report.get("builtins"), list):
        return None
    if not all(isinstance(row, dict) for row in builtins):
        raise InputError(f"'{out / 'report.json'}' is damaged (builtins)", hint="run dqa convert again")
    return dict(report)


def refuse_mixed(out: Path, what: str) -> None:
    """InputError for a model with builtins, where `what` takes only a model that DQA runs alone."""
    if (report := mixed_sections(out)) is None:
        return
    kinds = ", ".join(sorted({str(row.get("kind")) for row in report["builtins"]}))
    raise InputError(
        f"'{out}' has operators that stay TFLite builtins ({kinds}), {what} cannot run them",
        hint="--target tflm-host runs it on this machine, --runtime tflm on a board",
    )


def _port(given: Any) -> Port:
    """A port from plain data. Raises ValueError, KeyError, TypeError, OverflowError unless all of it is what Port says."""
    shape = tuple(int(size) for size in given["shape"])
    port = Port(
        str(given["name"]), shape, given["dtype"], _floats(given["scale"]), _floats(given["zero_point"]), bool(given.get("argmax", False))
    )
    channels = shape[-1] if shape and min(shape) > 0 else 0
    if not channels or port.dtype not in ("uint8", "int8") or any(len(v) not in (1, channels) for v in (port.scale, port.zero_point)):
        raise ValueError(f"port '{port.name}'")
    if min(port.scale) <= 0:
        raise ValueError(f"port '{port.name}': scale")
    return port


def _floats(values: Any) -> tuple[float, ...]:
    found = tuple(float(value) for value in values)
    if not all(map(math.isfinite, found)):
        raise ValueError("a number is not finite")
    return found


def _numbers(value: object) -> Numbers | NumbersByInput:
    if isinstance(value, dict):
        if not value:
            raise ValueError("numbers of no input")
        return {str(name): _of_input(item) for name, item in value.items()}
    return _of_input(value)


def _of_input(value: object) -> Numbers:
    found = _floats(value if isinstance(value, list) else [value])
    if not found:
        raise ValueError("no numbers")
    return found if isinstance(value, list) else found[0]
