"""From tables and images to a site folder: what is in it, what is set aside, what is refused."""

from __future__ import annotations

import datetime as dt
import json
import shutil
import stat
from dataclasses import replace

import nibabel
import numpy as np
import pandas as pd
import pytest

from fedchemo.client.cohort import read_site
from fedchemo.client.cohort.problems import error
from fedchemo.client.importing.contract import Examination, Found, Scan
from fedchemo.client.importing.site import Readers, import_site
from fedchemo.shared.errors import FedchemoError
from fedchemo.shared.imaging.volume import load_phases
from tests.client.importing.site.made import (
    READERS,
    SHAPE,
    content,
    read_small_tables,
    write_examination,
    write_table,
)


def run(request, readers=READERS):
    return import_site(request, readers=readers)


def report(request):
    return json.loads((request.state / "import" / "report.json").read_text())


def refused(request, code, readers=READERS):
    with pytest.raises(FedchemoError) as caught:
        run(request, readers)
    assert caught.value.code == code
    return caught.value


def read_scan():
    pre = np.arange(np.prod(SHAPE), dtype=np.int16).reshape(SHAPE)
    return Scan(pre, pre + 1, pre + 2, np.eye(4))


def refuse_scan():
    raise FedchemoError("FC202", "/pacs/DOE^JANE/1-001.dcm is damaged")


def break_down():
    raise ZeroDivisionError("DOE^JANE")


def examination(number, visit="T0", *, read=read_scan, date=None, times_s=None, key=None):
    return Examination(
        f"MRN-{number}",
        visit,
        f"/pacs/DOE^JANE {number}",
        key or f"{number}{visit}",
        read,
        times_s=times_s,
        date=date,
    )


def finding(*examinations, problems=(), **more):
    return Readers(
        read_small_tables,
        {"looking": lambda folders, timing, progress: Found(examinations, problems, **more)},
    )


def test_a_site_folder_is_made_that_the_client_reads(hospital):
    outcome = run(hospital)
    cohort = read_site(hospital.out)
    assert (cohort.site, cohort.dataset, cohort.problems) == ("NORTH", "local", ())
    assert len(cohort.clinical) == outcome.patients == 8
    assert (outcome.positives, outcome.negatives) == (4, 4)
    assert len(cohort.images) == outcome.with_images == 5
    assert outcome.tables_only == 3
    for visits in cohort.images.values():
        assert load_phases(visits["T0"]).pre.shape == SHAPE


def test_voxels_geometry_and_values_are_those_of_the_source(hospital):
    run(replace(hospital, crosswalk=hospital.out.parent / "who.csv"))
    who = dict(line.split(",") for line in (hospital.out.parent / "who.csv").read_text().splitlines()[1:])
    cohort = read_site(hospital.out)
    pseudonym = who["100001"]
    assert cohort.clinical.loc[pseudonym, "age_years"] == 40
    source = nibabel.load(hospital.images[0] / "mrn_100001" / "T0" / "early.nii.gz")
    written = nibabel.load(cohort.images[pseudonym]["T0"] / "early.nii.gz")
    assert written.get_data_dtype() == np.int16
    np.testing.assert_array_equal(np.asarray(written.dataobj), np.asarray(source.dataobj))
    np.testing.assert_array_equal(written.affine, source.affine)


def test_tumour_volume_comes_from_the_table_then_the_mask_then_the_rule(hospital):
    outcome = run(hospital)
    assert outcome.volumes == {"lesion mask": 4, "functional tumour volume by the published rule": 1}
    # 5 x 4 x 3 voxels of 12 mm3.
    assert set(read_site(hospital.out).clinical["tumour_volume_cc"].dropna()) == {0.72}


def test_a_volume_in_the_table_is_kept(hospital):
    text = hospital.tables[0].read_text().splitlines()
    lines = [f"{text[0]},tumour_volume_cc", *(f"{line},9.5" for line in text[1:])]
    hospital.tables[0].write_text("\n".join(lines) + "\n")
    assert run(hospital).volumes == {}
    assert set(read_site(hospital.out).clinical["tumour_volume_cc"]) == {9.5}


def test_no_rule_on_an_image_that_holds_more_than_the_tumour(hospital):
    shutil.rmtree(hospital.images[0])
    write_examination(hospital.images[0] / "mrn_100001" / "T0", lesion=False, shape=(80, 10, 6))
    assert run(hospital).volumes == {}
    assert read_site(hospital.out).clinical["tumour_volume_cc"].isna().all()


def test_files_are_their_owners_alone(hospital):
    run(hospital)
    for folder in (hospital.out, hospital.state):
        for path in (folder, *folder.rglob("*")):
            assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path


