"""Single bad rows are set aside by name and the others go on; many bad rows stop a site."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fedchemo.client.cohort import SiteProblems, examine_site, read_site
from tests.client.cohort.conftest import write_clinical, write_visit

ROWS = [f"p{number:02d},{number % 2},{40 + number},1,0,1,pre,,,{number + 1},," for number in range(40)]
ROWS = [row[:-1] for row in ROWS]


def errors(cohort):
    return [(p.code, p.patient, p.row) for p in cohort.problems if p.severity == "error"]


def test_a_bad_row_is_set_aside_by_name_and_its_image_is_no_strangers(site):
    write_clinical(site, [ROWS[0].replace(",40,", ",4000,"), *ROWS[1:]])
    write_visit(site, "p00", "T0")
    write_visit(site, "p01", "T0")
    cohort = read_site(site)
    assert "p00" not in cohort.clinical.index
    assert len(cohort.clinical) == 39
    assert errors(cohort) == [("FC109", "p00", 2)]
    assert list(cohort.images) == ["p01"]
    assert not [p for p in cohort.problems if p.code == "FC113"]
    told = [p.told for p in cohort.problems if p.severity == "error"]
    assert told[0].startswith("set aside p00: FC109 ")


def test_rows_that_disagree_set_the_patient_aside_and_say_in_what(site):
    write_clinical(site, [*ROWS, ROWS[5].replace(",1,0,1,", ",1,1,1,")])
    cohort = read_site(site)
    assert "p05" not in cohort.clinical.index
    assert errors(cohort) == [("FC107", "p05", 42)]
    assert any("another her2" in p.what for p in cohort.problems)


def test_rows_that_agree_are_one_patient(site):
    write_clinical(site, [*ROWS, ROWS[5]])
    cohort = read_site(site)
    assert len(cohort.clinical) == 40
    assert [(p.code, p.severity, p.row) for p in cohort.problems if p.row] == [("FC175", "warning", 42)]


def test_a_row_without_patient_or_with_a_broken_end_is_set_aside(site):
    write_clinical(site, [*ROWS, ",0.32,48,,,,,,,20,"])
    assert [(code, row) for code, _, row in errors(read_site(site))] == [("FC106", 42), ("FC108", 42)]
    write_clinical(site, [*ROWS, "p99,1"])
    assert [(code, row) for code, _, row in errors(read_site(site))] == [("FC104", 42)]


def test_a_bad_row_of_visits_leaves_the_patient_and_the_other_rows(site):
    write_clinical(site, ROWS)
    rows = [f"p{number:02d},T0,{number},30,0.5,20" for number in range(30)]
    rows[3] = "p03,T0,much,30,0.5,20"
    header = "patient_id,visit,ftv_cc,longest_diameter_mm,sphericity,bpe"
    (site / "visits.csv").write_text("\n".join([header, *rows]) + "\n")
    cohort = read_site(site)
    assert errors(cohort) == [("FC108", "p03", 5)]
    assert len(cohort.visits) == 29
    assert "p03" in cohort.clinical.index


def test_visits_that_contradict_each_other_are_both_left_out(site):
    write_clinical(site, ROWS)
    rows = [f"p{number:02d},T0,{number},30,0.5,20" for number in range(39)]
    header = "patient_id,visit,ftv_cc,longest_diameter_mm,sphericity,bpe"
    (site / "visits.csv").write_text("\n".join([header, *rows, "p03,T0,99,30,0.5,20"]) + "\n")
    cohort = read_site(site)
    assert ("p03", "T0") not in cohort.visits.index
    assert len(cohort.visits) == 38


@pytest.mark.parametrize(("bad", "usable"), [(1, True), (2, True), (3, False), (40, False)])
def test_more_than_one_row_in_twenty_is_an_export_gone_wrong(site, bad, usable):
    write_clinical(site, [row.replace(",1,0,1,", ",yes,0,1,") for row in ROWS[:bad]] + ROWS[bad:])
    reading = examine_site(site)
    assert reading.usable is usable
    assert sum(p.severity == "error" for p in reading.problems) == bad
    if usable:
        assert len(read_site(site).clinical) == 40 - bad
    else:
        with pytest.raises(SiteProblems) as caught:
            read_site(site)
        assert caught.value.problems == reading.problems


@pytest.mark.parametrize("missing", ["site.toml", "clinical.csv"])
def test_what_concerns_the_whole_folder_is_never_set_aside(site, missing):
    write_clinical(site, ROWS)
    (site / missing).unlink()
    assert not examine_site(site).usable
    with pytest.raises(SiteProblems):
        read_site(site)


CELL = st.text(alphabet=st.characters(codec="utf-8", exclude_characters='"\r\n\0'), max_size=12)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(dirt=st.lists(st.tuples(st.integers(0, 39), st.integers(0, 9), CELL), max_size=4))
def test_dirt_in_single_cells_never_changes_another_patient(site: Path, dirt):
    write_clinical(site, ROWS)
    clean = examine_site(site).cohort
    cells = [row.split(",") for row in ROWS]
    for row, column, value in dirt:
        cells[row][column] = f'"{value}"' if "," in value else value
    write_clinical(site, [",".join(row) for row in cells])
    reading = examine_site(site)
    touched = {f"p{row:02d}" for row, _, _ in dirt}
    for patient in set(clean.clinical.index) - touched:
        # A cell that took on another patient's name contradicts that patient, and a touched class moves the cut.
        if patient in reading.cohort.clinical.index:
            columns = [name for name in clean.clinical.columns if name != "split"]
            found = reading.cohort.clinical.loc[patient, columns]
            assert found.equals(clean.clinical.loc[patient, columns])
        else:
            assert any(value.strip() == patient for _, _, value in dirt)
