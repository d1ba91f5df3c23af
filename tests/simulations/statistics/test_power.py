"""What a sample can show: against published figures, against simulation, and against itself."""

from __future__ import annotations

import numpy as np
import pytest

from fedchemo.shared.metrics.interval import Z
from fedchemo.shared.randomness import numpy_stream
from fedchemo.simulations.statistics.delong import delong
from fedchemo.simulations.statistics.equivalence import against_margin
from fedchemo.simulations.statistics.estimate import Contrast
from fedchemo.simulations.statistics.power import (
    difference_error,
    hanley_mcneil_error,
    power,
    sample_at_hand,
    score_correlation,
    simulated_detectable,
    simulated_power,
    smallest_detectable,
    smallest_margin,
)
from tests.simulations.statistics.drawn import patients


def test_equals_the_worked_example_of_hanley_and_mcneil():
    """Radiology 1982: 51 abnormal and 58 normal images, an AUC of .893, a standard error of .032."""
    assert hanley_mcneil_error(0.893, 51, 58) == pytest.approx(0.032, abs=0.001)


@pytest.mark.parametrize(("patients_in_all", "half_width"), [(98, 0.111), (300, 0.063), (980, 0.035)])
def test_half_width_of_an_auc_of_74_at_the_sizes_of_ispy2(patients_in_all, half_width):
    positives = round(0.32 * patients_in_all)
    found = Z * hanley_mcneil_error(0.74, positives, patients_in_all - positives)
    assert found == pytest.approx(half_width, abs=0.0012)


def test_is_near_delongs_on_patients():
    drawn = patients(1, n=2000)
    area, covariance = delong(drawn.scores, drawn.labels)
    positives = int(drawn.labels.sum())
    assert hanley_mcneil_error(area[0], positives, 2000 - positives) == pytest.approx(
        np.sqrt(covariance[0, 0]), rel=0.12
    )


def test_four_times_the_patients_halve_what_can_be_seen():
    few, many = (smallest_detectable(0.72, m, 2 * m, 0.6) for m in (60, 240))
    assert few / many == pytest.approx(2, rel=0.05)
    assert smallest_margin(0.72, 60, 120, 0.6) / smallest_margin(0.72, 240, 480, 0.6) == pytest.approx(
        2, rel=0.02
    )


def test_smallest_gain_has_the_wanted_power_and_no_gain_the_level():
    gain = smallest_detectable(0.7, 100, 200, 0.5)
    assert power(0.7 + gain, 0.7, 100, 200, 0.5) == pytest.approx(0.8, abs=1e-6)
    assert power(0.7, 0.7, 100, 200, 0.5) == pytest.approx(0.05, abs=1e-9)
    assert smallest_detectable(0.97, 8, 8, 0.0) is None


def test_margin_is_shown_in_eighty_per_cent_of_studies():
    margin = smallest_margin(0.72, 100, 200, 0.6)
    error = difference_error(0.72, 0.72, 100, 200, 0.6)
    stream = numpy_stream(1, "test", "margin")
    shown = [
        against_margin(Contrast.of_error(error * z, error, n=300, method=""), margin).equivalent
        for z in stream.standard_normal(2000)
    ]
    assert np.mean(shown) == pytest.approx(0.8, abs=0.03)


def test_simulation_agrees_with_the_formula_and_keeps_the_level():
    drawn = patients(2, n=600)
    sample = sample_at_hand(drawn.scores, drawn.others, drawn.labels)
    alike = score_correlation(drawn.scores, drawn.others, drawn.labels)
    arguments = {"score_correlation": alike, "generator": numpy_stream(2, "test", "power")}
    found = simulated_detectable(sample.area, sample.positives, sample.negatives, **arguments)
    assert found == pytest.approx(sample.detectable, rel=0.2)
    level = simulated_power(
        0.0,
        0.7,
        100,
        200,
        score_correlation=0.5,
        generator=numpy_stream(3, "test", "level"),
        simulations=1000,
    )
    assert level == pytest.approx(0.05, abs=0.02)


def test_sample_at_hand_in_words():
    drawn = patients(4)
    sample = sample_at_hand(drawn.scores, drawn.others, drawn.labels)
    assert sample.positives + sample.negatives == 400
    assert sample.half_width == pytest.approx(
        Z * hanley_mcneil_error(sample.area, sample.positives, sample.negatives)
    )
    assert f"{sample.detectable:.3f}" in sample.sentence()
    assert sample_at_hand([0.1, 0.2, 0.3], [0.1, 0.2, 0.3], [0, 0, 1]) is None


def test_no_auc_above_one_is_simulated():
    with pytest.raises(ValueError, match="between 0 and 1"):
        simulated_power(
            0.4, 0.7, 10, 10, score_correlation=0.5, generator=numpy_stream(0, "test"), simulations=5
        )
