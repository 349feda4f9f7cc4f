"""The serial protocol of MLPerf Tiny in the firmware: which of the benchmark's models one is, and what its numbers mean."""

from __future__ import annotations

import math
from pathlib import Path

from dqa.errors import InputError
from dqa.program import Interface
from dqa.report import load_interface
from dqa.support.settings import DQA_ONLY, MLPERF_ONLY, one_of_protocols

GENERIC, REBUILDS = "generic", "ad01"
_MODELS = {(3072, "uint8", 10): "ic01", (490, "int8", 12): "kws01", (27648, "uint8", 2): "vww01", (640, "int8", 640): REBUILDS}
"""By the values of the input, their type and the values of the output; of REBUILDS the runner sends float32."""


def model_name(interface: Interface) -> str:
    """The benchmark's name of a model with these ports: GENERIC for one that is none of its own."""
    if len(interface.inputs) != 1 or len(interface.outputs) != 1:
        return GENERIC
    source, target = interface.inputs[0], interface.outputs[0]
    return _MODELS.get((math.prod(source.shape), source.dtype, math.prod(target.shape)), GENERIC)


def defines(out: Path, protocol: str) -> tuple[str, ...]:
    """The -D flags that firmware/src/main.c and mlperf.h speak of, for the model in OUT; none for the protocol of dqa alone.

    Raises RecipeError for an unknown protocol, InputError for a model that the benchmark's protocol has no place for.
    """
    one_of_protocols(protocol)
    if protocol == DQA_ONLY:
        return ()
    interface = load_interface(out)
    hint = f"build it with --protocol {DQA_ONLY}"
    for ports, what in ((interface.inputs, "input"), (interface.outputs, "output")):
        if len(ports) != 1:
            raise InputError(f"MLPerf Tiny's protocol knows one {what}, '{out}' has {len(ports)}", hint=hint)
        if len(ports[0].scale) != 1 or len(ports[0].zero_point) != 1:
            raise InputError(f"MLPerf Tiny's protocol knows one scale, the {what} of '{out}' has one per channel", hint=hint)
    name = model_name(interface)
    values: dict[str, object] = {"DQA_PROTOCOL_MLPERF": 1, "DQA_MLPERF_MODEL": name, "DQA_MLPERF_REBUILDS": int(name == REBUILDS)}
    for side, (port,) in (("INPUT", interface.inputs), ("OUTPUT", interface.outputs)):
        values |= {f"DQA_MLPERF_{side}_SCALE": repr(port.scale[0]), f"DQA_MLPERF_{side}_ZERO_POINT": repr(port.zero_point[0])}
    if protocol == MLPERF_ONLY:
        values["DQA_PROTOCOL_TEXT_ONLY"] = 1
    return tuple(f"-D{name}={value}" for name, value in values.items())
