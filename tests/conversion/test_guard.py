"""What is measured before a conversion is believed, and which plan is taken by it."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from dqa import DqaError, convert, evaluate
from dqa.calibration import float_outputs
from dqa.conversion.guard import Guard
from dqa.conversion.measured import Required, Source
from dqa.conversion.request import MOST_APART, read
from dqa.conversion.trial import Answers, Judge, Trial
from dqa.errors import InputError, UnmetError
from dqa.evaluation.comparison import Comparison, compare
from dqa.frontend import load_model
from dqa.support.progress import SilentProgress
from dqa.support.settings import ConvertConfig
from tflite_builder import Net


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small network and its data."""
    folder = tmp_path_factory.mktemp("guard")
    net = Net(1, 12, 12, 3)
    x = net.conv(net.conv(net.conv(net.input, 8, activation="RELU"), 12, activation="RELU", stride=2), 4)
    (folder / "m.tflite").write_bytes(net.build(x))
    random = np.random.default_rng(0)
    np.savez(folder / "c.npz", x=random.normal(size=(48, 12, 12, 3)).astype(np.float32))
    np.savez(folder / "t.npz", x=random.normal(size=(64, 12, 12, 3)).astype(np.float32))
    return folder


def run(place: Path, out: str, config: ConvertConfig | None = None, **given: Any) -> Any:
    return convert(place / "m.tflite", place / "c.npz", place / out, config, **given)


def test_the_default_is_the_smallest_plan_whose_answers_hold(place: Path) -> None:
    found = run(place, "default")
    measured, plan = found.measured, found.report["plan"]
    assert measured.holds and measured.samples == 12
    assert found.report["config"]["ram"] == "auto" and "whose answers hold" in plan["choice"]["reason"]
    smaller = [point for point in plan["front"] if point["arena"] < plan["choice"]["arena"]]
    if smaller:
        tight = run(place, "tight", ConvertConfig(ram=max(point["arena"] for point in smaller)))
        assert not tight.measured.holds or tight.report["ram"]["arena"] >= 0.95 * found.report["ram"]["arena"]


def answers(snr: float, sure: float, possible: float = 99.0) -> Answers:
    return Answers([Comparison(snr, sure, possible, 0.1)])


@pytest.mark.parametrize(
    ("apart", "more", "holds"),
    [
        (answers(25, 20), answers(25, 23), True),
        (answers(25, 20), answers(23, 22), False),  # in the mean below 24: 6 dB less than 8 bits everywhere
        (answers(25, 20), answers(25, 20), False),  # which may well be 20
        (answers(20, 17, 23), answers(25, 24), False),  # those set aside say surely no
        (answers(22, 17, 28), answers(25, 24), True),
        (answers(9, 5), answers(25, 24), False),  # below the floor
    ],
)
def test_answers_hold_in_the_mean_all_but_surely_and_on_those_set_aside(apart: Answers, more: Answers, holds: bool) -> None:
    judge = cast(Judge, SimpleNamespace(request=SimpleNamespace(settings=ConvertConfig())))
    nothing = cast(Any, None)
    eight, int8 = (Trial(nothing, answers(snr, snr - 1), answers(snr, snr - 1)) for snr in (30, 32))
    assert Guard(judge, nothing, eight, int8, Source.APART).holds(Trial(nothing, apart, more)) == holds


def test_an_output_does_not_hold_by_what_int8_loses_of_another() -> None:
    judge, nothing = cast(Judge, SimpleNamespace(request=SimpleNamespace(settings=ConvertConfig()))), cast(Any, None)

    def trial(*snr: float) -> Trial:
        both = Answers([found for one in snr for found in answers(one, one - 1).comparisons])
        return Trial(nothing, both, both)

    guard = Guard(judge, nothing, trial(38, 26), trial(32, 15), Source.APART)
    assert [guard.least(place) for place in (0, 1)] == [32, 15]
    assert guard.holds(trial(33, 16)) and not guard.holds(trial(20, 16)) and not guard.holds(trial(33, 12))
    assert (guard.tightest(trial(33, 20)), guard.tightest(trial(36, 16))) == (0, 1)


def test_a_tolerance_of_nothing_takes_more_ram_than_a_wide_one(tmp_path: Path) -> None:
    """Maps behind a small input, which they cannot be written over."""
    net = Net(1, 12, 12, 1)
    x = net.input
    for _ in range(3):
        x = net.conv(x, 8, 3, padding="SAME", activation="RELU")
    (tmp_path / "m.tflite").write_bytes(net.build(net.conv(x, 4, 3, padding="SAME", stride=2)))
    np.savez(tmp_path / "c.npz", x=np.random.default_rng(0).normal(size=(48, 12, 12, 1)).astype(np.float32))
    wide, none = (run(tmp_path, f"tolerance-{t}", ConvertConfig(tolerance=t)) for t in (40, 0))
    assert wide.report["ram"]["arena"] < none.report["ram"]["arena"]
    assert wide.measured.snr < none.measured.snr
    assert wide.measured.snr >= 10  # the floor holds with any tolerance


