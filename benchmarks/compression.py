"""Bits per activation of whole maps under entropy coders, and what sparsification changes.

    python benchmarks/compression.py [--models resnet32,vww] [--sparsify ic] [--samples 128] [-o out/benchmarks]

Maps are quantized per channel (steps of least squared error on the calibration samples, codes unsigned where no value is negative).
Coders are fitted to calibration samples and code test samples, each sample's map by itself.
Writes compression.json and compression.md to the output directory. Needs the models and data of ../shared.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, get_args

import numpy as np
import numpy.typing as npt
from models import MODELS, ROOT, Benchmark

from dqa.calibration.segments import Runner
from dqa.data import dataset as datasets
from dqa.evaluation.metrics import top1
from dqa.frontend import load_model
from dqa.lab.entropy import CODERS, SPLIT_CODERS, fit
from dqa.lab.entropy.reference import COMPRESSORS
from dqa.lab.methods import Calibration
from dqa.lab.methods.evaluate import capture, evaluate
from dqa.lab.methods.tensors import Which, choose_tensors
from dqa.lab.methods.uniform import UniformMethod, UniformQuantizer
from dqa.quantization.clipping import levels
from dqa.sparsify import SparsifyConfig, sparsify

Array = npt.NDArray[Any]

TENSORS: dict[str, tuple[Which, ...]] = {"vww": ("all",)}
"""Which tensors of a model are coded, where it is not both: MobileNetV1 has no blocks."""
BITS = (3, 4, 5, 8, 16)
SPLIT_BITS, EXTRA_BITS = (3, 4, 5), 3
CHECKED = 2
"""Samples whose maps are encoded and decoded; of the others the bits are counted."""
COMPRESSED = 16
"""Samples that the general compressors take, which are slow."""
CLIP_BITS = 8
"""Codes of more bits take the whole range."""
PENALTIES = (0.0, 1.0, 3.0)
"""Weights of the L1 penalty; 0 is fine-tuning alone."""
SPARSE_BITS = (3, 4, 8)
SPARSE_CODERS = ("zvc", "seg", "seg-channel", "huffman", "huffman-channel")
TRAINING = {"ic": "cifar10_train5k.npz"}


@dataclass(frozen=True)
class Size:
    """Of streams, over one or more tensors: activations and zeros among them, bits; and bits of the tables that decode them."""

    samples: int
    values: int = 0
    zeros: int = 0
    bits: int = 0
    tables: int = 0

    def __add__(self, other: Size) -> Size:
        a, b = asdict(self), asdict(other)
        return Size(**{key: a[key] + b[key] for key in a} | {"samples": self.samples})

    def to_json(self) -> dict[str, float]:
        """Bits per activation without tables, and where every single sample bears them; bytes of the tables."""
        whole = (self.bits + self.tables * self.samples) / self.values
        return {"bits": self.bits / self.values, "bits_with_tables": whole, "table_bytes": -(-self.tables // 8)}


def quantizer(values: Array, bits: int) -> UniformQuantizer:
    return UniformMethod(bits, "mse" if bits <= CLIP_BITS else "max").fit(Calibration(values))


def codes(steps: UniformQuantizer, values: Array) -> Array:
    return np.clip(np.rint(values / steps.steps), *levels(steps.bits, steps.signed)).astype(np.int64)


def sizes(calibration: Array, test: Array, bits: int, names: Iterable[str], extra_bits: int = 0) -> dict[str, Size]:
    """What each coder makes of one tensor's values (N, ..., C)."""
    steps = quantizer(calibration, bits)
    seen, maps = codes(steps, calibration), codes(steps, test)
    found = {}
    for name in names:
        coder = fit(name, seen, bits, signed=steps.signed, extra_bits=extra_bits)
        counted = maps[:COMPRESSED] if name in COMPRESSORS else maps
        if any(not np.array_equal(coder.decode(coder.encode(values), values.shape), values) for values in maps[:CHECKED]):
            raise SystemExit(f"{name} at {bits} bits does not decode what it encoded")
        zeros = int((counted == 0).sum())
        found[name] = Size(len(counted), counted.size, zeros, coder.encoded_bits(counted), coder.table_bits)
    return found


def inputs(model: Benchmark, path: Path, samples: int) -> tuple[Array, Array | None]:
    """The model's real inputs and their labels, if any."""
    data = datasets.load(path).take(samples)
    return datasets.InputMapping.of(model.input_scale, model.input_zero_point).to_float(data.x), data.y


def compression(name: str, work: Path, samples: int) -> list[dict[str, Any]]:
    """A row for each choice of tensors and number of bits."""
    benchmark = MODELS[name]
    graph = load_model(benchmark.path).graph
    chosen = {which: choose_tensors(graph, which) for which in TENSORS.get(name, get_args(Which))}
    runner = Runner(graph, chosen["all"])
    calibration, test = (capture(runner, inputs(benchmark, path, samples)[0], chosen["all"]) for path in benchmark.data(work / "data"))
    jobs = [(bits, 0, CODERS) for bits in BITS] + [(bits + EXTRA_BITS, EXTRA_BITS, SPLIT_CODERS) for bits in SPLIT_BITS]
    tensors: dict[int, list[dict[str, Size]]] = {}
    for index in chosen["all"]:
        tensors[index] = [sizes(calibration[index], test[index], bits, names, extra) for bits, extra, names in jobs]
        print(f"{name}: {len(tensors)} of {len(chosen['all'])} tensors", flush=True)
    return [
        {"model": name, "tensors": which, "count": len(members), **total([tensors[t][job] for t in members], bits, extra)}
        for which, members in chosen.items()
        for job, (bits, extra, _) in enumerate(jobs)
    ]


