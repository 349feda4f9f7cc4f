"""Converted models with the ports of MLPerf Tiny's, and words with a device that speaks its protocol."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np

from builders.firmware import write_out
from builders.ports import ports_of
from builders.programs import Builder, finish
from dqa import program as p
from dqa.device.link import Link
from dqa.operators.lut import Lut
from dqa.program import Interface
from dqa.report import load_interface
from dqa.support.limits import MAX_WINDOW_ROWS

SHAPES = {"ic01": ((32, 32, 3), 10), "kws01": ((49, 10, 1), 12), "vww01": ((96, 96, 3), 2), "generic": ((5, 4, 2), 3)}
"""Input and number of classes."""


def classifier(name: str, seed: int = 1) -> p.Program:
    """One convolution over the whole input of a model of SHAPES."""
    (height, width, channels), classes = SHAPES[name]
    builder = Builder(seed)
    storage = p.Storage.RAW_UINT8 if name in ("ic01", "vww01") else p.Storage.RAW_INT8
    builder.edges.append(p.Edge("input 0", height, width, channels, storage, 8, 0, -128, 3, height * width * channels))
    kernel = min(height, MAX_WINDOW_ROWS), min(width, MAX_WINDOW_ROWS)
    weights = builder.rng.integers(-128, 128, (classes, *kernel, channels)).astype(np.int8)
    stride = height if height > MAX_WINDOW_ROWS else 1  # then a corner of the picture
    builder.convolve(0, p.Window(*kernel, stride, stride, 1, 1, 0, 0), weights, (1, 1))
    return builder.finish()


def rebuilder(values: int = 640) -> p.Program:
    """Gives back its input, but for every byte above 100, which becomes 100."""
    ends = [p.Edge(name, 1, 1, values, p.Storage.RAW_INT8, 8, 0, -128, 0, values) for name in ("input 0", "output 0")]
    table = np.minimum(np.arange(-128, 128), 100).astype(np.int8)
    return finish(ends, [Lut("lut", (0,), 1, table)], [0], [1])


def write_model(out: Path, program: p.Program, scales: tuple[float, float] = (0.25, 1 / 256)) -> Interface:
    """Makes `out` a converted model as far as dqa build and dqa serve need it; the scales are those of its inputs and outputs."""
    write_out(out, program)
    found = ports_of(program)
    sides = zip(("inputs", "outputs"), (found.inputs, found.outputs), scales, strict=True)
    ports = {name: [asdict(replace(port, scale=(scale,))) for port in side] for name, side, scale in sides}
    section = {**ports, "data_scale": 1.0, "data_zero_point": 0.0, "metric": None, "push_rows": False}
    (out / "report.json").write_text(json.dumps({"interface": section}))
    return load_interface(out)


class Words:
    """A host that speaks text with the device at the other end of a link."""

    def __init__(self, link: Link) -> None:
        self._link = link

    def ask(self, command: str, patience: float = 20) -> list[str]:
        """The lines of the reply to a command, without its '%', up to m-ready."""
        self._link.send(f"{command}%".encode())
        return self.listen(patience)

    def listen(self, patience: float = 20) -> list[str]:
        """Lines until m-ready, which is left out; nothing may follow it."""
        heard = b""
        while not heard.endswith(b"m-ready\r\n"):
            more = self._link.receive(patience)
            assert more, f"silence after {heard!r}"
            heard += more
        *lines, ready, rest = heard.decode("ascii").split("\r\n")
        assert (ready, rest) == ("m-ready", "")
        return lines

    def is_silent(self, seconds: float = 0.3) -> bool:
        return self._link.receive(seconds) == b""

    def load(self, data: bytes, size: int = 31) -> None:
        assert self.ask(f"db load {len(data)}") == [f"m-[Expecting {len(data)} bytes]"]
        for at in range(0, len(data), size):
            done = at + size >= len(data)
            assert self.ask(f"db {data[at : at + size].hex()}") == (["m-load-done"] if done else [])

    def infer(self, data: bytes, count: int = 1, warmups: int = 0) -> list[float]:
        """The results of an inference."""
        self.load(data)
        lines = self.ask(f"infer {count} {warmups}")
        assert [line for line in lines if not line.startswith(("m-lap-us-", "m-results-"))] == [
            f"m-warmup-start-{warmups}",
            "m-warmup-done",
            f"m-infer-start-{count}",
            "m-infer-done",
        ]
        assert lines[-1].startswith("m-results-[") and lines[-1].endswith("]")
        return [float(value) for value in lines[-1][len("m-results-[") : -1].split(",")]
