"""Calibration from sums is the calibration of pooled predictions."""

from __future__ import annotations

import math

import numpy as np
import pytest
import statsmodels.api as sm
from scipy.optimize import minimize
from sklearn.metrics import log_loss

from fedchemo.shared.metrics.calibration import calibration
from fedchemo.shared.metrics.recalibration import Recalibrated
from fedchemo.simulations.statistics.federated_calibration import (
    recalibrate,
    site_intercepts,
    temperature,
)
from tests.simulations.statistics.drawn import expit, patients


def overconfident(seed: int = 0, sites: int = 6):
    """A model whose logits are twice too far out, at sites where pCR is more or less frequent."""
    drawn = patients(seed, n=600, sites=sites)
    scores = expit(2 * np.log(drawn.scores / (1 - drawn.scores)))
    of_site = {
        str(site): (scores[drawn.sites == site], drawn.labels[drawn.sites == site])
        for site in np.unique(drawn.sites)
    }
    return scores, drawn.labels, drawn.sites, of_site


def test_temperature_is_the_one_that_fits_pooled_predictions_best():
    scores, labels, _, of_site = overconfident(1)
    found = temperature(of_site)
    logits = np.log(scores / (1 - scores))
    best = minimize(
        lambda t: log_loss(labels, expit(logits / t[0])), [1.0], method="Nelder-Mead", options={"xatol": 1e-8}
    )
    assert found.temperature == pytest.approx(best.x[0], rel=1e-4)
    assert 1.5 < found.temperature < 2.6
    assert found.intercept == 0


def test_slope_and_intercept_are_those_of_pooled_predictions():
    scores, labels, _, of_site = overconfident(2)
    found, pooled = recalibrate(of_site), calibration(scores, labels)
    assert (found.slope, found.intercept) == pytest.approx(
        (pooled.slope.value, pooled.intercept.value), abs=1e-8
    )
    assert (pooled.slope.high - pooled.slope.low) / 2 / found.slope_error == pytest.approx(1.96, abs=0.001)
    after = calibration(found(scores), labels)
    assert (after.slope.value, after.intercept.value) == pytest.approx((1, 0), abs=1e-6)


def test_order_and_number_of_sites_change_nothing():
    scores, labels, _, of_site = overconfident(3)
    one = recalibrate({"all": (scores, labels)})
    many = recalibrate(of_site)
    assert (one.slope, one.intercept) == pytest.approx((many.slope, many.intercept), abs=1e-9)
    assert many == recalibrate(dict(reversed(of_site.items())))


def test_free_intercepts_equal_a_regression_with_dummy_variables():
    scores, labels, sites, of_site = overconfident(4)
    found = site_intercepts(of_site, shrinkage=None)
    logits = np.log(scores / (1 - scores))
    dummies = np.column_stack([logits, *(sites == site for site in of_site)]).astype(float)
    fitted = sm.Logit(labels.astype(float), dummies).fit(disp=0)
    for place, site in enumerate(of_site):
        assert found[site].slope == pytest.approx(fitted.params[0], abs=1e-6)
        assert found[site].intercept == pytest.approx(fitted.params[1 + place], abs=1e-6)
        assert found[site].slope_error == pytest.approx(fitted.bse[0], rel=1e-4)


def test_shrunk_intercepts_minimise_the_penalised_loss():
    scores, labels, sites, of_site = overconfident(5)
    found = site_intercepts(of_site, shrinkage=0.5)
    logits = np.log(scores / (1 - scores))
    where = np.searchsorted(list(of_site), sites)

    def loss(values):
        eta = values[0] * logits + values[1] + values[2:][where]
        return np.sum(np.logaddexp(0, eta) - labels * eta) + np.sum(values[2:] ** 2) / (2 * 0.25)

    best = minimize(loss, np.zeros(2 + len(of_site)), method="BFGS", options={"gtol": 1e-6}).x
    for place, site in enumerate(of_site):
        assert found[site].slope == pytest.approx(best[0], abs=1e-4)
        assert found[site].intercept == pytest.approx(best[1] + best[2 + place], abs=1e-4)


def test_shrinkage_draws_sites_together():
    *_, of_site = overconfident(6)
    spreads = [
        np.std([each.intercept for each in site_intercepts(of_site, shrinkage=shrinkage).values()])
        for shrinkage in (1e-3, 0.5, None)
    ]
    assert spreads[0] < 0.01 < spreads[1] < spreads[2]


def test_a_site_of_one_class_is_shrunk_but_not_free():
    *_, of_site = overconfident(7)
    of_site["one class"] = (np.array([0.2, 0.3, 0.4]), np.array([0, 0, 0]))
    assert site_intercepts(of_site, shrinkage=None) is None
    found = site_intercepts(of_site)
    assert math.isfinite(found["one class"].intercept)
    assert found["one class"].intercept < np.mean([each.intercept for each in found.values()])


def test_what_cannot_be_calibrated():
    assert temperature({"a": ([0.2, 0.4], [0, 0])}) is None
    assert recalibrate({"a": ([0.2, 0.8], [0, 1])}) is None
    assert recalibrate({}) is None
    assert site_intercepts({}) is None
    # A model that ranks the wrong way round has no temperature.
    scores, labels, *_ = overconfident(8)
    assert temperature({"a": (1 - scores, labels)}) is None
    with pytest.raises(ValueError, match="standard deviation"):
        site_intercepts({"a": (scores, labels)}, shrinkage=0)


def test_a_map_keeps_order_and_range():
    found = Recalibrated(slope=0.5, intercept=-0.2, slope_error=0.1)(np.array([0.0, 0.2, 0.8, 1.0]))
    assert (np.diff(found) > 0).all()
    assert (found > 0).all()
    assert (found < 1).all()
