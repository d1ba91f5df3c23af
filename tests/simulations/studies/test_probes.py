"""A study that looks at images says what its models' embeddings give away; each model is probed alone."""

from __future__ import annotations

import pandas as pd
import pytest

from fedchemo.simulations.studies.analysis import analyse
from fedchemo.simulations.studies.run import run_study
from fedchemo.simulations.studies.settings import Study
from fedchemo.simulations.studies.tables import write_tables

STUDY = Study.model_validate(
    {
        "name": "probed",
        "seeds": [0],
        "judged": "holdout",
        "references": ["pooled"],
        "data": {"patients": 40, "sites": 2, "minimum_patients": 10},
        "run": {
            "rounds": 1,
            "site": {
                "imaging": {"grid": 8, "spacing_mm": 5.0, "augment": False},
                "model": {"widths": [4, 4, 4, 4], "norm_groups": 2},
            },
        },
    }
)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    place = tmp_path_factory.mktemp("study")
    return run_study(STUDY, place / "probed", cache=place / "cache", workers=1)


def test_models_of_all_hospitals_are_probed_for_the_hospitals_of_the_partition(finished):
    asked = finished.beside["probes"].set_index(["method", "target", "source"])
    assert set(finished.beside["probes"]["method"]) == {"fedavg", "pooled"}
    for method in ("fedavg", "pooled"):
        assert asked.loc[(method, "site", "image embedding"), "groups"] == 2
        assert asked.loc[(method, "site", "image embedding"), "n"] == 40
    same = [asked.loc[(method, "site", "image brightness"), "low"] for method in ("fedavg", "pooled")]
    assert same[0] == same[1], "what went into both models is the same"


def test_tables_and_findings_hold_the_probes(finished, tmp_path):
    found = analyse(STUDY, finished.predictions, finished.patients, finished.beside)
    write_tables(found, tmp_path)
    assert len(pd.read_csv(tmp_path / "probes.csv")) == len(finished.beside["probes"])
    value = finished.beside["probes"].query(
        "method == 'pooled' and target == 'site' and source == 'image embedding'"
    )
    sentence = next(line for line in found.sentences if "image embedding of pooled tells sites" in line)
    assert f"balanced accuracy {value['balanced_accuracy'].iloc[0]:.2f}" in sentence


def test_a_resumed_study_keeps_its_probes(finished):
    again = run_study(STUDY, finished.folder, cache=finished.folder / "cache", workers=1)
    assert again.kept == 2
    pd.testing.assert_frame_equal(again.beside["probes"], finished.beside["probes"])
