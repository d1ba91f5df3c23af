"""On the real tables, the federation's clinical baseline is what scikit-learn fits on the pooled patients."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from fedchemo.server.run_folder import RunFolder
from fedchemo.shared.configuration import RunConfiguration, parse
from fedchemo.simulations.datasets.ispy2 import load
from fedchemo.simulations.layout import lay_out
from fedchemo.simulations.partition import partition
from fedchemo.simulations.simulate import simulate


@pytest.fixture(scope="module")
def ispy2(realdata):
    return load(realdata / "ispy2")


def table(frame):
    """Encode the variables without any of the product's code."""
    columns = frame[["hr", "her2", "mammaprint", "age_years"]].astype(float).copy()
    columns["product"] = columns["hr"] * columns["her2"]
    columns["log_volume"] = np.log(frame["tumour_volume_cc"].astype(float))
    missing = columns[["hr", "her2", "mammaprint", "age_years", "log_volume"]].isna().add_suffix("_missing")
    return columns.fillna(columns.mean()).join(missing.astype(float))


@pytest.mark.realdata
@pytest.mark.parametrize("seed", range(5))
def test_the_baseline_equals_scikit_learn_on_the_pooled_patients(ispy2, tmp_path, seed):
    assignment = partition(ispy2.clinical, by="site", sites=0, alpha=1.0, seed=seed)
    folders = lay_out(ispy2, assignment, tmp_path / "sites", seed=seed)
    settings = {"rounds": 1, "site": {"seed": seed, "imaging": {"enabled": False}}}
    configuration = parse(RunConfiguration, settings, source="test")
    simulated = simulate(
        list(folders.values()),
        configuration,
        RunFolder(tmp_path / "run"),
        cache=tmp_path / "cache",
        device="cpu",
    )
    training = set(simulated.outcome.opening.sites("train"))
    assert len(training) == 13

    cohorts = [site.cohort for site in simulated.participants.values()]
    train = [p for cohort in cohorts if cohort.site in training for p in cohort.patients("train")]
    test = [p for cohort in cohorts for p in cohort.patients("test")]
    everything = table(ispy2.clinical)
    reference = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    reference.fit(everything.loc[train], ispy2.clinical.loc[train, "pcr"])
    predicted = reference.predict_proba(everything.loc[test])[:, 1]
    truth = ispy2.clinical.loc[test, "pcr"]

    baseline = simulated.figures["baseline"]["all sites"]
    assert baseline.patients == len(test)
    assert baseline.auc.value == pytest.approx(roc_auc_score(truth, predicted), abs=0.01)
    assert baseline.log_loss.value == pytest.approx(log_loss(truth, predicted), abs=0.005)
