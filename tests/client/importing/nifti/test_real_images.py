"""The published images of I-SPY2 come through unchanged."""

from __future__ import annotations

from pathlib import Path

import nibabel
import numpy as np
import pytest

from fedchemo.client.cohort.reader import read_site
from fedchemo.client.importing.contract import Found
from fedchemo.client.importing.deidentification.pseudonyms import Pseudonyms
from fedchemo.client.importing.deidentification.volumes import write_volume
from fedchemo.client.importing.nifti import find_nifti
from fedchemo.shared.imaging.volume import load_phases

pytestmark = pytest.mark.realdata


@pytest.fixture(scope="module")
def found(realdata: Path) -> Found:
    return find_nifti([realdata / "ispy2" / "mama-mia" / "images"])


def test_all_155_examinations_are_found(found: Found) -> None:
    assert found.problems == ()
    assert found.exposed == {}
    assert len(found.examinations) == len({item.patient for item in found.examinations}) == 155
    assert {item.visit for item in found.examinations} == {"T0"}
    # The folder was thinned to three phases, so the sheet's times are of others.
    assert {item.times_s for item in found.examinations} == {None}
    makers = {item.scanner.manufacturer.split()[0].casefold() for item in found.examinations}
    assert makers == {"ge", "siemens", "philips"}


def test_written_images_give_the_same_voxels_to_the_bit(found: Found, tmp_path: Path) -> None:
    pseudonyms = Pseudonyms(bytes(32))
    site = tmp_path / "SITE"
    for item in found.examinations:
        scan = item.read()
        folder = site / "images" / pseudonyms.of(item.patient) / item.visit
        for name in ("pre", "early", "late"):
            write_volume(folder / f"{name}.nii.gz", getattr(scan, name), scan.affine)
    rows = [f"{pseudonym},{number % 2}" for number, pseudonym in enumerate(pseudonyms.given().values())]
    (site / "site.toml").write_text('name = "SITE"\ndataset = "ispy2"\n')
    (site / "clinical.csv").write_text("\n".join(["patient_id,pcr", *rows]) + "\n")
    cohort = read_site(site)
    # The table has two columns, which is warned of; the images give no reason to.
    assert {problem.code for problem in cohort.problems} == {"FC105"}
    assert len(cohort.images) == 155
    for item in found.examinations:
        written = load_phases(cohort.images[pseudonyms.of(item.patient)]["T0"])
        stored = {name: nibabel.load(getattr(item.read, name)) for name in ("pre", "early", "late")}
        for name, image in stored.items():
            turned = nibabel.as_closest_canonical(image)
            assert np.array_equal(getattr(written, name), np.asanyarray(turned.dataobj).astype(np.float32))
        assert written.voxels_mm == tuple(float(size) for size in turned.header.get_zooms())
    for path in site.rglob("*.nii.gz"):
        assert b"ispy2" not in path.read_bytes().lower()