def total(found: list[dict[str, Size]], bits: int, extra_bits: int = 0) -> dict[str, Any]:
    """Sums over tensors."""
    summed = {name: sum((one[name] for one in found[1:]), start=found[0][name]) for name in found[0]}
    any_ = next(iter(summed.values()))
    row = {"bits": bits - extra_bits, "extra_bits": extra_bits, "samples": any_.samples, "zeros": any_.zeros / any_.values}
    return {**row, "coders": {name: size.to_json() for name, size in summed.items()}}


def sparsified(name: str, work: Path, samples: int, test_samples: int) -> list[dict[str, Any]]:
    """A row for the model as it is, and for each penalty: accuracy, zeros, and bits per activation of all its maps."""
    benchmark = MODELS[name]
    calibration_path, test_path = benchmark.data(work / "data")
    calibration, _ = inputs(benchmark, calibration_path, samples)
    test, labels = inputs(benchmark, test_path, test_samples)
    assert labels is not None
    rows = []
    for l1 in (None, *PENALTIES):
        path = benchmark.path
        row: dict[str, Any] = {"model": name, "l1": l1}
        if l1 is not None:
            config = SparsifyConfig(l1=l1, input_scale=benchmark.input_scale, input_zero_point=benchmark.input_zero_point)
            path = work / f"{name}-l1-{l1}.keras"
            row["training"] = sparsify(benchmark.path, ROOT.parent / "shared" / "data" / "sets" / TRAINING[name], path, config).report
        graph = load_model(path).graph
        tensors = choose_tensors(graph, "all")
        runner = Runner(graph, tensors)
        row |= {"accuracy": top1(runner.run(test), labels), "accuracy_samples": len(test), "coded": []}
        seen, maps = capture(runner, calibration, tensors), capture(runner, test[:samples], tensors)
        row["zeros"] = sum(int((maps[t] == 0).sum()) for t in tensors) / sum(maps[t].size for t in tensors)
        for bits in SPARSE_BITS:
            outcome = evaluate(runner, test, {t: quantizer(seen[t], bits) for t in tensors})
            coded = total([sizes(seen[t], maps[t], bits, SPARSE_CODERS) for t in tensors], bits)
            row["coded"].append({**coded, "accuracy": top1(outcome.outputs, labels)})
        rows.append(row)
        print(f"{name}: l1 {l1}: {row['accuracy']:.4f}, {row['zeros']:.1%} zeros", flush=True)
    return rows


def markdown(found: dict[str, list[dict[str, Any]]]) -> str:
    """The tables of the report."""
    lines = ["# Entropy coding of activation maps, bits per activation", ""]
    for split, title in ((False, "Codes of n bits"), (True, f"Codes of n bits and shifting errors of {EXTRA_BITS}, apart")):
        rows = [row for row in found["compression"] if bool(row["extra_bits"]) is split]
        if not rows:
            continue
        names = list(rows[0]["coders"])
        lines += [f"## {title}", "", "In brackets: with tables, where every single map bears them.", ""]
        lines += [f"| model, tensors | n | zeros | {' | '.join(names)} |", "| --- " * (3 + len(names)) + "|"]
        for row in rows:
            cells = [f"{row['model']}, {row['count']} ({row['tensors']})", row["bits"], f"{row['zeros']:.0%}"]
            lines.append("| " + " | ".join(map(str, [*cells, *(cell(row["coders"][name]) for name in names)])) + " |")
        lines.append("")
    if found["sparsified"]:
        lines += ["## Sparsified, all maps", ""]
        lines += [f"| model | l1 | zeros | accuracy | n | accuracy | zeros | {' | '.join(SPARSE_CODERS)} |"]
        lines += ["| --- " * (7 + len(SPARSE_CODERS)) + "|"]
        for row in found["sparsified"]:
            own = [row["model"], "as it is" if row["l1"] is None else row["l1"], f"{row['zeros']:.1%}", f"{row['accuracy']:.2%}"]
            for coded in row["coded"]:
                cells = [*own, coded["bits"], f"{coded['accuracy']:.2%}", f"{coded['zeros']:.1%}"]
                lines.append("| " + " | ".join(map(str, [*cells, *(f"{coded['coders'][c]['bits']:.2f}" for c in SPARSE_CODERS)])) + " |")
        lines.append("")
    return "\n".join(lines)


def cell(size: dict[str, float]) -> str:
    """Bits per activation; in brackets with tables, where that makes a difference."""
    bits, whole = f"{size['bits']:.2f}", f"{size['bits_with_tables']:.2f}"
    return bits if bits == whole else f"{bits} ({whole})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", default="resnet32,vww", help="models to compress, with commas; may be empty")
    parser.add_argument("--sparsify", default="ic", help="models to fine-tune, with commas; may be empty")
    parser.add_argument("--samples", type=int, default=128, help="samples that calibrate, and samples that are coded")
    parser.add_argument("--test-samples", type=int, default=2000, help="samples of the accuracies")
    parser.add_argument("-o", "--out", type=Path, default=ROOT / "out" / "benchmarks")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    path = arguments.out / "compression.json"
    found = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {"compression": [], "sparsified": []}
    for part, names in (("compression", arguments.models), ("sparsified", arguments.sparsify)):
        for name in filter(None, names.split(",")):
            if part == "compression":
                rows = compression(name, arguments.out, arguments.samples)
            else:
                rows = sparsified(name, arguments.out, arguments.samples, arguments.test_samples)
            found[part] = [row for row in found[part] if row["model"] != name] + rows
            path.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
            (arguments.out / "compression.md").write_text(markdown(found), encoding="utf-8")
    print(markdown(found))


if __name__ == "__main__":
    main()
