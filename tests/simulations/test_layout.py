from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fedchemo.client.cohort import read_site
from fedchemo.shared.clinical.schema import COLUMNS, SCHEMA, empty_frame
from fedchemo.shared.errors import FedchemoError
from fedchemo.shared.splits import cut
from fedchemo.simulations import layout
from fedchemo.simulations.datasets.contract import Dataset
from fedchemo.simulations.layout import lay_out
from fedchemo.simulations.partition import partition

from .small_dataset import small_dataset


@pytest.fixture
def dataset(tmp_path) -> Dataset:
    (tmp_path / "data").mkdir()
    return small_dataset(tmp_path / "data")


@pytest.fixture
def assignment(dataset):
    return partition(dataset.clinical, by="site", sites=1, alpha=1, seed=0)


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def splits_of(dataset: Dataset, seed: int) -> dict[str, str]:
    return cut(list(dataset.clinical.index), list(dataset.clinical["pcr"]), seed)


def test_a_site_folder_reads_back_as_what_was_written(dataset, assignment, tmp_path):
    folders = lay_out(dataset, assignment, tmp_path / "sites", seed=5)
    assert {name: folder.name for name, folder in folders.items()} == {name: name for name in assignment}
    splits = splits_of(dataset, 5)
    for name, patients in assignment.items():
        cohort = read_site(folders[name], seed=77)
        assert (cohort.site, cohort.dataset, cohort.problems) == (name, "small", ())
        expected = dataset.clinical.loc[patients, list(COLUMNS[1:])]
        expected["split"] = pd.Series([splits.get(p) for p in patients], index=expected.index, dtype=object)
        pd.testing.assert_frame_equal(cohort.clinical, expected, check_exact=True)
        visits = dataset.visits[dataset.visits["patient_id"].isin(patients)]
        expected = visits.set_index(["patient_id", "visit"]).sort_index()
        pd.testing.assert_frame_equal(
            cohort.visits, expected.astype(float), check_exact=True, check_index_type=False
        )
        assert set(cohort.images) == set(patients) & set(dataset.images)
        for patient, found in cohort.images.items():
            files = dataset.images[patient]["T0"]
            assert (found["T0"] / "late.nii.gz").read_bytes() == files.late.read_bytes()
            assert (found["T0"] / "lesion.nii.gz").exists() == (files.lesion is not None)


rows = st.fixed_dictionaries(
    {
        column.name: {
            "binary": st.sampled_from([0.0, 1.0, None]),
            "number": st.none() | st.floats(column.low, column.high),
            "category": st.sampled_from([None, *column.values]),
            "text": st.none()
            | st.text(st.characters(categories=["L", "N", "P", "S"]), min_size=1, max_size=20),
        }[column.kind]
        for column in SCHEMA[1:-1]
    }
)


@settings(max_examples=25, deadline=None)
@given(content=st.lists(rows, min_size=1, max_size=5))
def test_any_values_that_the_schema_allows_survive(tmp_path_factory, content):
    patients = [f"p{number}" for number in range(len(content))]
    clinical = empty_frame(patients)
    for column in SCHEMA[1:-1]:
        kind = float if column.kind in {"binary", "number"} else object
        clinical[column.name] = pd.Series(
            [row[column.name] for row in content], index=clinical.index, dtype=kind
        )
    nothing = pd.DataFrame(columns=["patient_id", "visit"])
    made = Dataset("any", clinical, nothing, {}, {})
    folder = lay_out(made, {"one": patients}, tmp_path_factory.mktemp("any"), seed=0)["one"]
    read = read_site(folder).clinical
    pd.testing.assert_frame_equal(
        read.drop(columns="split"), clinical.drop(columns="split"), check_exact=True
    )


def test_partitions_are_judged_on_the_same_test_patients(dataset, tmp_path):
    dataset = dataclasses.replace(dataset, clinical=dataset.clinical.fillna({"site": "AAX"}))
    found = []
    for by, sites in (("site", 1), ("iid", 3), ("dirichlet", 4)):
        made = partition(dataset.clinical, by=by, sites=sites, alpha=0.3, seed=0)
        cohorts = [read_site(folder) for folder in lay_out(dataset, made, tmp_path / by, seed=1).values()]
        found.append(sorted(patient for cohort in cohorts for patient in cohort.patients("test")))
    assert found[0] == found[1] == found[2]
    assert found[0] == sorted(p for p, split in splits_of(dataset, 1).items() if split == "test")


def test_writing_some_sites_cuts_them_as_writing_all(dataset, assignment, tmp_path):
    all_of_them = lay_out(dataset, assignment, tmp_path / "all", seed=1)
    some = lay_out(dataset, assignment, tmp_path / "some", seed=1, only=["AAI"])
    assert list(some) == ["AAI"]
    assert names_in(tmp_path / "some") == ["AAI"]
    assert (some["AAI"] / "clinical.csv").read_bytes() == (all_of_them["AAI"] / "clinical.csv").read_bytes()


def test_images_are_linked_where_the_disk_allows_and_copied_where_not(
    dataset, assignment, tmp_path, monkeypatch
):
    patient, visits = next(iter(dataset.images.items()))
    site = next(name for name, patients in assignment.items() if patient in patients)
    place = Path(site, "images", patient, "T0", "pre.nii.gz")
    lay_out(dataset, assignment, tmp_path / "linked", seed=0)
    assert (tmp_path / "linked" / place).samefile(visits["T0"].pre)

    def refuse(*_arguments):
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(layout.os, "link", refuse)
    lay_out(dataset, assignment, tmp_path / "copied", seed=0)
    assert not (tmp_path / "copied" / place).samefile(visits["T0"].pre)
    assert (tmp_path / "copied" / place).read_bytes() == visits["T0"].pre.read_bytes()