def test_same_input_same_bytes_whatever_the_number_of_workers(hospital):
    run(hospital)
    first = content(hospital.out)
    shutil.rmtree(hospital.out)
    run(replace(hospital, workers=2))
    assert content(hospital.out) == first


def test_what_has_not_changed_is_not_written_again(hospital):
    assert run(hospital).written == 5
    before = {path: path.stat().st_ino for path in hospital.out.rglob("*.nii.gz")}
    again = run(hospital)
    assert (again.written, again.unchanged) == (0, 5)
    assert {path: path.stat().st_ino for path in hospital.out.rglob("*.nii.gz")} == before


def test_what_has_changed_is_written_again_alone(hospital):
    run(hospital)
    before = content(hospital.out)
    write_examination(hospital.images[0] / "mrn_100008" / "T0", seed=77)
    again = run(hospital)
    assert (again.written, again.unchanged) == (1, 4)
    changed = [name for name, bytes_ in content(hospital.out).items() if before.get(name) != bytes_]
    assert len({name.split("/")[1] for name in changed if name.startswith("images/")}) == 1
    assert not list(hospital.out.glob(".*"))


def test_a_file_damaged_in_the_site_folder_is_written_again(hospital):
    run(hospital)
    before = content(hospital.out)
    damaged = next(hospital.out.rglob("late.nii.gz"))
    damaged.write_bytes(b"")
    assert run(hospital).written == 1
    assert content(hospital.out) == before


def test_a_bad_patient_is_set_aside_and_the_others_go_on(hospital):
    hospital.tables[0].write_text(hospital.tables[0].read_text().replace(",42,", ",contradicts,"))
    outcome = run(hospital)
    assert outcome.patients == 7
    assert [(told.code, told.place) for told in outcome.set_aside] == [
        ("FC108", "table.csv, row 4, column age_years")
    ]
    assert outcome.with_images == 4
    assert report(hospital)["set_aside"][0]["patient"] == "MRN-100015"
    assert "100015" not in json.dumps(outcome.to_dict())


def test_a_value_that_no_site_folder_may_hold_sets_its_patient_aside(hospital):
    hospital.tables[0].write_text(hospital.tables[0].read_text().replace(",42,", ",4200,"))
    outcome = run(hospital)
    assert [told.code for told in outcome.set_aside] == ["FC109"]
    assert len(read_site(hospital.out).clinical) == 7


def test_an_examination_that_cannot_be_read_is_left_and_its_patient_stays(hospital):
    readers = finding(
        examination(100001),
        examination(100008, read=refuse_scan),
        examination(100015, read=break_down),
    )
    outcome = run(hospital, readers)
    assert (outcome.patients, outcome.with_images) == (8, 1)
    assert sorted(told.code for told in outcome.not_taken) == ["FC099", "FC202"]
    shown = json.dumps(outcome.to_dict())
    assert "DOE" not in shown
    assert "DOE^JANE/1-001.dcm" in json.dumps(report(hospital)["not_taken"])


def test_an_examination_with_an_error_of_the_reader_is_left(hospital):
    problem = error(
        "FC202", "/pacs/DOE^JANE", "lacks slice 3 of the early phase", "Export again", patient="MRN-100008"
    )
    outcome = run(hospital, finding(examination(100001), problems=(problem,)))
    assert [(told.code, told.what) for told in outcome.not_taken] == [
        ("FC202", "lacks slice 3 of the early phase")
    ]
    assert outcome.not_taken[0].patient.startswith("P-")
    assert "DOE" not in str(outcome.not_taken[0])


def test_an_identifier_in_a_readers_sentence_is_taken_out(hospital):
    found = replace(examination(100001), taken=("Took MRN-100001's series.",))
    assert list(run(hospital, finding(found)).taken) == ["Took […]'s series."]


def test_who_is_only_in_the_images_is_said_and_left(hospital):
    outcome = run(hospital, finding(examination(100001), examination(999999)))
    assert len(outcome.images_only) == 1
    assert outcome.with_images == 1
    assert not (hospital.out / "images" / outcome.images_only[0]).exists()


def test_an_examination_found_twice_is_not_chosen_between(hospital):
    twice = replace(examination(100008), source="/pacs/other")
    outcome = run(hospital, finding(examination(100001), examination(100008), twice))
    assert [told.code for told in outcome.not_taken] == ["FC153"]
    assert outcome.with_images == 1


def test_an_identifier_that_does_not_join_is_said(hospital):
    outcome = run(hospital, finding(examination(100001), examination("DOE")))
    assert [told.code for told in outcome.not_taken] == ["FC159"]
    assert "DOE" not in str(outcome.not_taken[0])


