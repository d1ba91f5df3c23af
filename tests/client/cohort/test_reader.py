from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from fedchemo.client.cohort import SiteProblems, read_site
from fedchemo.shared.catalogue import CATALOGUE
from fedchemo.shared.clinical.schema import COLUMNS
from fedchemo.shared.errors import FedchemoError
from fedchemo.shared.splits import cut

from .conftest import HEADER, ROWS, problems_of, where, write_clinical, write_visit


def test_a_good_folder_gives_a_clinical_frame(site):
    cohort = read_site(site)
    frame = cohort.clinical
    assert (cohort.site, cohort.dataset, cohort.folder, cohort.problems) == ("NORTH", "trial", site, ())
    assert list(frame.index) == ["007", "008", "P-10", "P.9"]
    assert frame.index.name == "patient_id"
    assert tuple(frame.columns) == COLUMNS[1:]
    for name in ("pcr", "age_years", "hr", "her2", "mammaprint", "tumour_volume_cc"):
        assert frame[name].dtype == np.float64
    assert frame.loc["008", "race"] == "Asian, White"
    assert frame.loc["P-10", "tumour_volume_cc"] == 10.0
    assert frame.loc["P.9"].isna().all()
    assert frame.loc["008", "arm"] is None
    assert cohort.visits.empty
    assert cohort.images == {}


def test_a_patient_may_lack_everything_but_a_name(site):
    write_clinical(site, [*ROWS, "alone,,,,,,,,,,"])
    assert read_site(site).clinical.loc["alone"].isna().all()


def test_the_order_of_rows_changes_nothing(site):
    first = read_site(site)
    write_clinical(site, ROWS[::-1])
    second = read_site(site)
    pd.testing.assert_frame_equal(first.clinical, second.clinical)
    assert first.fingerprint() == second.fingerprint()


def test_without_splits_the_site_is_cut_by_the_seed(site):
    rows = [f"p{number},{number % 2},,,,,,,,," for number in range(40)]
    write_clinical(site, [*rows, "later,,,,,,,,,,"])
    cohort = read_site(site, seed=3)
    expected = cut([f"p{number}" for number in range(40)], [number % 2 for number in range(40)], 3)
    assert cohort.clinical["split"].dropna().to_dict() == expected
    assert cohort.clinical["split"]["later"] is None
    assert cohort.patients("train") == sorted(p for p, split in expected.items() if split == "train")
    assert read_site(site, seed=4).patients("test") != cohort.patients("test")


def test_without_the_column_the_cut_is_the_same(site):
    rows = [f"p{number},{number % 2}" for number in range(40)]
    write_clinical(site, rows, header="patient_id,pcr")
    bare = read_site(site)
    write_clinical(site, [f"{row},,,,,,,,," for row in rows])
    assert bare.clinical["split"].equals(read_site(site).clinical["split"])
    # Absent variables are said once each; an absent split is nothing to speak of.
    write_clinical(site, rows, header="patient_id,pcr")
    assert [p.column for p in problems_of(site)] == list(COLUMNS[2:-1])
    assert {p.severity for p in problems_of(site)} == {"warning"}


def test_given_splits_are_obeyed(site):
    write_clinical(site, ["a,1,,,,,,,,,test", "b,0,,,,,,,,,test", "c,1,,,,,,,,,train", "d,,,,,,,,,,test"])
    cohort = read_site(site, seed=99)
    assert cohort.patients("test") == ["a", "b"]
    assert cohort.patients("test", labelled=False) == ["a", "b", "d"]
    assert cohort.patients("validation") == []


def test_splits_for_some_labelled_patients_are_refused_row_by_row(site):
    write_clinical(site, ["a,1,,,,,,,,,test", "b,0,,,,,,,,,", "c,,,,,,,,,,", "d,1,,,,,,,,,"])
    assert where(problems_of(site)) == [
        ("FC110", "clinical.csv", 3, "split", None),
        ("FC110", "clinical.csv", 5, "split", None),
    ]


def test_every_problem_of_every_file_is_told_at_once(site):
    (site / "site.toml").write_text('nmae = "NORTH"\ndataset = "trial"\n')
    write_clinical(
        site,
        [
            "007,2,5100,1,0,1,premenopausal,White,,12500,",
            "",
            "007,1,NA,yes,0,1,pre,White,,1.5,training",
            "a/b,1,51,1,0,1,pre,White,,-1,",
            ",1,51,1,0,1,pre,White,,nan,",
        ],
    )
    (site / "visits.csv").write_text(
        "patient_id,visit,ftv_cc,longest_diameter_mm,sphericity,bpe\n007,T9,1,1,0.5,3\n007,T0,x,1,1.5,3\n"
    )
    write_visit(site, "stranger", "T0")
    found = set(where(problems_of(site)))
    assert found >= {
        ("FC103", "site.toml", None, "name", None),
        ("FC103", "site.toml", None, "nmae", "NORTH"),
        ("FC108", "clinical.csv", 2, "pcr", "2"),
        ("FC109", "clinical.csv", 2, "age_years", "5100"),
        ("FC108", "clinical.csv", 2, "menopause", "premenopausal"),
        ("FC109", "clinical.csv", 2, "tumour_volume_cc", "12500"),
        ("FC107", "clinical.csv", 4, "patient_id", "007"),
        ("FC108", "clinical.csv", 4, "age_years", "NA"),
        ("FC108", "clinical.csv", 4, "hr", "yes"),
        ("FC108", "clinical.csv", 4, "split", "training"),
        ("FC106", "clinical.csv", 5, "patient_id", "a/b"),
        ("FC109", "clinical.csv", 5, "tumour_volume_cc", "-1"),
        ("FC106", "clinical.csv", 6, "patient_id", None),
        ("FC108", "clinical.csv", 6, "tumour_volume_cc", "nan"),
        ("FC108", "visits.csv", 2, "visit", "T9"),
        ("FC108", "visits.csv", 3, "ftv_cc", "x"),
        ("FC109", "visits.csv", 3, "sphericity", "1.5"),
        ("FC113", "stranger", None, None, None),
    }
    assert all(code in CATALOGUE for code, *_ in found)
    assert all(problem.remedy for problem in problems_of(site))


