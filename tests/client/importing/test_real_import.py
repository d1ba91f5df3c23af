"""The I-SPY2 files as a hospital has them, through the command: DICOM studies, MAMA-MIA's images, and workbooks."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import nibabel
import numpy as np
import pytest

from fedchemo.client.cohort import read_site

pytestmark = pytest.mark.realdata
WORKBOOKS = ("ISPY2-Imaging-Cohort-1-Clinical-Data.xlsx", "Multi-feature-MRI-NACT-Data.xlsx")
TAKEN = ("102212", "112606", "131961", "151481", "294739")


@pytest.fixture(scope="module")
def run(realdata):
    """Run the command in a process of its own; return what it printed as JSON and the whole output."""

    def run(out: Path, images: str, *options: str) -> tuple[dict, str]:
        source = realdata / "ispy2"
        arguments = [
            "data",
            "import",
            "--images",
            str(source / images),
            "--out",
            str(out),
            "--state",
            f"{out}-state",
        ]
        for name in WORKBOOKS:
            arguments += ["--table", str(source / "tcia" / name)]
        arguments += [
            "--crosswalk",
            f"{out}-who.csv",
            "--json",
            "--dataset",
            "ispy2",
            "--workers",
            "2",
            *options,
        ]
        done = subprocess.run(
            [sys.executable, "-c", "from fedchemo.shared.command import main; main()", *arguments],
            capture_output=True,
            text=True,
            check=False,
            timeout=280,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout), done.stdout + done.stderr

    return run


def who(out):
    with Path(f"{out}-who.csv").open() as file:
        return {row["identifier"]: row["pseudonym"] for row in csv.DictReader(file)}


@pytest.fixture(scope="module")
def dicom(run, tmp_path_factory):
    out = tmp_path_factory.mktemp("dicom") / "TCIA"
    return out, *run(out, "tcia/dicom")


@pytest.fixture(scope="module")
def nifti(run, tmp_path_factory):
    out = tmp_path_factory.mktemp("nifti") / "MAMA"
    return out, *run(out, "mama-mia/images")


def test_the_dicom_studies_become_a_site_folder(dicom):
    out, told, _ = dicom
    cohort = read_site(out)
    assert len(cohort.clinical) == told["patients"] == 796
    names = who(out)
    assert set(cohort.images) == {names[patient] for patient in TAKEN}
    assert int(cohort.clinical["pcr"].sum()) == told["positives"]
    assert cohort.problems == ()


def test_voxels_are_four_times_those_of_the_same_patients_nifti(dicom, nifti):
    by_dicom, by_nifti = who(dicom[0]), who(nifti[0])
    for patient in TAKEN:
        ours = read_site(dicom[0]).images[by_dicom[patient]]["T0"]
        theirs = read_site(nifti[0]).images[by_nifti[patient]]["T0"]
        for phase in ("pre", "early", "late"):
            one, other = nibabel.load(ours / f"{phase}.nii.gz"), nibabel.load(theirs / f"{phase}.nii.gz")
            one, other = nibabel.as_closest_canonical(one), nibabel.as_closest_canonical(other)
            np.testing.assert_array_equal(np.asarray(one.dataobj), 4 * np.asarray(other.dataobj).astype(int))
            np.testing.assert_allclose(one.affine[:3, :3], other.affine[:3, :3], atol=1e-4)


def test_the_study_with_a_missing_slice_is_left_with_the_reason(dicom):
    _, told, _ = dicom
    (left,) = told["not_taken"]
    assert left["code"].startswith("FC12")
    assert "slice" in left["what"]


def test_no_identifier_is_told_or_written(dicom):
    out, told, printed = dicom
    needles = (
        "DOE^JANE",
        "JANE",
        "ROE^RICHARD",
        "778899",
        "294739",
        "General Hospital",
        "1 Main St",
        *TAKEN,
        "203060",
    )
    assert not [needle for needle in needles if needle in printed]
    assert told["exposed"]["PatientName"]
    for path in out.rglob("*"):
        assert not [needle for needle in needles if needle in path.name]
        if path.is_file() and path.suffix != ".gz":
            assert not [needle for needle in needles if needle in path.read_text()]


def test_images_of_mama_mia_become_a_site_folder(nifti):
    out, told, _ = nifti
    cohort = read_site(out)
    assert (len(cohort.clinical), len(cohort.images)) == (796, 155)
    assert cohort.problems == ()
    # Functional tumour volume of the workbook, else by the rule on images that are cropped to the tumour.
    assert sum(told["volumes"].values()) == cohort.clinical["tumour_volume_cc"].notna().sum() == 390


def test_a_simulation_runs_on_it(nifti, tmp_path):
    out, _, _ = nifti
    sites = tmp_path / "sites"
    sites.mkdir()
    (sites / "MAMA").symlink_to(out)
    arguments = [
        "simulate",
        "--sites-dir",
        str(sites),
        "--rounds",
        "1",
        "--grid",
        "16",
        "--spacing",
        "4",
        "--json",
    ]
    arguments += ["--cache", str(tmp_path / "cache"), "--out", str(tmp_path / "run")]
    done = subprocess.run(
        [sys.executable, "-c", "from fedchemo.shared.command import main; main()", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=280,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)
