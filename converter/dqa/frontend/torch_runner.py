"""Makes a float .tflite of a network that torch.export saved; run by the Python that has litert-torch: torch_runner.py MODEL.pt2 OUT.tflite

Inputs of four dimensions become height x width x channels.
"""

from __future__ import annotations

import sys
from typing import Any


def main(source: str, target: str) -> None:
    import litert_torch
    import torch

    program = torch.export.load(source)
    arguments, keywords = program.example_inputs or ((), {})
    if keywords or not arguments:
        raise SystemExit("it was exported without positional example inputs")
    inputs = tuple(torch.zeros_like(one, dtype=torch.float32) for one in arguments)
    images = [place for place, one in enumerate(inputs) if one.ndim == 4]
    module: Any = program.module()
    if images:
        module = litert_torch.to_channel_last_io(module, args=images)
    turned = tuple(one.permute(0, 2, 3, 1) if one.ndim == 4 else one for one in inputs)
    litert_torch.convert(module, turned).export(target)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
