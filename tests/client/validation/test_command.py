"""``fedchemo data validate`` for people and for scripts, and the same refusals when a client joins."""

from __future__ import annotations

import json

import pytest

from fedchemo.client.cohort import SiteProblems, read_site
from fedchemo.client.validation import require_fit
from fedchemo.shared.command import main


@pytest.fixture
def validate(site, capsys):
    def run(*arguments, folder=site):
        with pytest.raises(SystemExit) as ended:
            main(["data", "validate", str(folder), *arguments])
        return ended.value.code, *capsys.readouterr()

    return run


def test_a_site_in_order_ends_with_status_0(validate):
    status, out, _ = validate()
    assert status == 0
    assert "NORTH" in out
    assert "the folder can be used" in out


def test_problems_are_grouped_by_code_with_patient_and_remedy(validate, change_table):
    change_table(lambda table: table.__setitem__("age_years", ["4800", *table["age_years"][1:]]))
    status, out, _ = validate("--no-images")
    assert status == 1
    assert "error FC109 Value out of range (1)" in out
    assert "NORTH-000" in out
    assert "outside 15 to 110" in out
    assert "Set aside, and the others go on" in out
    assert "can be used without what is set aside" in out


def test_json_holds_every_problem_and_what_is_set_aside(validate, change_table, site):
    change_table(lambda table: table.__setitem__("age_years", ["4800", *table["age_years"][1:]]))
    status, out, err = validate("--json")
    found = json.loads(out)
    assert (status, err) == (1, "")
    assert (found["site"], found["usable"], found["errors"]) == ("NORTH", True, 1)
    assert [item["patient"] for item in found["set_aside"]] == ["NORTH-000"]
    problem = found["problems"][0]
    assert {
        "code": "FC109",
        "severity": "error",
        "file": str(site / "clinical.csv"),
        "row": 2,
        "column": "age_years",
        "value": "4800",
        "patient": "NORTH-000",
        "title": "Value out of range",
    }.items() <= problem.items()
    assert problem["what"]
    assert problem["remedy"]


def test_a_folder_that_cannot_be_read_is_a_result_not_a_crash(validate, tmp_path):
    status, out, _ = validate("--json", folder=tmp_path / "nowhere")
    found = json.loads(out)
    assert (status, found["usable"]) == (1, False)
    assert [p["code"] for p in found["problems"]] == ["FC102"]


@pytest.mark.parametrize(("values", "code"), [("", "FC112"), ("0", "FC160")])
def test_a_client_refuses_a_folder_without_both_outcomes(site, change_table, values, code):
    change_table(lambda table: table.assign(pcr=values))
    with pytest.raises(SiteProblems) as caught:
        require_fit(read_site(site))
    assert [p.code for p in caught.value.problems if p.severity == "error"] == [code]


def test_a_client_takes_a_site_in_order(site):
    require_fit(read_site(site))
