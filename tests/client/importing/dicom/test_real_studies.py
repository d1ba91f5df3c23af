"""I-SPY2 as TCIA gives it: six studies, and the names of every series of the collection."""

from __future__ import annotations

import nibabel
import numpy as np
import pandas as pd
import pytest

from fedchemo.client.importing.dicom import find_dicom
from fedchemo.client.importing.dicom.roles import Facts, role

pytestmark = pytest.mark.realdata


@pytest.fixture(scope="module")
def found(realdata):
    return find_dicom([realdata / "ispy2" / "tcia" / "dicom"])


@pytest.mark.parametrize(
    ("patient", "by"),
    [
        ("102212", "told apart by ContentTime"),
        ("112606", "told apart by ContentTime"),
        ("131961", "told apart by TriggerTime"),
        ("151481", "a phase a series"),
        ("294739", "told apart by ContentTime"),
    ],
)
def test_a_study_equals_its_nifti(realdata, found, patient, by):
    (examination,) = [one for one in found.examinations if one.patient.endswith(patient)]
    assert (examination.visit, examination.times_s) == ("T0", (150.0, 450.0))
    assert any(by in said for said in examination.taken)
    scan = examination.read()
    folder = realdata / "ispy2" / "mama-mia" / "images" / f"ISPY2_{patient}"
    for order, volume in enumerate((scan.pre, scan.early, scan.late)):
        image = nibabel.load(folder / f"ispy2_{patient}_{order:04d}.nii.gz")
        np.testing.assert_array_equal(volume, 4 * np.asarray(image.dataobj).astype(int))
        np.testing.assert_allclose(scan.affine, image.affine, atol=1e-4)
        assert volume.dtype == np.uint16


def test_the_study_with_a_hole_is_set_aside_and_the_slice_named(found):
    (problem,) = found.problems
    assert (problem.code, problem.severity) == ("FC123", "error")
    assert problem.patient.endswith("203060")
    assert "the early phase lacks 1 slice of 8: slice 4 (index 3, 23.7 mm above the first)" in problem.what
    assert len(found.examinations) == 5


def test_identifying_attributes_are_reported_not_kept(found):
    names = ("AccessionNumber", "InstitutionName", "OtherPatientIDs", "PatientAddress", "PatientBirthDate",
             "ReferringPhysicianName")  # fmt: skip
    assert {found.exposed[name] for name in names} == {40}
    assert found.exposed["PatientName"] == 223


@pytest.fixture(scope="module")
def inventory(realdata):
    table = pd.read_parquet(realdata / "ispy2" / "tcia" / "idc_series_inventory.parquet")
    table["SeriesDescription"] = table["SeriesDescription"].fillna("")
    names = table[["SeriesDescription", "Modality"]].drop_duplicates()
    roles = {
        (name, modality): role(Facts(description=name, modality=modality))
        for name, modality in names.itertuples(index=False)
    }
    table["role"] = [roles[key] for key in zip(table["SeriesDescription"], table["Modality"], strict=True)]
    table["kind"] = [one.kind for one in table["role"]]
    table["prepared"] = [one.prepared for one in table["role"]]
    return table


def test_every_name_of_the_collection_is_understood(inventory):
    """What is left nameless are series without any name."""
    nameless = set(inventory[inventory["kind"] == "possible"]["SeriesDescription"])
    # Besides, GE's phases added to themselves: ``ISPY2: (16588/6/1..108)+(16588/6/1..108)``.
    assert {name for name in nameless if "..108)+(" not in name and not name.startswith("ISPY2: (1")} == {""}
    assert inventory["SeriesDescription"].nunique() > 600


def test_each_study_has_its_prepared_series_its_ratio_and_its_mask(inventory):
    studies = inventory.groupby(["PatientID", "StudyDate", "StudyDescription"])
    prepared = studies["prepared"].sum()
    ratios = studies["kind"].apply(lambda kinds: (kinds == "ratio").sum())
    masks = studies["kind"].apply(lambda kinds: (kinds == "mask").sum())
    assert (prepared == ratios).all()
    assert (prepared == masks).all()
    assert (prepared >= 1).mean() > 0.99


def test_raw_dynamic_series_hold_the_phases_of_the_prepared_one(inventory):
    """An independent count: the prepared series holds all phases of as many slices as the ratio has.

    Where the raw series were not cut along the slices, they must hold as many images; so no dynamic series was
    missed, and no other was taken for one.
    """
    inventory = inventory.assign(
        dcm=inventory["instanceCount"].where(inventory["prepared"], 0),
        ser=inventory["instanceCount"].where(inventory["kind"] == "ratio", 0),
        raw=inventory["instanceCount"].where(
            inventory["kind"].isin(["dynamic", "possible"]) & ~inventory["prepared"], 0
        ),
    )
    studies = inventory.groupby(["PatientID", "StudyDate", "StudyDescription"])
    sums = studies[["dcm", "ser", "raw", "prepared"]].sum()
    alone = sums[sums["prepared"] == 1]
    assert (alone["raw"] > 0).all()
    smallest = inventory[inventory["raw"] > 0].groupby(["PatientID", "StudyDate", "StudyDescription"])["raw"]
    extremes = smallest.agg(["min", "max"]).reindex(alone.index)
    a_phase_a_series = alone[(extremes["min"] == alone["ser"]) & (extremes["max"] == alone["ser"])]
    assert len(a_phase_a_series) > 500
    assert (a_phase_a_series["raw"] == a_phase_a_series["dcm"]).mean() > 0.97
