"""Runs a .tflite once in LiteRT, in a process of its own: `python -m dqa.frontend.probe MODEL NAME WORKDIR`.

A file that makes LiteRT refuse, crash or hang is found out here, before it is run in the user's process.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np

from dqa.frontend.limits import limit_process


def probe(model: bytes) -> str | None:
    """What LiteRT says against the model, None if it runs."""
    from ai_edge_litert.interpreter import Interpreter

    try:
        interpreter = Interpreter(model_content=model, num_threads=1)
        interpreter.allocate_tensors()
        entry = interpreter.get_input_details()[0]
        interpreter.set_tensor(entry["index"], np.zeros(entry["shape"], entry["dtype"]))
        interpreter.invoke()
    except (ValueError, RuntimeError, MemoryError) as error:
        return str(error).strip().splitlines()[0][:300]
    return None


OTHERS = "convert it again with builtin operators only"
OWN = "dqa wrote this file; give the network that it was converted from"


def main(model: Path, name: str, workdir: Path) -> None:
    limit_process()
    problem = probe(model.read_bytes())
    result = (
        {}
        if problem is None
        else {"error": f"{name}: LiteRT cannot run it: {problem}", "hint": OWN if "custom op: DQA" in problem else OTHERS}
    )
    (workdir / "result.json").write_text(json.dumps(result), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]))