def test_two_identifiers_that_become_one_patient_are_said(hospital):
    other = replace(examination(100001, "T1"), patient="X-100001")
    outcome = run(hospital, finding(examination(100001), other))
    assert [told.code for told in outcome.warnings] == ["FC159"]
    assert outcome.examinations == {"T0": 1, "T1": 1}


def test_dates_become_days_and_times_are_kept(hospital):
    readers = finding(
        examination(100001, date=dt.date(2003, 5, 17), times_s=(151.04, 449.0)),
        examination(100001, "T1", date=dt.date(2003, 6, 7)),
        examination(100008, "T1", date=dt.date(2003, 6, 7)),
    )
    run(hospital, readers)
    visits = read_site(hospital.out).visits.reset_index()
    assert visits[["visit", "days_since_t0", "early_s", "late_s"]].fillna(-1).values.tolist() == [
        ["T0", 0, 151, 449],
        ["T1", 21, -1, -1],
    ]
    assert b"2003" not in b"".join(content(hospital.out).values())


def test_a_visit_before_t0_has_no_day_and_a_warning(hospital):
    readers = finding(
        examination(100001, date=dt.date(2003, 5, 17)), examination(100001, "T1", date=dt.date(2003, 5, 1))
    )
    outcome = run(hospital, readers)
    assert [told.code for told in outcome.warnings] == ["FC109"]
    assert read_site(hospital.out).visits["days_since_t0"].tolist() == [0]


def test_dates_of_a_table_count_where_images_have_none_and_are_held_against_them_where_they_have(hospital):
    def read(files, *, mappings=()):
        tables = read_small_tables(files, mappings=mappings)
        rows = [
            {"patient_id": key, "visit": visit, "ftv_cc": 2.0, "date": date}
            for key in ("100001", "100008")
            for visit, date in (("T0", dt.date(2003, 5, 17)), ("T1", dt.date(2003, 6, 7)), ("T2", None))
        ]
        visits = pd.DataFrame(rows, columns=[*tables.visits.columns])
        return replace(tables, visits=visits)

    # The export shifted the dates of the images; of one patient it did so unevenly.
    images = [
        examination(number, visit, date=dt.date(1999, 1, day))
        for number, visit, day in (
            (100001, "T0", 1),
            (100001, "T1", 22),
            (100008, "T0", 1),
            (100008, "T1", 23),
        )
    ]
    outcome = run(hospital, Readers(read, finding(*images).images))
    assert [told.code for told in outcome.warnings] == ["FC109"]
    visits = read_site(hospital.out).visits
    assert sorted(visits["days_since_t0"].dropna()) == [0, 0, 21]
    assert len(visits) == 6


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (
            lambda folder: (folder / "NORTH").mkdir() or (folder / "NORTH" / "letter.txt").write_text("x"),
            "FC154",
        ),
        (lambda folder: write_site_toml(folder, "SOUTH"), "FC154"),
        (lambda folder: write_site_toml(folder, "NORTH"), "FC154"),
        (lambda folder: shutil.rmtree(folder / "images") or (folder / "images").mkdir(), "FC155"),
        (lambda folder: (folder / "images").rename(folder / "away"), "FC002"),
        (lambda folder: rewrite(folder, pcr=""), "FC156"),
        (lambda folder: rewrite(folder, pcr="1"), "FC156"),
        (lambda folder: rewrite(folder, age_years="contradicts"), "FC157"),
        (lambda folder: rewrite(folder, patient_id="nobody"), "FC106"),
    ],
)
def test_what_is_refused_leaves_nothing_behind(hospital, change, code):
    folder = hospital.out.parent
    if code == "FC157":
        rename_images(folder)
    else:
        change(folder)
    before = content(hospital.out) if hospital.out.exists() else None
    request = replace(hospital, name="NORTH")
    caught = refused(request, code)
    assert "MRN" not in caught.what
    assert (content(hospital.out) if hospital.out.exists() else None) == before
    assert not list(folder.glob(".*"))
    if code != "FC002":
        assert report(hospital)["refused"]["code"] == code


def write_site_toml(folder, name):
    (folder / "NORTH").mkdir()
    (folder / "NORTH" / "site.toml").write_text(f'name = "{name}"\ndataset = "trial"\n')


def rewrite(folder, **values):
    lines = (folder / "table.csv").read_text().splitlines()
    header = lines[0].split(",")
    rows = [{**dict(zip(header, line.split(","), strict=True)), **values} for line in lines[1:]]
    write_table(folder / "table.csv", rows)


def rename_images(folder):
    for number, patient in enumerate(sorted((folder / "images").iterdir())):
        patient.rename(patient.with_name(f"mrn_{900_000 + number}"))


