"""Ports of test programs."""

from __future__ import annotations

from dataclasses import dataclass

from dqa import program as p


@dataclass(frozen=True)
class Port:
    name: str
    shape: tuple[int, ...]
    dtype: str
    scale: tuple[float, ...]
    zero_point: tuple[float, ...]


@dataclass(frozen=True)
class Ports:
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]


def port_of(edge: p.Edge) -> Port:
    unsigned = edge.storage is p.Storage.RAW_UINT8
    shape = (edge.height, edge.width, edge.channels)
    return Port(edge.name, shape, "uint8" if unsigned else "int8", (0.25,), (float(edge.zero_point + 128 * unsigned),))


def ports_of(program: p.Program) -> Ports:
    """A port for each input and output, with a scale of 1/4."""
    return Ports(tuple(map(port_of, program.inputs)), tuple(map(port_of, program.outputs)))
