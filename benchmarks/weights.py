"""Weights of 4 (and 3) bits by method: accuracy with float activations; then --weight-bits 8 and 4 as the host engine runs them.

    python benchmarks/weights.py [--models ic,kws,vww,ad,resnet32] [--bits 4,3] [-o out/benchmarks]

Writes weights.json and weights.md, in which models that are not named keep what an earlier run found. Needs the models and data of
../shared. In the table of methods all CONV_2D and FULLY_CONNECTED are quantized, the first and last included; depthwise weights stay as
they are. bits/weight is what flash holds, code books included.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from models import MODELS, ROOT, Benchmark

import dqa
from dqa.calibration import float_outputs
from dqa.data import dataset as data
from dqa.data.dataset import subset
from dqa.evaluation import metrics
from dqa.frontend import FloatModel, load_model
from dqa.graph import Op
from dqa.lab import weights_pwlq as pwlq
from dqa.operators.weighted import few_bits
from dqa.quantization.weights import affine, codebook, compensated, levels, lloydmax, uniform
from dqa.quantization.weights.layer_by_layer import Replaced, quantize_layers
from dqa.quantization.weights.levels import BITS
from dqa.quantization.weights.moments import Moments
from dqa.support.arrays import Float64

CALIBRATION = 256
TEST = {"ic": 1000, "resnet32": 1000, "ad": 8000}

PIECES: tuple[tuple[bool, pwlq.Breakpoint], ...] = ((True, "search"), (False, "search"), (False, "normal"), (False, "laplace"))
"""Whether PWLQ's pieces overlap (pw-1), and how its breakpoint is found."""

Constants = dict[int, Float64]
Method = Callable[[Float64, Moments | None], tuple[Float64, float]]
"""(weights (O, K), moments) -> real weights of the quantized layer, stored bits per weight."""


def by_levels(quantize: Callable[[Float64], levels.Levels]) -> Method:
    def method(weights: Float64, _moments: Moments | None) -> tuple[Float64, float]:
        found = quantize(weights)
        return found.values, levels.stored_bits(found)

    return method


def compensating(bits: int, *, book: bool, cross: bool) -> Method:
    def method(weights: Float64, moments: Moments | None) -> tuple[Float64, float]:
        assert moments is not None
        seen = moments if cross else replace(moments, cross=moments.covariance)
        if book:
            found = codebook.compensated_codebook(weights, seen, bits=bits)
        else:
            covariance, grid = seen.damped(codebook.DAMPING), uniform.book(bits)
            wanted = compensated.target(weights, seen, covariance)
            start = levels.round_to(wanted, uniform.scales(wanted, grid, np.diag(covariance)), grid)
            found = compensated.compensate(wanted, start, covariance)
        return found.values, levels.stored_bits(found)

    return method


def affine_codes(weights: Float64, moments: Moments | None) -> tuple[Float64, float]:
    assert moments is not None
    found = affine.compensated_affine(weights, moments)
    return found.values, levels.stored_bits(found)


def piecewise(bits: int, overlap: bool, point: pwlq.Breakpoint, correct: bool) -> Method:
    def method(weights: Float64, _moments: Moments | None) -> tuple[Float64, float]:
        values = pwlq.pwlq(weights, bits, overlap=overlap, breakpoint=point)
        return pwlq.corrected(weights, values) if correct else values, bits + 1.0

    return method


def methods(bits: int) -> dict[str, tuple[Method, bool]]:
    """By name: the method, and whether calibration corrects biases. All store `bits` bits; PWLQ 4+1 is that of its paper."""
    found = {
        "uniform, max": (by_levels(partial(uniform.uniform, bits=bits, clip=False)), False),
        "uniform, MSE clip": (by_levels(partial(uniform.uniform, bits=bits)), False),
        "uniform, MSE clip, bias corrected": (by_levels(partial(uniform.uniform, bits=bits)), True),
        "code book": (by_levels(partial(lloydmax.lloydmax, bits=bits)), False),
        "code book, bias corrected": (by_levels(partial(lloydmax.lloydmax, bits=bits)), True),
    }
    for inner in (bits - 1, bits) if bits == 4 else (bits - 1,):
        for overlap, point in PIECES:
            for correct in (False, True):
                name = f"PWLQ {inner}+1, pw-{1 if overlap else 2}, {point}" + (", its bias correction" if correct else "")
                found[name] = (piecewise(inner, overlap, point, correct), False)
    found["uniform, compensated"] = (compensating(bits, book=False, cross=True), True)
    found["code book, compensated, layer by layer"] = (compensating(bits, book=True, cross=False), True)
    found["code book, compensated"] = (compensating(bits, book=True, cross=True), True)
    if bits == BITS:
        found["affine codes, compensated (default)"] = (affine_codes, True)
    return found


def quantized(model: FloatModel, samples: Any, method: Method, corrected: bool) -> tuple[Constants, float]:
    """Weights and biases by tensor number, and the mean stored bits of a weight."""
    constants: Constants = {}
    sizes: list[tuple[int, float]] = []

    def layer(op: Op, weights: Float64, bias: Float64, moments: Moments | None) -> Replaced:
        values, bits = method(weights, moments)
        sizes.append((weights.size, bits))
        done = Replaced(values, compensated.corrected_bias(bias, weights, values, moments) if corrected and moments else bias)
        constants[op.inputs[1]], constants[op.inputs[2]] = done.weights, done.bias
        return done

    graph = model.graph
    if corrected:
        quantize_layers(graph, {graph.inputs[0]: samples}, layer)
    else:
        for op in (op for op in graph.ops if few_bits(op.kind)):
            weights, bias = (np.asarray(graph.tensors[t].data, np.float64) for t in op.inputs[1:3])
            layer(op, weights.reshape(len(weights), -1), bias, None)
    return constants, sum(size * bits for size, bits in sizes) / sum(size for size, _ in sizes)


