"""Random dirt over whole imports: a site folder that can be read, or a reason with a number; never anything else."""

from __future__ import annotations

import gzip
import os
import shutil
import tempfile
from pathlib import Path

import nibabel
import numpy as np
import pydicom
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fedchemo.client.cohort import read_site
from fedchemo.client.importing.site import ImportRequest, import_site
from fedchemo.shared.errors import FedchemoError
from fedchemo.shared.imaging.volume import load_phases
from tests.client.importing.site.made import content, write_examination
from tests.client.importing.site.planted import write_study

EXAMPLES = int(os.environ.get("FEDCHEMO_DIRT", "12"))
DICOM, NIFTI = ("A-100001", "A-100002", "A-100003"), ("A-100004", "A-100005")
ROWS = ["patient_id,pcr,age_years,hr,race", *(f"A-10000{n},{n % 2},4{n},1,White" for n in range(1, 8))]

places = st.floats(0, 1, exclude_max=True)
bytes_ = st.binary(max_size=200)
odd = ["", "NA", "-1", "999", "1e309", "nan", "yes", "-", "1,5", '"', "=1+1", "\x00", "é", "A" * 300]
cells = st.sampled_from(odd) | st.text(max_size=8)
dirt = st.one_of(
    st.tuples(st.just("truncate"), places, places),
    st.tuples(st.just("overwrite"), places, bytes_),
    st.tuples(st.just("flip"), places, places),
    st.tuples(st.just("remove"), places, st.none()),
    st.tuples(st.just("move"), places, places),
    st.tuples(st.just("copy"), places, places),
    st.tuples(
        st.just("header"),
        places,
        st.sampled_from(
            [
                {"Modality": "CT"},
                {"PatientID": "A-100002"},
                {"PatientID": ""},
                {"PatientID": "nobody"},
                {"StudyDescription": ""},
                {"StudyDescription": "ISPY2_MRI_T3"},
                {"Rows": 7},
                {"PixelSpacing": [0, 0]},
                {"ImageOrientationPatient": [1, 0, 0, 1, 0, 0]},
                {"ContentTime": "999999"},
                {"RescaleSlope": 0},
                {"BitsAllocated": 12},
            ]
        ),
    ),
    st.tuples(
        st.just("volume"), places, st.sampled_from(["nan", "shape", "constant", "4d", "swapped", "sheared"])
    ),
    st.tuples(st.just("cell"), places, cells),
    st.tuples(st.just("row"), places, cells),
    st.tuples(st.just("repeat"), places, st.none()),
    st.tuples(st.just("table"), places, st.sampled_from(["latin-1", "utf-16", ";", "empty", "binary"])),
)


@pytest.fixture(scope="module")
def clean(tmp_path_factory):
    """A hospital without dirt."""
    folder = tmp_path_factory.mktemp("clean")
    for seed, patient in enumerate(DICOM):
        write_study(folder / "images" / patient, patient, seed=seed)
    for seed, patient in enumerate(NIFTI):
        write_examination(folder / "images" / patient / "T0", seed=seed)
    (folder / "table.csv").write_text("\n".join(ROWS) + "\n")
    return folder


def request(folder):
    return ImportRequest(
        out=folder / "NORTH",
        tables=(folder / "table.csv",),
        images=(folder / "images",),
        state=folder / "state",
        workers=0,
    )


