"""Federated Newton steps reach the fit on the pooled table, which scikit-learn computes on its own."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from fedchemo.shared.clinical import logistic
from fedchemo.shared.randomness import numpy_stream


@pytest.fixture
def sites():
    stream = numpy_stream(0, "logistic")
    tables = []
    for size in (30, 12, 55):
        features = stream.normal(size=(size, 4)).astype(np.float32)
        chance = 1 / (1 + np.exp(-(features @ [1.0, -0.5, 0.2, 0.0] - 0.7)))
        tables.append((features, (stream.random(size) < chance).astype(np.float32)))
    return tables


def fit(sites):
    coefficients = np.zeros(5)
    for _ in range(12):
        pooled = logistic.pool([logistic.sums(x, y, coefficients) for x, y in sites])
        coefficients = coefficients + logistic.newton_step(pooled, coefficients)
    return coefficients


def test_the_federated_fit_is_the_pooled_fit(sites):
    features = np.concatenate([x for x, _ in sites])
    labels = np.concatenate([y for _, y in sites])
    reference = LogisticRegression(tol=1e-10, max_iter=1000).fit(features, labels)
    expected = [*reference.coef_[0], reference.intercept_[0]]
    np.testing.assert_allclose(fit(sites), expected, atol=1e-5)


def test_the_order_of_sites_does_not_change_a_bit(sites):
    first = fit(sites)
    assert all((fit(order) == first).all() for order in itertools.permutations(sites))


def test_one_class_alone_can_be_solved():
    features = np.ones((10, 4), dtype=np.float32)
    found = fit([(features, np.zeros(10, dtype=np.float32))])
    assert np.isfinite(found).all()
