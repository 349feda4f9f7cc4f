"""Ports of test programs."""

from __future__ import annotations

from dqa.program import Edge, Interface, Port, Program, Storage


def port_of(edge: Edge) -> Port:
    unsigned = edge.storage is Storage.RAW_UINT8
    shape = (edge.height, edge.width, edge.channels)
    return Port(edge.name, shape, "uint8" if unsigned else "int8", (0.25,), (float(edge.zero_point + 128 * unsigned),))


def ports_of(program: Program) -> Interface:
    """A port for each input and output, with a scale of 1/4."""
    return Interface(tuple(map(port_of, program.inputs)), tuple(map(port_of, program.outputs)), 1.0, 0.0, None)
