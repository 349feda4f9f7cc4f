"""Makes conv.pt2, a small convolutional network as torch.export saves it, and what PyTorch answers: needs the package torch.

python make_pt2.py conv.pt2 answers_torch.npz
"""

from __future__ import annotations

import sys

import numpy as np
import torch


def main(path: str, answers: str) -> None:
    torch.manual_seed(1)
    layers = torch.nn
    net = layers.Sequential(
        *(layers.Conv2d(3, 8, 3, padding=1, stride=2), layers.ReLU()),
        *(layers.Conv2d(8, 8, 3, padding=1, groups=8), layers.ReLU()),
        *(layers.Conv2d(8, 16, 1), layers.ReLU(), layers.MaxPool2d(2)),
        *(layers.Flatten(), layers.Linear(256, 5)),
    ).eval()
    x = torch.rand(8, 3, 16, 16)
    torch.export.save(torch.export.export(net, (x[:1],)), path)
    np.savez_compressed(answers, x=x.permute(0, 2, 3, 1).numpy(), y=net(x).detach().numpy())


if __name__ == "__main__":
    main(*sys.argv[1:3])