def patched(model: FloatModel, constants: Constants) -> FloatModel:
    """The network with other constants in its .tflite."""
    content = bytearray(model.tflite)
    file = schema.Model.GetRootAsModel(content, 0)
    for tensor, values in constants.items():
        place = file.Buffers(file.Subgraphs(0).Tensors(tensor).Buffer()).DataAsNumpy()
        place[:] = np.frombuffer(values.astype("<f4").tobytes(), np.uint8)
    return replace(model, tflite=bytes(content))


def as_converted(name: str, model: Benchmark, source: Path, calibration: Path, test: Path, out: Path) -> list[dict[str, Any]]:
    """--weight-bits 8 and 4 with activations of 8 bits, all test samples."""
    rows = []
    for bits in (8, 4):
        common: dict[str, Any] = {"input_scale": model.input_scale, "input_zero_point": model.input_zero_point, "metric": model.metric}
        report = dqa.convert(
            source, calibration, out, dqa.ConvertConfig(maps="planes", method="direct", bits=8, weight_bits=bits, **common)
        ).report
        result = dqa.evaluate(out, test, jobs=1)
        program = (out / "model.dqa").stat().st_size
        rows.append({"model": name, "weight_bits": bits, "value": result.value, "float": result.float_value, "program": program})
        rows[-1]["samples"] = result.samples
        print(json.dumps(rows[-1]), flush=True)
        assert report["config"]["weight_bits"] == bits
    return rows


def measure(name: str, widths: list[int], work: Path) -> dict[str, Any]:
    benchmark = MODELS[name]
    calibration, test = benchmark.data(work / "data")
    model, mapping = load_model(benchmark.path), data.InputMapping.of(benchmark.input_scale, benchmark.input_zero_point)
    source = work / f"{name}-float.tflite"
    source.write_bytes(model.tflite)
    samples = data.load(calibration).x
    samples = mapping.to_float(samples[subset(len(samples), CALIBRATION)])
    dataset = data.load(test)
    if (limit := TEST.get(name, len(dataset))) < len(dataset):
        kept = subset(len(dataset), limit)
        group = dataset.group[kept] if dataset.group is not None else None
        assert dataset.y is not None
        dataset = data.Dataset(dataset.x[kept], dataset.y[kept], group, dataset.name)
    inputs = mapping.to_float(dataset.x)

    def value(network: FloatModel) -> float:
        return metrics.evaluate(benchmark.metric, float_outputs(network, inputs), dataset, inputs)

    rows = []
    for bits in widths:
        for method, (quantize, corrected) in methods(bits).items():
            constants, stored = quantized(model, samples, quantize, corrected)
            rows.append({"bits": bits, "method": method, "stored_bits": stored, "value": value(patched(model, constants))})
            print(json.dumps({"model": name, **rows[-1]}), flush=True)
    weights = sum(int(np.prod(model.graph.tensors[op.inputs[1]].shape)) for op in model.graph.ops if few_bits(op.kind))
    converted = as_converted(name, benchmark, source, calibration, test, work / f"{name}-weights")
    common = {"model": name, "metric": benchmark.metric, "samples": len(inputs), "float": value(model), "weights": weights}
    return {**common, "methods": rows, "converted": converted}


def markdown(found: list[dict[str, Any]]) -> str:
    lines = ["# Weights in few bits", "", "## As converted: activations of 8 bits, host engine", ""]
    lines += ["| model | samples | float | 8-bit weights | 4-bit weights | program, 8 bits | program, 4 bits |", "| --- |" + " --- |" * 6]
    for model in found:
        wide, narrow = model["converted"]
        lines.append(
            f"| {model['model']} ({model['metric']}) | {wide['samples']:,} | {100 * wide['float']:.2f} | {100 * wide['value']:.2f} "
            f"| {100 * narrow['value']:.2f} | {wide['program']:,} B | {narrow['program']:,} B |"
        )
    for bits in dict.fromkeys(row["bits"] for row in found[0]["methods"]):
        names = [row["method"] for row in found[0]["methods"] if row["bits"] == bits]
        lines += ["", f"## {bits} bits, float activations", "", "| method | bits/weight |" + "".join(f" {m['model']} |" for m in found)]
        lines += ["| --- | --- |" + " --- |" * len(found)]
        lines.append("| float | 32 |" + "".join(f" {100 * m['float']:.2f} |" for m in found))
        for name in names:
            rows = [next(r for r in m["methods"] if r["bits"] == bits and r["method"] == name) for m in found]
            stored = [row["stored_bits"] for row in rows]
            span = f"{min(stored):.2f}" if max(stored) - min(stored) < 0.005 else f"{min(stored):.2f} to {max(stored):.2f}"
            lines.append(f"| {name} | {span} |" + "".join(f" {100 * row['value']:.2f} |" for row in rows))
    lines += ["", "Samples: " + ", ".join(f"{m['model']} {m['samples']:,} ({m['weights']:,} weights)" for m in found) + "."]
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", default="ic,kws,vww,ad,resnet32")
    parser.add_argument("--bits", default="4,3")
    parser.add_argument("-o", "--out", type=Path, default=ROOT / "out" / "benchmarks")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    results = arguments.out / "weights.json"
    found = json.loads(results.read_text(encoding="utf-8")) if results.exists() else []
    for name in arguments.models.split(","):
        measured = measure(name, [int(bits) for bits in arguments.bits.split(",")], arguments.out)
        found = [*(model for model in found if model["model"] != name), measured]
        results.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
        (arguments.out / "weights.md").write_text(markdown(found), encoding="utf-8")


if __name__ == "__main__":
    main()
