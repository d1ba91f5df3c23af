from __future__ import annotations

import shutil

import pytest

from fedchemo.client.cohort import read_site

from .conftest import ROWS, write_clinical, write_visit


def test_a_copy_elsewhere_has_the_same_fingerprint(site, tmp_path):
    write_visit(site, "007", "T0")
    copy = shutil.copytree(site, tmp_path / "elsewhere" / "NORTH")
    assert read_site(copy).fingerprint() == read_site(site).fingerprint()


def value(site):
    write_clinical(site, [ROWS[0].replace("12.5", "12.6"), *ROWS[1:]])


def patient(site):
    write_clinical(site, [*ROWS, "new,,,,,,,,,,"])


def visit(site):
    (site / "visits.csv").write_text(
        "patient_id,visit,ftv_cc,longest_diameter_mm,sphericity,bpe\n007,T0,1,,,\n"
    )


def image(site):
    write_visit(site, "008", "T0")


def replaced_phase(site):
    (site / "images" / "007" / "T0" / "late.nii.gz").write_bytes(b"another volume")


def mask(site):
    (site / "images" / "007" / "T0" / "lesion.nii.gz").write_bytes(b"mask")


def name(site):
    (site / "site.toml").write_text('name = "SOUTH"\ndataset = "trial"\n')


@pytest.mark.parametrize("change", [value, patient, visit, image, replaced_phase, mask, name])
def test_what_changes_the_cohort_changes_its_fingerprint(site, change):
    write_visit(site, "007", "T0")
    before = read_site(site).fingerprint()
    assert read_site(site).fingerprint() == before
    change(site)
    assert read_site(site).fingerprint() != before


def test_what_is_ignored_does_not_change_the_fingerprint(site):
    before = read_site(site).fingerprint()
    write_visit(site, "stranger", "T0")
    (site / "site.toml").write_text('name = "NORTH"\ndataset = "trial"\nnotes = "other"\n')
    assert read_site(site).fingerprint() == before
