"""How near answers are to those of the float network: figures that can be worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from dqa.evaluation.comparison import BINS, MOST_SNR, compare

EXPECTED = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0], [0.0, 1.0]], np.float32)


def test_equal_answers_have_no_error() -> None:
    found = compare(EXPECTED, EXPECTED)
    assert (found.snr, found.sure, found.largest, found.agreement) == (MOST_SNR, MOST_SNR, 0.0, 1.0)


def test_the_error_counts_against_what_varies() -> None:
    """The variance is .25; an error of .05 everywhere has a mean square of .0025: 20 dB, with or without an offset."""
    for offset in (0.0, 1000.0):
        found = compare(EXPECTED + offset, EXPECTED + offset + 0.05)
        assert found.snr == pytest.approx(20, abs=0.01) and found.sure == found.snr  # all samples err alike
        assert found.largest == pytest.approx(0.05, abs=1e-4)


def test_few_samples_that_err_unlike_are_less_sure() -> None:
    answers = EXPECTED.copy()
    answers[0] += 0.4
    few, many = compare(EXPECTED, answers), compare(np.tile(EXPECTED, (100, 1)), np.tile(answers, (100, 1)))
    assert few.snr == many.snr == pytest.approx(10 * np.log10(0.25 / 0.04), abs=0.01)
    assert few.sure < few.snr - 3 and many.snr - 1 < many.sure < many.snr
    assert few.possible == MOST_SNR and many.snr < many.possible < many.snr + 1


def test_agreement_has_the_interval_of_wilson() -> None:
    answers = EXPECTED.copy()
    answers[0] = answers[0, ::-1]
    found = compare(EXPECTED, answers)
    assert found.agreement == 0.75
    assert found.interval == pytest.approx((0.3006, 0.9544), abs=1e-3)  # 3 of 4


def test_one_entry_and_answers_that_never_vary() -> None:
    assert compare(EXPECTED[:, :1], EXPECTED[:, :1]).agreement is None
    constant = np.full((3, 1), 2.0, np.float32)
    assert compare(constant, constant + 0.2).snr == pytest.approx(20, abs=0.01)
    assert compare(np.zeros((3, 1), np.float32), np.ones((3, 1), np.float32)).snr == 0


def test_errors_are_counted_by_size() -> None:
    """The standard deviation is .5: errors of .6, .3, .01 (above 1/64 of it) and 0."""
    answers = EXPECTED.copy()
    answers[:3, 0] += np.array([0.6, 0.3, 0.01], np.float32)
    found = compare(EXPECTED, answers)
    assert found.errors is not None and len(found.errors) == BINS
    assert {place: count for place, count in enumerate(found.errors) if count} == {0: 1, 1: 1, 6: 1, BINS - 1: 5}