def test_the_error_lists_all_problems_and_survives_a_process_border(site):
    write_clinical(site, ["a,2,,,,,,,,,", "b,3,,,,,,,,,"])
    with pytest.raises(SiteProblems) as caught:
        read_site(site)
    assert caught.value.code == "FC101"
    text = str(caught.value)
    assert "2 errors" in text
    assert "row 2, column pcr: '2' is neither 0 nor 1" in text
    assert "row 3, column pcr: '3' is neither 0 nor 1" in text
    again = pickle.loads(pickle.dumps(caught.value))
    assert again.problems == caught.value.problems
    assert str(again) == text


@pytest.mark.parametrize("word", ["NA", "nan", "-1", "999", "unknown", "None", "?", "n/a", "NULL"])
def test_a_word_for_missing_is_told_not_guessed(site, word):
    write_clinical(site, [f"a,1,{word},,,,,,,,"])
    (problem,) = problems_of(site)
    assert (problem.row, problem.column, problem.value) == (2, "age_years", word)
    assert "empty" in problem.remedy


def test_no_labelled_patient_is_a_warning(site):
    write_clinical(site, ["a,,50,1,0,1,pre,,,2,"])
    cohort = read_site(site)
    assert [problem.code for problem in cohort.problems] == ["FC112"]
    assert cohort.patients("train") == []


def test_a_wrong_folder_is_named_and_the_right_one_proposed(site, tmp_path):
    (problem,) = problems_of(site.parent)
    assert problem.code == "FC102"
    assert "NORTH" in problem.remedy
    (problem,) = problems_of(tmp_path / "nowhere")
    assert (problem.code, problem.what) == ("FC102", "is no folder")
    (problem,) = problems_of(site / "clinical.csv")
    assert problem.code == "FC102"
    (site / "site.toml").unlink()
    (problem,) = problems_of(site)
    assert "site.toml" in problem.remedy


def test_an_absent_table_is_one_problem(site):
    (site / "clinical.csv").unlink()
    write_visit(site, "007", "T0")
    assert where(problems_of(site)) == [("FC104", "clinical.csv", None, None, None)]


def test_visits_are_indexed_by_patient_and_visit(site):
    (site / "visits.csv").write_text(
        "patient_id,visit,ftv_cc,longest_diameter_mm,sphericity,bpe\n"
        "008,T1,1.5,20,,\n008,T0,3,30,0.2,15\n007,T0,,,0.1,\nstranger,T0,1,1,,\n"
    )
    cohort = read_site(site)
    assert list(cohort.visits.index) == [("007", "T0"), ("008", "T0"), ("008", "T1")]
    assert cohort.visits.index.names == ["patient_id", "visit"]
    assert cohort.visits.loc[("008", "T0"), "longest_diameter_mm"] == 30.0
    assert np.isnan(cohort.visits.loc[("008", "T1"), "sphericity"])
    assert where(cohort.problems) == [("FC113", "visits.csv", 5, "patient_id", "stranger")]


def test_a_visit_twice_or_without_its_key_is_refused(site):
    (site / "visits.csv").write_text(
        "patient_id,visit,ftv_cc,longest_diameter_mm,sphericity,bpe\n008,T1,1,,,\n008,T1,2,,,\n,T0,1,,,\n008,,1,,,\n"
    )
    assert where(problems_of(site)) == [
        ("FC111", "visits.csv", 3, "visit", "008 T1"),
        ("FC111", "visits.csv", 4, "patient_id", None),
        ("FC111", "visits.csv", 5, "visit", None),
    ]


def test_only_a_read_only_folder_is_needed(site):
    for path in (*site.iterdir(), site):
        path.chmod(0o555 if path.is_dir() else 0o444)
    before = {path: path.stat().st_mtime_ns for path in site.iterdir()}
    read_site(site)
    assert {path: path.stat().st_mtime_ns for path in site.iterdir()} == before
    site.chmod(0o755)


def test_a_share_that_fails_is_an_error_with_a_number(site, monkeypatch):
    write_visit(site, "007", "T0")

    def stale(self):
        raise OSError(116, "Stale file handle", str(self))

    monkeypatch.setattr(Path, "iterdir", stale)
    with pytest.raises(FedchemoError, match=r"FC004.*images: Stale file handle"):
        read_site(site)


def test_a_byte_order_mark_and_windows_line_ends_are_no_problem(site):
    text = "\r\n".join([HEADER, *ROWS]) + "\r\n"
    (site / "clinical.csv").write_bytes(b"\xef\xbb\xbf" + text.encode())
    assert list(read_site(site).clinical.index) == ["007", "008", "P-10", "P.9"]
