"""What a stream takes beside the same network asked window by window: RAM and instructions on mps2_an386, and whether answers are equal.

    python benchmarks/continuous.py [--models wake_word,tcn] [--rows 300] [-o out/benchmarks]

The networks are those of examples/continuous, with weights as they are initialized: RAM and instructions of the stream do not depend
on them. Windowed: the default plan, rows pushed; beside its arena whoever asks window by window keeps the window's frames. Writes
continuous.json and continuous.md. Needs QEMU and the compiler, and TensorFlow.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
from common import BOARD, Row, main, table

import dqa
from dqa.engine.host import HostModel
from dqa.engine.host_stream import HostStream

sys.path.insert(0, str(Path(__file__).parents[1] / "examples" / "continuous"))
import nets
import stream

SAMPLES = 96


def run(name: str, work: Path, options: argparse.Namespace) -> Row:
    model = nets.NETWORKS[name]()
    shape = model.input_shape[1:]
    folder = work / name
    folder.mkdir(parents=True, exist_ok=True)
    x = stream.signal(shape[1:], SAMPLES * shape[0] // 2 + shape[0], 0)
    samples = np.array([x[at * shape[0] // 2 :][: shape[0]] for at in range(SAMPLES)])
    for layer in model.layers:  # normalized as if trained, so that answers vary
        if hasattr(layer, "moving_mean"):
            layer.momentum = 0.0
    model(samples, training=True)
    model.save(folder / "model.h5")
    np.savez(folder / "c.npz", x=samples)
    np.savez(folder / "t.npz", x=samples, y=np.zeros(SAMPLES, np.int64))
    dqa.convert(folder / "model.h5", folder / "c.npz", folder / "windowed", dqa.ConvertConfig(push_rows=True))
    found = dqa.evaluate(folder / "windowed", folder / "t.npz", BOARD, 1).to_json()
    dqa.convert(folder / "model.h5", folder / "c.npz", folder / "continuous", dqa.ConvertConfig(continuous=True))
    one = stream.load(folder / "continuous")
    rows = one.rows(stream.signal(shape[1:], options.rows, 3))
    host, alone = HostStream(one.data).push(rows), HostModel(one.data).run(one.windows(rows)).outputs
    board, counts, ram = stream.on_board(one, rows, BOARD.split(":")[1])
    steady = counts[one.first :]
    per_answer = float(np.mean(steady)) * one.hop
    return {
        "model": name,
        "window": shape[0],
        "hop": one.hop,
        "windowed": {"ram": found["ram"]["model"], "frames": rows.shape[1] * shape[0], "instructions": found["instructions"]},
        "continuous": {"ram": ram, "instructions": per_answer, "row": float(np.mean(steady)), "most": max(counts)},
        "ratio": found["instructions"] / per_answer,
        "equal": {
            "windows": int((host.answers[: len(alone)] == alone).all(axis=1).sum()),
            "board": int((board.answers == host.answers).all(axis=1).sum()) if np.array_equal(board.at, host.at) else 0,
            "of": len(alone),
            "answers": len(host.answers),
            "different": len(np.unique(host.answers, axis=0)),
        },
    }


def markdown(rows: list[Row]) -> str:
    cells = []
    for row in rows:
        windowed, continuous, equal = row["windowed"], row["continuous"], row["equal"]
        cells.append(
            [
                row["model"],
                row["window"],
                row["hop"],
                f"{windowed['ram']:,} + {windowed['frames']:,}",
                continuous["ram"],
                windowed["instructions"],
            ]
        )
        cells[-1] += [round(continuous["instructions"]), f"{row['ratio']:.1f}", round(continuous["row"]), continuous["most"]]
        cells[-1] += [f"{equal['windows']} of {equal['of']}", f"{equal['board']} of {equal['answers']}"]
    head = ["model", "window", "hop", "RAM windowed + frames", "continuous", "instructions an answer, windowed", "continuous", "ratio"]
    head += ["a row", "at most", "answers equal to windows'", "board equal to host"]
    return "\n".join(["# Rows that never end", "", *table(head, cells), ""])


if __name__ == "__main__":
    main("continuous", __doc__, list(nets.NETWORKS), run, markdown, rows=(200, "rows of the stream"))