def test_a_link_to_an_image_is_followed(dataset, assignment, tmp_path):
    patient, visits = next(iter(dataset.images.items()))
    moved = visits["T0"].pre.rename(tmp_path / "elsewhere.nii.gz")
    visits["T0"].pre.symlink_to(moved)
    folders = lay_out(dataset, assignment, tmp_path / "sites", seed=0)
    placed = next(
        folder / "images" / patient for folder in folders.values() if (folder / "images" / patient).exists()
    )
    assert not (placed / "T0" / "pre.nii.gz").is_symlink()
    assert (placed / "T0" / "pre.nii.gz").samefile(moved)


def test_a_folder_that_is_there_is_kept_and_nothing_is_written(dataset, assignment, tmp_path):
    out = tmp_path / "sites"
    (out / "AAN").mkdir(parents=True)
    with pytest.raises(FedchemoError, match=r"FC003.*AAN"):
        lay_out(dataset, assignment, out, seed=0)
    assert names_in(out) == ["AAN"]


def test_overwriting_replaces_whole_site_folders_and_nothing_else(dataset, assignment, tmp_path):
    out = tmp_path / "sites"
    first = lay_out(dataset, assignment, out, seed=0)
    (first["AAN"] / "stale.txt").write_text("from before")
    lay_out(dataset, assignment, out, seed=0, overwrite=True)
    assert not (first["AAN"] / "stale.txt").exists()
    assert names_in(out) == sorted(assignment)
    shutil.rmtree(first["AAN"])
    first["AAN"].mkdir()
    (first["AAN"] / "thesis.tex").write_text("mine")
    with pytest.raises(FedchemoError, match=r"FC003.*AAN"):
        lay_out(dataset, assignment, out, seed=0, overwrite=True)
    assert (first["AAN"] / "thesis.tex").exists()


def test_a_failure_leaves_no_half_written_site(dataset, assignment, tmp_path):
    patient, visits = next(iter(dataset.images.items()))
    site = next(name for name, patients in assignment.items() if patient in patients)
    visits["T0"].late.unlink()
    out = tmp_path / "sites"
    with pytest.raises(FedchemoError, match="FC004"):
        lay_out(dataset, assignment, out, seed=0)
    assert site not in names_in(out)
    assert all((folder / "site.toml").exists() for folder in out.iterdir())


def test_a_failed_overwrite_keeps_what_was_there(dataset, assignment, tmp_path, monkeypatch):
    out = tmp_path / "sites"
    lay_out(dataset, assignment, out, seed=0)
    rename = Path.rename

    def refuse_the_last_step(self, target):
        if self.suffix == ".part":
            raise OSError(5, "Input/output error")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", refuse_the_last_step)
    with pytest.raises(FedchemoError, match="FC004"):
        lay_out(dataset, assignment, out, seed=1, overwrite=True)
    monkeypatch.undo()
    assert names_in(out) == sorted(assignment)
    assert all(read_site(folder).problems == () for folder in out.iterdir())


@pytest.mark.parametrize(
    "wrong",
    [{"a": ["000"], "b": ["001", "000"]}, {"a": ["nobody"]}, {"a": []}, {"../a": ["000"]}, {"a b": ["000"]}],
)
def test_an_assignment_that_is_none_is_refused(dataset, tmp_path, wrong):
    with pytest.raises(FedchemoError, match="FC711"):
        lay_out(dataset, wrong, tmp_path / "sites", seed=0)
    assert not (tmp_path / "sites").exists()


@pytest.mark.realdata
def test_ispy2_is_laid_out_as_its_hospitals(realdata, tmp_path):
    from fedchemo.simulations.datasets.ispy2 import load

    loaded = load(realdata / "ispy2")
    made = partition(loaded.clinical, by="site", sites=1, alpha=1, seed=0)
    folders = lay_out(loaded, made, tmp_path / "sites", seed=0)
    cohorts = [read_site(folder) for folder in folders.values()]
    assert all(cohort.problems == () for cohort in cohorts)
    assert len(cohorts) == 19
    large = [cohort for cohort in cohorts if len(cohort.clinical) >= 20]
    assert (len(large), sum(len(cohort.clinical) for cohort in large)) == (13, 740)
    assert sum(len(cohort.images) for cohort in cohorts) == 155
    assert sum(bool(cohort.images) for cohort in cohorts) == 18
    counts = [
        sum(len(cohort.patients(split)) for cohort in cohorts) for split in ("train", "validation", "test")
    ]
    assert counts == [554, 119, 118]
    read = pd.concat([cohort.clinical for cohort in cohorts]).sort_index()
    expected = loaded.clinical[list(COLUMNS[1:-1])].sort_index()
    # Joining frames lets pandas choose the index's type anew.
    read.index = read.index.astype(object)
    pd.testing.assert_frame_equal(read.drop(columns="split"), expected, check_exact=True)
    visits = pd.concat([cohort.visits for cohort in cohorts]).sort_index()
    assert len(visits) == len(loaded.visits)


def test_scanners_are_listed_beside_what_the_client_reads(dataset, assignment, tmp_path):
    folders = lay_out(dataset, assignment, tmp_path / "sites", seed=5)
    for name, patients in assignment.items():
        before = read_site(folders[name]).fingerprint()
        listed = pd.read_csv(folders[name] / layout.SCANNERS, dtype=str, index_col="patient_id")["vendor"]
        expected = dataset.clinical.loc[patients, "vendor"]
        assert listed.fillna("").to_dict() == expected.fillna("").to_dict()
        (folders[name] / layout.SCANNERS).unlink()
        assert read_site(folders[name]).fingerprint() == before
