"""Predictions follow the model, with or without images, and do not depend on who else is predicted."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
import torch

from fedchemo.client.cache import ImageCache
from fedchemo.client.cohort import read_site
from fedchemo.client.inference import GateClosed, predict_patients
from fedchemo.client.participant import Participant
from fedchemo.shared.clinical.encoding import encode
from fedchemo.shared.model.artefact import load
from fedchemo.shared.model.packing import pack

CPU = torch.device("cpu")


@pytest.fixture
def predicted(site_folder, run_folder, tmp_path):
    """Predict all patients, or some."""

    def run(patients=None, *, run=run_folder, **options):
        cohort = read_site(site_folder)
        everybody = list(cohort.clinical.index)
        return predict_patients(
            load(run), cohort, patients or everybody, cache=tmp_path / "cache", device=CPU, **options
        )

    return run


def test_everybody_is_predicted_by_the_model_itself(predicted, site_folder, run_folder, tmp_path):
    found = predicted()
    model, cohort = load(run_folder), read_site(site_folder)
    assert found.patients == tuple(cohort.clinical.index)
    assert found.has_image.sum() == 24
    assert np.isnan(found.outcomes).sum() == 4

    cache = ImageCache(tmp_path / "another", model.configuration.imaging)
    cache.fill({patient: visits["T0"] for patient, visits in cohort.images.items()})
    clinical = torch.from_numpy(encode(cohort.clinical, model.configuration.clinical, model.statistics))
    expected = model.probabilities(cache.batch(found.patients), torch.from_numpy(found.has_image), clinical)
    assert found.probabilities == pytest.approx(expected, abs=1e-6)


def test_a_folder_is_predicted_as_its_site_was_in_the_run(predicted, site_folder, run_folder, tmp_path):
    model, cohort = load(run_folder), read_site(site_folder)
    site = Participant(cohort, tmp_path / "another")
    patients, expected, labels = site.probabilities(
        "test", model.configuration, model.statistics, pack(model.module)
    )
    found = predicted(patients)
    assert found.probabilities == pytest.approx(expected, abs=1e-15)
    assert np.array_equal(found.outcomes, labels)


def test_images_change_exactly_the_patients_who_have_one(predicted):
    found = predicted()
    assert np.array_equal(found.probabilities != found.clinical_only, found.has_image)


def test_a_closed_gate_gives_the_clinical_part_to_the_bit(predicted, make_run, tmp_path):
    found = predicted(run=make_run(tmp_path / "closed", gate=0.0))
    assert found.has_image.any()
    assert np.array_equal(found.probabilities, found.clinical_only)


def test_a_model_without_images_needs_no_cache(predicted, make_run, tmp_path):
    found = predicted(run=make_run(tmp_path / "clinical", images=False))
    assert not found.has_image.any()
    assert np.array_equal(found.probabilities, found.clinical_only)
    assert not (tmp_path / "cache").exists()


def test_a_patient_is_predicted_the_same_alone(predicted):
    together = dict(zip((found := predicted()).patients, found.probabilities, strict=True))
    for patient in ("P003", "P023", "P059"):
        assert predicted([patient]).probabilities[0] == pytest.approx(together[patient], abs=1e-5)


def test_a_damaged_image_is_set_aside_and_the_clinical_part_speaks(predicted, site_folder):
    (site_folder / "images" / "P005" / "T0" / "early.nii.gz").write_bytes(b"no image")
    found = predicted()
    row = found.patients.index("P005")
    assert list(found.set_aside) == ["P005"]
    assert found.set_aside["P005"].startswith("FC2")
    assert not found.has_image[row]
    assert found.probabilities[row] == found.clinical_only[row]
    assert found.has_image.sum() == 23


def test_images_of_another_visit_are_not_looked_at(predicted, site_folder):
    shutil.move(site_folder / "images" / "P005" / "T0", site_folder / "images" / "P005" / "T2")
    found = predicted()
    assert not found.has_image[found.patients.index("P005")]
    assert found.has_image.sum() == 23


def test_progress_is_told(predicted):
    told = []
    predicted(progress=lambda done, total: told.append((done, total)))
    assert told == [(number, 24) for number in range(1, 25)]


def test_a_closed_gate_knows_nobody():
    assert "P001" not in GateClosed()