def test_all_samples_make_the_program_in_the_end(place: Path) -> None:
    """The recipe holds the decisions: with it the same bytes come from the same data, none of them set aside."""
    first = run(place, "first")
    again = convert(place / "m.tflite", place / "c.npz", place / "again", recipe=first.out / "recipe.yaml")
    assert (again.out / "model.dqa").read_bytes() == (first.out / "model.dqa").read_bytes()
    assert again.measured is None


def test_validation_data_are_measured_on_instead(place: Path) -> None:
    found = run(place, "validated", validation=place / "t.npz")
    assert found.measured.samples == 64 and found.report["measured"]["source"] == "validation samples"


def test_few_samples_are_told(place: Path) -> None:
    x = np.load(place / "c.npz")["x"]
    np.savez(place / "few.npz", x=x[:5])
    found = convert(place / "m.tflite", place / "few.npz", place / "few")
    assert found.measured is not None
    assert found.measured.samples == 5 and "too few" in found.report["measured"]["source"]
    assert any("only 5 calibration samples" in note for note in found.notes)


def test_eight_bits_are_plain_bytes_that_no_code_makes_coarser(place: Path) -> None:
    found = run(place, "eight", ConvertConfig(bits=8))
    assert {edge["storage"] for edge in found.report["edges"]} == {"raw_int8"}
    assert "8 bits, as all activations have" in {edge["reason"] for edge in found.report["edges"]}
    assert found.measured.snr == found.measured.reference


def test_bits_that_cost_too_much_are_kept_and_told(place: Path) -> None:
    found = run(place, "two", ConvertConfig(bits=2))
    assert not found.measured.holds and found.report["config"]["bits"] == 2
    (note,) = [note for note in found.notes if "lose more than the tolerance" in note]
    assert "8 bits everywhere" in note and "holds" in note
    if found.measured.nearest:
        option, bits = found.measured.nearest.split()
        assert option == "--bits" and run(place, "nearest", ConvertConfig(bits=float(bits))).measured.holds


def test_what_is_required_is_met_or_nothing_is_written(place: Path) -> None:
    np.savez(place / "v.npz", x=np.load(place / "t.npz")["x"], y=np.zeros(64, np.int64))
    out = run(place, "kept").out
    before = {path.name: path.read_bytes() for path in out.iterdir() if path.is_file()}
    with pytest.raises(UnmetError, match="agreement with the float network"):
        run(place, "kept", ConvertConfig(bits=1.5), required=Required(agreement=1.0))
    assert {path.name: path.read_bytes() for path in out.iterdir() if path.is_file()} == before
    assert UnmetError.exit_code == 1
    with pytest.raises(InputError, match="require_metric: the metric of this conversion cannot be measured"):
        run(place, "kept", required=Required(metric=0.5))


def test_the_int8_column_is_what_tensorflow_lite_gives(place: Path) -> None:
    """Within a few dB of the same rules: one scale per tensor, plain rounding."""
    found = run(place, "column")
    int8 = found.measured.first.int8
    assert 15 < int8.snr < found.measured.reference + 3
    few = run(place, "column", ConvertConfig(weight_bits=4)).measured.first
    assert few.int8.snr == int8.snr  # of 8 bits, whatever the program's weights have


def test_evaluation_sees_what_was_measured(place: Path) -> None:
    """The test samples come from where the calibration samples come from: SNR differs by little."""
    out, x = run(place, "seen"), np.load(place / "t.npz")["x"]
    np.savez(place / "labelled.npz", x=x, y=np.zeros((64, 2, 2, 4), np.float32))
    answers = evaluate(out.out, place / "labelled.npz").outputs
    expected = float_outputs(load_model(place / "m.tflite"), x)
    assert abs(compare(expected, answers).snr - out.measured.snr) < 4


def test_a_wrong_tolerance_is_refused() -> None:
    for wrong in (-1, 61, True, "6"):
        with pytest.raises(DqaError, match="tolerance: expected a number from 0 to 60"):
            ConvertConfig(tolerance=wrong)  # type: ignore[arg-type]


def test_samples_beyond_those_that_decide_are_measured_on(place: Path) -> None:
    random = np.random.default_rng(1)
    np.savez(place / "many.npz", x=random.normal(size=(MOST_APART + 30, 12, 12, 3)).astype(np.float32))
    request = read(place / "m.tflite", place / "many.npz", ConvertConfig(calibration_samples=30), None, SilentProgress())
    same, apart = request.apart()
    assert same is request and apart is not None and len(apart) == MOST_APART
    deciding = request.samples()
    assert len(deciding) == 30 and not any((x == deciding).all(axis=(1, 2, 3)).any() for x in apart.x)
    fewer = read(place / "m.tflite", place / "many.npz", ConvertConfig(calibration_samples=31), None, SilentProgress())
    part, apart = fewer.apart()
    assert apart is not None and len(apart) == 7 and len(part.samples()) == 24
