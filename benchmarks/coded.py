"""What a coded map costs: instructions per value to write and to read a row, and code, on mps2_an386, beside other storages.

    python benchmarks/coded.py [-o out/benchmarks]

A synthetic activation of 24 x 24 x 16 values (exponential, calm and busy rows, 40 % zeros) goes through one edge, read once and twice: the
difference is a reader, the rest above a plain int8 edge the writer. Writes coded.json and coded.md.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from models import ROOT

from dqa import program as p
from dqa.codegen.render import render
from dqa.coding.categories import context_counts, drop
from dqa.coding.tables import cluster
from dqa.device import bare
from dqa.device.boards import load_board
from dqa.device.client import Device
from dqa.device.simulate import Simulator
from dqa.operators.lut import Lut
from dqa.quantization.coded.costs import Codes, by_level, level_bytes

sys.path.insert(0, str(ROOT / "tests"))
from builders.ports import ports_of
from builders.programs import place
from reference import coded as mirror_coded

BOARD = "mps2_an386"
SHAPE = 24, 24, 16
"""Rows, columns, channels of the edge."""


def activation(signed: bool) -> npt.NDArray[np.int8]:
    """Values (height, width, channels) of 7 bits from 0, or of 8 bits around it; neighbours are alike."""
    rng = np.random.default_rng(0)
    level = 2 + 10 * np.abs(np.cumsum(rng.normal(0, 0.3, SHAPE), axis=1)) * rng.uniform(0.2, 1, (SHAPE[0], 1, 1))
    values = rng.exponential(level) * (rng.random(SHAPE) > 0.4)
    values *= np.where(rng.random(SHAPE) < 0.5, 1, -1) if signed else 1
    return np.clip(np.rint(values), -128 if signed else 0, 127).astype(np.int8)


def plain() -> p.Edge:
    return p.Edge("edge", *SHAPE, p.Storage.RAW_INT8, 8, 0, -128, 0, int(np.prod(SHAPE)))


def packed(signed: bool) -> p.Edge:
    edge = p.Edge("edge", *SHAPE, p.Storage.MAP, 8 if signed else 7, 0, -128 if signed else 0, 0, 0)
    return replace(edge, capacity=p.minimum_capacity(edge))


def coded(values: npt.NDArray[np.int8], bits: float, groups: int, signed: bool) -> p.Edge:
    """The edge with a capacity of `bits` a value and tables made for these values."""
    most = 6 if signed else 5
    below = 128 if signed else 0
    codes = Codes.of(values[None].astype(np.int16), below, 127)
    counts = np.concatenate([context_counts(drop(codes.magnitudes, s)) for s in range(most + 1)])
    tables, numbers = cluster(counts.astype(np.float64), 8)
    contexts = numbers.reshape(most + 1, 16)
    group = np.arange(SHAPE[2]) * groups // SHAPE[2]
    code_bits = (8 if signed else 7) - most
    raw_row = 2 + 2 * -(-SHAPE[1] * SHAPE[2] * code_bits // 16)
    costs = np.stack([codes.bits(s, [tables[i] for i in contexts[s]]) for s in range(most + 1)])
    rows = level_bytes(np.asarray(by_level(costs, group), np.int64), raw_row)[:-1, 0]
    coding = p.Coding(
        groups,
        tuple(group.tolist()),
        tuple(tables),
        tuple(tuple(row.tolist()) for row in contexts),
        tuple(rows.sum(axis=1).tolist()),
        tuple((256 * np.arange(SHAPE[0] - 1, -1, -1) // SHAPE[0]).tolist()),
    )
    capacity = int(bits * values.size / 8)
    return p.Edge("edge", *SHAPE, p.Storage.CODED, code_bits, most, -below, 0, capacity, coding=coding)


def instructions(edge: p.Edge, readers: int, values: npt.NDArray[np.int8], out: Path) -> tuple[int, int]:
    """Instructions of a run, and bytes of code; the edge is written by a LUT and read by as many others."""
    ends = [replace(plain(), name=name) for name in ("in", *(f"out{i}" for i in range(readers)))]
    edges = (*ends, edge)
    number = len(edges) - 1
    table = np.clip(np.arange(-128, 128), edge.low, edge.high).astype(np.int8)
    ops: list[p.Operator] = [Lut("write", (0,), number, table)]
    ops += [Lut("read", (number,), 1 + i, np.arange(-128, 128, dtype=np.int8)) for i in range(readers)]
    program = p.Program(edges, tuple(ops), 1, readers, place(list(edges), ops, 0), place(list(edges), ops, 1 + readers))
    data = p.write(program)
    out.mkdir(parents=True, exist_ok=True)
    (out / "model.dqa").write_bytes(data)
    render(program, data, out / "src", ports_of(program))
    built, board = bare.build(out, BOARD), load_board(BOARD)
    assert board.qemu is not None
    with Simulator(board, built.elf, icount=True) as simulator:
        device = Device(simulator.link, reply_timeout=60)
        _, reply = device.infer(device.hello(), values.tobytes())
    return round(reply.ticks * 1e9 / board.counter_hz / 2**board.qemu.icount_shift), built.flash_code


def levels(edge: p.Edge, values: npt.NDArray[np.int8]) -> list[int]:
    """The level of each row."""
    assert edge.coding is not None
    units, at, found = mirror_coded.encode(edge, edge.coding, values)[0].view("<u2").tolist(), 0, []
    while at < len(units):
        found.append(units[at] & 31)
        at += 1 + (units[at] >> 5)
    return found


def measure(name: str, edge: p.Edge, values: npt.NDArray[np.int8], base: tuple[int, int] | None, out: Path) -> dict[str, Any]:
    (once, code), (twice, _) = (instructions(edge, readers, values, out) for readers in (1, 2))
    row: dict[str, Any] = {"edge": name, "bits": 8 * edge.capacity / edge.values, "instructions": [once, twice], "code": code}
    if base is not None:
        read = (twice - once) - (base[1] - base[0])
        row |= {"read": read / edge.values, "write": (once - base[0] - read) / edge.values}
    if edge.coding is not None:
        row["level"] = float(np.mean(levels(edge, values)))
    return row


def markdown(rows: list[dict[str, Any]]) -> str:
    lines = ["# Instructions per value of stored edges", "", f"{BOARD}, {' x '.join(map(str, SHAPE))} values.", ""]
    lines += ["| edge | bits | mean level | write | read | code, bytes |", "| --- | ---: | ---: | ---: | ---: | ---: |"]
    for row in rows:
        numbers = [f"{row[key]:.1f}" if key in row else "" for key in ("level", "write", "read")]
        lines.append(f"| {row['edge']} | {row['bits']:.2f} | {' | '.join(numbers)} | {row['code']:,} |")
    return "\n".join([*lines, ""])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--out", type=Path, default=ROOT / "out" / "benchmarks")
    arguments = parser.parse_args()
    work = arguments.out / "coded"
    rows = [measure("int8", plain(), activation(False), None, work)]
    base = rows[0]["instructions"]
    for signed in (False, True):
        values, sign = activation(signed), "signed" if signed else "unsigned"
        rows.append(measure(f"map, {sign}", packed(signed), values, base, work))
        for bits in (6.5, 3.0):
            for groups in (1, 4):
                edge = coded(values, bits, groups, signed)
                rows.append(measure(f"coded, {sign}, {groups} groups", edge, values, base, work))
                print(json.dumps(rows[-1]), flush=True)
    (arguments.out / "coded.json").write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    (arguments.out / "coded.md").write_text(markdown(rows), encoding="utf-8")
    print(markdown(rows))


if __name__ == "__main__":
    main()
