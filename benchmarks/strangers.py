"""Networks of kinds that users bring (benchmarks/zoo.py): TFLite int8 beside dqa's default (guarded), `--bits 3.5` and 8 bits.

    python benchmarks/strangers.py [--models mlp,har] [--samples 1000] [-o out/benchmarks]

Of each: the metric, the share of samples with the float network's answer, the error of the answers against their variance (SNR, dB), and
RAM: the arena. int8 is what TFLiteConverter makes from the same calibration samples, run by LiteRT's reference kernels where it has them;
its arena is that of TensorFlow Lite Micro's interpreter. Writes strangers.json and strangers.md.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from common import Row, main, table
from interpreter import arena, with_resize
from zoo import PIXEL, ZOO, paths

import dqa
from dqa.calibration import float_outputs
from dqa.data.dataset import InputMapping, load
from dqa.evaluation import metrics
from dqa.evaluation.comparison import compare
from dqa.frontend import load_model

Array = npt.NDArray[Any]
MODES: dict[str, dict[str, Any]] = {"guarded": {}, "3.5 bits": {"bits": 3.5}, "8 bits": {"bits": 8}}


def int8_model(model: Path, *calibration: Array) -> bytes:
    """TFLite's int8 network, with what calibrates each input."""
    import keras
    import tensorflow as tf

    converter = tf.lite.TFLiteConverter.from_keras_model(keras.models.load_model(model, compile=False))
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([part[None] for part in sample] for sample in zip(*calibration, strict=True))
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.int8
    return bytes(converter.convert())


def int8(model: Path, x: Array, calibration: Array) -> tuple[Array, int | None]:
    """The answers of TFLite's int8 network, real numbers, and its arena in TensorFlow Lite Micro."""
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    data = int8_model(model, calibration)
    try:
        interpreter = Interpreter(model_content=data, experimental_op_resolver_type=OpResolverType.BUILTIN_REF)
    except ValueError:  # LiteRT's reference kernels are not all there (ELU)
        interpreter = Interpreter(model_content=data, experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES)
    interpreter.allocate_tensors()
    entry, end = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    (scale, zero), (end_scale, end_zero) = entry["quantization"], end["quantization"]
    found = []
    for sample in x:
        interpreter.set_tensor(entry["index"], np.clip(np.rint(sample / scale + zero), -128, 127).astype(np.int8).reshape(entry["shape"]))
        interpreter.invoke()
        found.append((interpreter.get_tensor(end["index"])[0].astype(np.float64) - end_zero) * end_scale)
    return np.array(found), arena(with_resize(data))


def run(name: str, work: Path, options: argparse.Namespace) -> Row:
    entry = ZOO[name]
    model, calibration, test = paths(name, work / "zoo")
    mapping = InputMapping.of(1 / 255 if entry.scale == PIXEL else 1.0, 0.0)
    data = load(test).take(options.samples)
    real = mapping.to_float(data.x)
    expected = float_outputs(load_model(model), real)
    row: Row = {"model": name, "about": entry.about, "metric": entry.metric, "samples": len(real)}
    row["float"] = {"value": metrics.evaluate(entry.metric, expected, data, real)}
    try:
        answers, size = int8(model, real, mapping.to_float(load(calibration).x))
        row["int8"] = figures(entry.metric, expected, answers.reshape(expected.shape).astype(np.float32), data, real) | {"arena": size}
    except Exception:  # the converter's own; of recurrent layers it makes loops that have no int8
        row["int8"] = {"refused": "TensorFlow Lite has no int8 of it"}
    for mode, settings in MODES.items():
        start, out = time.monotonic(), work / "strangers" / f"{name}-{mode.replace(' ', '-')}"
        try:
            config = dqa.ConvertConfig(input_scale=float(mapping.scale), metric=entry.metric, **settings)
            report = dqa.convert(model, calibration, out, config).report
        except dqa.DqaError as error:
            row[mode] = {"refused": error.message}
            continue
        seconds = round(time.monotonic() - start, 1)
        found = dqa.evaluate(out, test, limit=options.samples)
        row[mode] = figures(entry.metric, expected, found.outputs, data, real) | {"arena": report["ram"]["arena"], "seconds": seconds}
    return row


def figures(metric: str, expected: Array, answers: Array, data: Any, real: Array) -> Row:
    found = compare(expected, answers)
    return {"value": metrics.evaluate(metric, answers, data, real), "agreement": found.agreement, "snr": found.snr}


def verdict(rows: list[Row]) -> str:
    """How the guarded plans stand beside int8: of each the metric, the agreement, RAM."""
    done = [row for row in rows if "refused" not in {**row["guarded"], **row["int8"]}]
    worse = [row["model"] for row in done if _lost(row) > 0.005]
    apart = [row["model"] for row in done if round((row["int8"]["agreement"] or 0) - (row["guarded"]["agreement"] or 0), 6) > 0.01]
    shares = sorted(row["guarded"]["arena"] / row["int8"]["arena"] for row in done if row["int8"]["arena"])
    return (
        f"Guarded beside int8, of {len(done)}: metric worse by more than 0.5 points: {', '.join(worse) or 'none'}; agreement lower by more "
        f"than 1 point: {', '.join(apart) or 'none'}; RAM {shares[len(shares) // 2]:.2f} of int8's arena in the median, "
        f"{shares[0]:.2f} to {shares[-1]:.2f}."
    )


def _lost(row: Row) -> float:
    """What the metric lost to int8; of errors, relative to that of the float network."""
    lost = float(row["int8"]["value"]) - float(row["guarded"]["value"])
    return lost if metrics.HIGHER_IS_BETTER[row["metric"]] else -lost / max(float(row["float"]["value"]), 1e-12)


def markdown(rows: list[Row]) -> str:
    head = ["network", "float"]
    for mode in ("int8", *MODES):
        head += [f"{mode}: metric", "same answer", "dB", "RAM"]
    cells = []
    for row in rows:
        cells.append([row["about"], row["float"]["value"]])
        for mode in ("int8", *MODES):
            found = row[mode]
            cells[-1] += [found.get("refused", found.get("value")), found.get("agreement"), f"{found.get('snr', '')}", found.get("arena")]
    return "\n".join(["# Networks of kinds that users bring", "", *table(head, cells), "", verdict(rows), ""])


if __name__ == "__main__":
    main("strangers", __doc__, list(ZOO), run, markdown, samples=(1000, "test samples at most"))