def test_no_outcomes_is_right_where_only_predictions_are_wanted(hospital):
    rewrite(hospital.out.parent, pcr="")
    outcome = run(replace(hospital, prediction_only=True))
    assert (outcome.positives, outcome.negatives, outcome.patients) == (0, 0, 8)


def test_every_patient_set_aside_is_refused(hospital):
    rewrite(hospital.out.parent, age_years="contradicts")
    refused(replace(hospital, prediction_only=True), "FC156")


def test_a_folder_of_another_state_is_refused(hospital):
    run(hospital)
    before = content(hospital.out)
    assert "another --state" in refused(replace(hospital, state=hospital.out.parent / "other"), "FC154").what
    assert content(hospital.out) == before


def test_the_name_of_a_folder_that_is_there_is_remembered(hospital):
    named = replace(hospital, name="ucsf", dataset="trial")
    run(named)
    run(replace(hospital))
    assert (read_site(hospital.out).site, read_site(hospital.out).dataset) == ("ucsf", "trial")


def test_tables_alone_make_a_site(hospital):
    assert run(replace(hospital, images=())).with_images == 0
    assert not (hospital.out / "images").exists()


def test_patients_and_examinations_that_are_gone_are_removed_with_a_word_only(hospital):
    run(hospital)
    lines = hospital.tables[0].read_text().splitlines()
    hospital.tables[0].write_text("\n".join([lines[0], *lines[2:]]) + "\n")
    shutil.rmtree(hospital.images[0] / "mrn_100008")
    before = content(hospital.out)
    assert "1 patients and 2 examinations" in refused(hospital, "FC158").what
    assert content(hospital.out) == before
    outcome = run(replace(hospital, remove_gone=True))
    assert (outcome.removed_patients, outcome.removed_examinations) == (1, 2)
    cohort = read_site(hospital.out)
    assert (len(cohort.clinical), len(cohort.images), cohort.problems) == (7, 3, ())


def test_an_examination_that_became_unusable_leaves_the_site_folder(hospital):
    run(hospital)
    broken = hospital.images[0] / "mrn_100008" / "T0" / "late.nii.gz"
    broken.write_bytes(broken.read_bytes()[:-20])
    outcome = run(hospital)
    assert outcome.with_images == 4
    assert outcome.removed_examinations == 1
    assert read_site(hospital.out).problems == ()


def test_an_empty_folder_is_filled(hospital):
    hospital.out.mkdir()
    run(hospital)
    assert len(read_site(hospital.out).images) == 5
    assert not list(hospital.out.glob(".*"))


@pytest.mark.parametrize("option", ["state", "crosswalk"])
def test_secrets_stay_out_of_the_site_folder(hospital, option):
    refused(replace(hospital, **{option: hospital.out / "secret"}), "FC001")


def test_input_and_result_stay_apart(hospital):
    refused(replace(hospital, out=hospital.images[0] / "site"), "FC001")


def test_the_crosswalk_names_every_identifier(hospital):
    who = hospital.out.parent / "private" / "who.csv"
    run(replace(hospital, crosswalk=who))
    lines = who.read_text().splitlines()
    assert lines[0] == "identifier,pseudonym"
    assert {line.split(",")[0] for line in lines[1:]} >= {"100001", "mrn_100001", "100050"}
    assert stat.S_IMODE(who.stat().st_mode) == 0o600


def test_two_imports_at_once_are_refused(hospital, monkeypatch):
    import filelock

    hospital.state.mkdir()
    with filelock.FileLock(hospital.state / "lock"):
        refused(hospital, "FC910")


def test_what_was_not_foreseen_names_nobody(hospital):
    def stumble(folders, timing, progress):
        raise RuntimeError("DOE^JANE")

    caught = refused(hospital, "FC099", Readers(read_small_tables, {"looking": stumble}))
    assert "DOE" not in caught.what
    assert "DOE^JANE" in report(hospital)["refused"]["what"]


def test_a_full_disk_ends_the_import_and_the_next_goes_on(hospital, monkeypatch):
    from fedchemo.client.importing.site import examination as module

    whole = module.write_volume
    calls = []

    def full(path, *args):
        calls.append(path)
        if len(calls) > 9:
            raise FedchemoError("FC004", f"{path}: No space left on device")
        whole(path, *args)

    monkeypatch.setattr(module, "write_volume", full)
    refused(hospital, "FC004")
    assert not hospital.out.exists()
    monkeypatch.setattr(module, "write_volume", whole)
    outcome = run(hospital)
    assert (outcome.written, outcome.unchanged) == (3, 2)
    assert len(read_site(hospital.out).images) == 5
