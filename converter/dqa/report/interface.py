"""The `interface` section of report.json, which evaluation reads back, and what a report says of TFLite builtins."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from dqa.errors import InputError
from dqa.program import Interface, Port


def load_interface(out: Path) -> Interface:
    """Reads the interface of a converted model from OUT/report.json.

    Raises InputError if the directory holds no converted model or the report was damaged.
    """
    path = out / "report.json"
    try:
        section = json.loads(path.read_text(encoding="utf-8"))["interface"]
        ports = {
            key: tuple(
                Port(
                    str(p["name"]),
                    tuple(int(v) for v in p["shape"]),
                    str(np.dtype(p["dtype"])),
                    tuple(float(v) for v in p["scale"]),
                    tuple(float(v) for v in p["zero_point"]),
                )
                for p in section[key]
            )
            for key in ("inputs", "outputs")
        }
        mapping = _numbers(section["data_scale"]), _numbers(section["data_zero_point"])
        return Interface(ports["inputs"], ports["outputs"], *mapping, section["metric"], bool(section.get("push_rows", False)))
    except OSError as error:
        raise InputError(
            f"'{out}' holds no converted model: {path.name}: {error.strerror}", hint="make it with dqa convert ... -o OUT"
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"'{path}' is damaged ({error})", hint="run dqa convert again") from error


def mixed_sections(out: Path) -> dict[str, Any] | None:
    """The report of a model with operators that stay TFLite builtins, None for a model DQA runs alone.

    Raises InputError as load_interface.
    """
    load_interface(out)
    report = json.loads((out / "report.json").read_text(encoding="utf-8"))
    return report if isinstance(report.get("builtins"), list) else None


def refuse_mixed(out: Path, what: str) -> None:
    """InputError for a model with builtins, where `what` takes only a model that DQA runs alone."""
    if (report := mixed_sections(out)) is None:
        return
    kinds = ", ".join(sorted({str(row.get("kind")) for row in report["builtins"]}))
    raise InputError(
        f"'{out}' has operators that stay TFLite builtins ({kinds}), {what} cannot run them",
        hint="evaluate it with --target tflm-host; on a device, link model.tflite and the library dqa_tflm to your TensorFlow Lite Micro",
    )


def _numbers(value: object) -> float | tuple[float, ...]:
    return tuple(float(v) for v in value) if isinstance(value, list) else float(value)  # type: ignore[arg-type]