def test_without_dirt_everything_is_taken(clean, tmp_path):
    folder = Path(shutil.copytree(clean, tmp_path / "copy"))
    outcome = import_site(request(folder))
    assert (outcome.patients, outcome.with_images, outcome.not_taken, outcome.warnings) == (7, 5, [], [])


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(dirts=st.lists(dirt, min_size=1, max_size=6), renew=st.booleans())
def test_any_dirt_gives_a_site_folder_or_a_reason(clean, dirts, renew):
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(shutil.copytree(clean, Path(scratch) / "copy"))
        if renew:
            import_site(request(folder))
        before = content(folder / "NORTH") if renew else None
        for kind, place, what in dirts:
            soil(folder, kind, place, what)
        outcome = refused = None
        try:
            outcome = import_site(request(folder))
        except FedchemoError as error:
            refused = error
        if outcome is None:
            assert refused.code != "FC099", (folder / "state" / "import" / "report.json").read_text()
            assert (content(folder / "NORTH") if (folder / "NORTH").exists() else None) == before
            return
        cohort = read_site(folder / "NORTH")
        assert not [problem for problem in cohort.problems if problem.code in {"FC113", "FC114"}]
        assert len(cohort.clinical) == outcome.patients
        assert len(cohort.images) == outcome.with_images
        assert not list((folder / "NORTH").glob(".*"))
        for visits in cohort.images.values():
            for visit in visits.values():
                load_phases(visit)
        assert "FC099" not in str(outcome.not_taken)


def soil(folder: Path, kind: str, place: float, what: object) -> None:
    """Do one thing to a hospital's files; a file that earlier dirt took away is left alone."""
    images = sorted(path for path in (folder / "images").rglob("*") if path.is_file())
    path = images[int(place * len(images))]
    table = folder / "table.csv"
    match kind:
        case "truncate":
            path.write_bytes(path.read_bytes()[: int(what * path.stat().st_size)])
        case "overwrite":
            path.write_bytes(what)
        case "flip":
            whole = bytearray(path.read_bytes())
            if whole:
                whole[int(what * len(whole))] ^= 0xFF
            path.write_bytes(whole)
        case "remove" if len(images) > 1:
            path.unlink()
        case "move":
            path.rename(images[int(what * len(images))].parent / f"moved {path.name}")
        case "copy":
            shutil.copy(path, images[int(what * len(images))].parent / f"copy {path.name}")
        case "header":
            _header(path, what)
        case "volume":
            _volume(path, what)
        case _:
            _table(table, kind, place, what)


def _header(path: Path, values: dict[str, object]) -> None:
    try:
        dataset = pydicom.dcmread(path)
        for keyword, value in values.items():
            setattr(dataset, keyword, value)
        dataset.save_as(path)
    except Exception:  # noqa: BLE001 - earlier dirt made it unreadable to pydicom, which is dirt enough
        return


def _volume(path: Path, what: str) -> None:
    volumes = sorted((path.parents[1]).rglob("*.nii.gz"))
    if not volumes:
        return
    volume = np.ones((12, 10, 6), np.float32) * np.arange(6)
    affine = np.diag([2.0, 2.0, 3.0, 1.0])
    match what:
        case "nan":
            volume[2, 2, 2] = np.nan
        case "shape":
            volume = volume[:, :, :5]
        case "constant":
            volume = np.ones_like(volume)
        case "4d":
            volume = np.stack([volume, volume], axis=3)
        case "swapped":
            affine = np.diag([2000.0, 2.0, 3.0, 1.0])
        case "sheared":
            affine[0, 1] = 3.0
    image = nibabel.Nifti1Image(volume, None if what == "sheared" else affine)
    if what == "sheared":
        image.set_sform(affine, code=1)
    volumes[0].write_bytes(gzip.compress(image.to_bytes()))


def _table(path: Path, kind: str, place: float, what: object) -> None:
    text = path.read_bytes().decode("utf-8", "replace")
    lines = text.splitlines() or [""]
    row = int(place * len(lines))
    columns = lines[row].split(",")
    match kind:
        case "cell":
            columns[int(place * 1000) % len(columns)] = str(what)
            lines[row] = ",".join(columns)
        case "row":
            lines[row] = str(what)
        case "repeat":
            lines.append(lines[row])
    encoded = "\n".join(lines).encode("utf-8", "replace")
    match what:
        case "latin-1" | "utf-16" if kind == "table":
            encoded = ("\n".join(lines) + "\nÄ").encode(what, "replace")
        case ";" if kind == "table":
            encoded = encoded.replace(b",", b";")
        case "empty" if kind == "table":
            encoded = b""
        case "binary" if kind == "table":
            encoded = bytes(range(256))
    path.write_bytes(encoded)
