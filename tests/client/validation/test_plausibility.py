"""What is possible but odd is a warning with the range; a trial's own patients are not odd."""

from __future__ import annotations

import numpy as np
import pytest

from fedchemo.client.validation import validate_site
from fedchemo.client.validation.headers import personal_columns
from fedchemo.shared.clinical.reference import MEASUREMENTS, NUMBERS, SHARES
from tests.client.validation.conftest import about


def test_reference_ranges_make_sense():
    numbers = [*NUMBERS.values(), *(n for visits in MEASUREMENTS.values() for n in visits.values())]
    for number in numbers:
        assert list(number.quantiles) == sorted(number.quantiles)
        assert number.usual[0] <= number.quantiles[0] < number.quantiles[-1] <= number.usual[1]
        if number.medians:
            assert number.medians[0] < number.quantiles[2] < number.medians[1]
    for share in SHARES.values():
        assert 0 < share.shares[0] < share.share < share.shares[1] < 1


def test_an_odd_value_is_told_with_its_range(site, change_table):
    change_table(lambda table: table.__setitem__("tumour_volume_cc", ["900", *table["tumour_volume_cc"][1:]]))
    (problem,) = [p for p in validate_site(site, images=False).problems if p.code == "FC168"]
    assert (problem.patient, problem.column, problem.value) == ("NORTH-000", "tumour_volume_cc", "900")
    assert "0.1 to 600 cm³" in problem.what


@pytest.mark.parametrize(
    ("column", "values", "words"),
    [
        ("hr", lambda old: ["1"] * len(old), "is 1 for all 60 patients"),
        ("her2", lambda old: ["1"] * 55 + ["0"] * 5, "is 1 for 92% of 60 patients"),
        ("pcr", lambda old: ["1"] * 52 + ["0"] * 8, "hospitals have 10% to 60%"),
        ("age_years", lambda old: [f"{float(age) / 2 + 5:.1f}" for age in old], "has median"),
        ("tumour_volume_cc", lambda old: [f"{float(volume) * 10:.1f}" for volume in old], "has median"),
    ],
)
def test_a_column_unlike_any_hospitals_is_told(site, change_table, column, values, words):
    change_table(lambda table: table.__setitem__(column, values(list(table[column]))))
    found = [p for p in validate_site(site, images=False).problems if p.code == "FC169"]
    assert [p.column for p in found] == [column]
    assert words in found[0].what


def test_few_patients_are_not_held_against_a_trial(site, change_table):
    change_table(lambda table: table[:15].assign(hr="1"))
    assert about(validate_site(site, images=False).problems, "FC169") == []


def test_a_site_too_small_is_told_what_it_cannot_do(site, change_table):
    change_table(lambda table: table[:15])
    found = validate_site(site, images=False)
    assert found.usable
    assert about(found.problems, "FC171") == [("FC171", "warning", None, None)]
    assert len(about(found.problems, "FC172")) == 3


@pytest.mark.parametrize(
    ("column", "personal"),
    [
        *(
            (name, True)
            for name in ("Name", "patient_name", "PatientName", "MRN", "date of birth", "DOB", "birthDate")
        ),
        *((name, True) for name in ("Geburtsdatum", "e-mail", "Telefon", "AccessionNumber", "zip")),
        *(
            (name, False)
            for name in ("arm_named", "days_to_surgery", "domain", "mrna", "phonology", "nominal", "ki67")
        ),
    ],
)
def test_columns_that_speak_of_a_person(tmp_path, column, personal):
    assert bool(list(personal_columns(tmp_path / "clinical.csv", [column]))) is personal


@pytest.mark.realdata
def test_real_hospitals_are_not_odd(realdata_sites):
    for site in realdata_sites:
        found = validate_site(site, images=site.name == "AAW", workers=2)
        assert found.usable, site.name
        assert {p.code for p in found.problems} <= {"FC171", "FC172"}, site.name


@pytest.fixture
def realdata_sites(realdata, tmp_path):
    from fedchemo.shared.command import main

    out, by_site = tmp_path / "sites", ("--partition", "site")
    with pytest.raises(SystemExit) as ended:
        main(["split", "--dataset", "ispy2", "--data", str(realdata / "ispy2"), *by_site, "--out", str(out)])
    assert ended.value.code == 0
    folders = sorted(path.parent for path in out.glob("*/site.toml"))
    assert len(folders) == 19
    return folders


def test_numbers_of_a_column_are_counted_without_the_missing(site, change_table):
    change_table(lambda table: table.assign(hr=np.where(np.arange(len(table)) < 45, "", "1")))
    assert about(validate_site(site, images=False).problems, "FC169") == []
