"""How numbers enter and leave a converted model: the `interface` section of report.json, which evaluation reads back."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from dqa.config import METRICS
from dqa.errors import InputError


@dataclass(frozen=True)
class Port:
    """An input or output of the model: bytes of `dtype` (uint8 or int8), real = (byte - zero_point) * scale.

    shape is without the batch; scale and zero_point hold one number, or one for each entry of the last dimension.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    scale: tuple[float, ...]
    zero_point: tuple[float, ...]

    def to_real(self, data: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        """(N, bytes) of the model's dtype as real numbers (N, *shape)."""
        values = data.reshape(len(data), *self.shape).astype(np.float64)
        return np.asarray((values - np.array(self.zero_point)) * np.array(self.scale), np.float32)

    def to_bytes(self, real: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.uint8]:
        """Real numbers (N, *shape) as the model's bytes (N, bytes), rounded to nearest and clipped."""
        limits = np.iinfo(np.dtype(self.dtype))
        values = np.rint(real.astype(np.float64) / np.array(self.scale) + np.array(self.zero_point))
        return np.asarray(np.clip(values, limits.min, limits.max).astype(self.dtype).reshape(len(real), -1).view(np.uint8))


@dataclass(frozen=True)
class Interface:
    """The model's ports, and the mapping of the data: float input = (x - data_zero_point) * data_scale.

    push_rows: runtime standalone takes the input row by row.
    """

    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    data_scale: float | tuple[float, ...]
    data_zero_point: float | tuple[float, ...]
    metric: str | None
    push_rows: bool = False

    def pushed_on(self, runtime: str) -> bool:
        """Whether a runtime takes the input row by row: TensorFlow Lite Micro owns its tensors, so that there it is whole."""
        return self.push_rows and runtime == "standalone"

    @property
    def output_names(self) -> list[str]:
        return [port.name for port in self.outputs]

    def place(self, output: str | None) -> int:
        """The place of the output of that name; of the first without one. Raises InputError for a name that no output has."""
        if output is None:
            return 0
        if output not in self.output_names:
            raise InputError(f"the model has no output '{output}'", hint=f"its outputs: {', '.join(self.output_names)}")
        return self.output_names.index(output)

    def answers(self, outputs: npt.NDArray[Any], place: int) -> npt.NDArray[np.float32]:
        """The real numbers (N, *shape) of one output in the bytes (N, bytes) of all of them, one after the other."""
        sizes = [math.prod(port.shape) for port in self.outputs]
        start = sum(sizes[:place])
        return self.outputs[place].to_real(outputs[:, start : start + sizes[place]].view(np.int8))

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


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
        if section["metric"] not in (None, *METRICS):
            raise ValueError("metric")
        return Interface(ports["inputs"], ports["outputs"], *mapping, section["metric"], bool(section.get("push_rows", False)))
    except OSError as error:
        raise InputError(
            f"'{out}' holds no converted model: {path.name}: {error.strerror}", hint="make it with dqa convert ... -o OUT"
        ) from error
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
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
        hint="evaluate it with --target tflm-host; on a device, link model.tflite and the library dqa_tflm to your TensorFlow Lite Micro",
    )


def _port(given: Any) -> Port:
    """A port from plain data. Raises ValueError, KeyError, TypeError, OverflowError unless all of it is what Port says."""
    shape = tuple(int(size) for size in given["shape"])
    port = Port(str(given["name"]), shape, given["dtype"], _floats(given["scale"]), _floats(given["zero_point"]))
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


def _numbers(value: object) -> float | tuple[float, ...]:
    found = _floats(value if isinstance(value, list) else [value])
    if not found:
        raise ValueError("no numbers")
    return found if isinstance(value, list) else found[0]
