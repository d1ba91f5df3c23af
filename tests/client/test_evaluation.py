"""An evaluation holds the figures of the right patients and says what its reader must know."""

from __future__ import annotations

import json

import numpy as np
import pytest

from fedchemo.client.cohort import read_site
from fedchemo.client.evaluation import evaluate_predictions, labelled, took_part
from fedchemo.client.inference import Predictions
from fedchemo.shared.errors import FedchemoError
from fedchemo.shared.metrics.auc import auc, paired_difference
from fedchemo.shared.metrics.loss import brier, log_loss
from fedchemo.shared.randomness import numpy_stream


def predictions(
    n: int = 40, *, images: int = 40, positives: int = 15, set_aside=(), **changes
) -> Predictions:
    generator = numpy_stream(0, "test", "evaluation")
    clinical = generator.random(n)
    has_image = np.arange(n) < images
    content = {
        "patients": tuple(f"P{number}" for number in range(n)),
        "probabilities": np.where(has_image, generator.random(n), clinical),
        "clinical_only": clinical,
        "has_image": has_image,
        "outcomes": (np.arange(n) < positives).astype(float),
        "set_aside": dict.fromkeys(set_aside, "FC202 ..."),
    }
    return Predictions(**(content | changes))


def evaluated(found: Predictions, site_folder, *, split="all", trained_here=False, seed=0):
    cohort = read_site(site_folder)
    return evaluate_predictions(found, cohort, split=split, seed=seed, trained_here=trained_here)


def test_labelled_patients_of_each_split(site_folder):
    cohort = read_site(site_folder)
    everybody = labelled(cohort, "all")
    parts = [labelled(cohort, part) for part in ("train", "validation", "test")]
    assert len(everybody) == 56
    assert sorted(parts[0] + parts[1] + parts[2]) == everybody == sorted(everybody)
    assert all(parts)


@pytest.mark.parametrize("split", ["all", "test"])
def test_nobody_to_evaluate_on(site_folder, split):
    (site_folder / "clinical.csv").write_text("patient_id,pcr\nA,\nB,\n")
    with pytest.raises(FedchemoError, match=f"--split {split}") as caught:
        labelled(read_site(site_folder), split)
    assert caught.value.code == "FC803"


def test_figures_are_those_of_the_metrics(site_folder):
    given = predictions()
    found = evaluated(given, site_folder)
    assert found.model.auc == auc(given.probabilities, given.outcomes)
    assert found.clinical_only.auc == auc(given.clinical_only, given.outcomes)
    assert found.model.log_loss == log_loss(given.probabilities, given.outcomes)
    assert found.clinical_only.brier == brier(given.clinical_only, given.outcomes)
    assert found.gain == paired_difference(given.probabilities, given.clinical_only, given.outcomes)
    assert (found.images, found.model.patients, found.model.positives) == (40, 40, 15)
    assert found.notes == ()
    assert found == evaluated(given, site_folder)
    assert json.loads(json.dumps(found.to_dict(), allow_nan=False))["site"] == "NORTH"


@pytest.mark.parametrize(
    ("options", "note"),
    [
        ({"images": 0}, "No patient has an image"),
        ({"images": 30}, "10 of 40 patients have no usable image"),
        ({"images": 39, "set_aside": ["P39"]}, "The images of 1 patient"),
        ({"positives": 4}, "figures say little"),
        ({"positives": 40}, "figures say little"),
    ],
)
def test_notes(site_folder, options, note):
    assert any(note in line for line in evaluated(predictions(**options), site_folder).notes)


def test_training_patients_are_flattering(site_folder):
    for split, flattering in (("all", True), ("train", True), ("test", False), ("validation", False)):
        notes = evaluated(predictions(), site_folder, split=split, trained_here=True).notes
        assert any("too good" in note for note in notes) == flattering


def test_no_image_gains_nothing(site_folder):
    found = evaluated(predictions(images=0), site_folder)
    assert (found.gain.value, found.gain.low, found.gain.high) == (0, 0, 0)
    assert found.model == found.clinical_only


def test_a_diverged_model_is_named(site_folder):
    given = predictions(probabilities=np.full(40, np.nan))
    with pytest.raises(FedchemoError) as caught:
        evaluated(given, site_folder)
    assert caught.value.code == "FC801"


def test_took_part(site_folder):
    cohort = read_site(site_folder)
    assert took_part({"sites": ["NORTH", "SOUTH"]}, cohort)
    assert not took_part({"sites": ["SOUTH"]}, cohort)
    assert not took_part({}, cohort)
