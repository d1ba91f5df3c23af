"""Where a hospital is left out, nobody who trained has seen it, and ``local`` is the own model of each other one."""

from __future__ import annotations

import numpy as np
import pytest

from fedchemo.shared.metrics.auc import auc
from fedchemo.simulations.studies.analysis import analyse
from fedchemo.simulations.studies.run import run_study
from fedchemo.simulations.studies.settings import Study

STUDY = Study.model_validate(
    {
        "name": "left out",
        "seeds": [0],
        "judged": "leave-one-site-out",
        "data": {"patients": 200, "sites": 4, "minimum_patients": 10},
        "references": ["local", "pooled"],
        "run": {"rounds": 1, "site": {"imaging": {"enabled": False}}},
    }
)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    place = tmp_path_factory.mktemp("left")
    return run_study(STUDY, place / "study", cache=place / "cache", workers=1)


def test_every_hospital_is_judged_once_and_by_each_other_ones_model(finished):
    rows = finished.predictions
    shared = rows[rows["trained_at"] == ""]
    assert (shared.groupby(["method", "seed", "patient"]).size() == 1).all()
    assert (shared["fold"] == "without " + shared["site"]).all()
    local = rows[rows["method"] == "local"]
    assert (local["trained_at"] != local["site"]).all()
    assert (local.groupby(["seed", "patient"]).size() == 3).all()


def test_local_is_the_mean_over_hospitals_that_trained(finished):
    tables = analyse(STUDY, finished.predictions, finished.patients)
    local = finished.predictions.query("method == 'local'")
    areas = [
        auc(part["probability"], part["outcome"]).value for _, part in local.groupby(["seed", "trained_at"])
    ]
    found = tables.estimates.set_index(["method", "figure"])
    assert found.loc[("local", "auc"), "value"] == pytest.approx(np.mean(areas))
    assert "4 trainings" in found.loc[("local", "auc"), "how"]
    federated = finished.predictions.query("method == 'fedavg'")
    differences = []
    for (seed, trained_at), part in local.groupby(["seed", "trained_at"]):
        same = federated[(federated["seed"] == seed) & (federated["site"] != trained_at)]
        areas = [auc(each["probability"], each["outcome"]).value for each in (same, part)]
        differences.append(areas[0] - areas[1])
    compared = tables.comparisons.set_index(["first", "second"])
    assert compared.loc[("fedavg", "local"), "value"] == pytest.approx(np.mean(differences))
