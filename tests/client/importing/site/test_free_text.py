"""Cells of free text that look as if they name a person are emptied; values of one patient alone are said."""

from __future__ import annotations

import pytest

from fedchemo.client.importing.site.free_text import without_persons
from fedchemo.shared.clinical.schema import empty_frame


def clinical(*arms):
    frame = empty_frame([f"10000{number}" for number in range(len(arms))])
    frame["arm"] = list(arms)
    return frame


@pytest.mark.parametrize(
    "cell",
    [
        "DOE^JANE",
        "jane@example.org",
        "1957-03-29",
        "29.3.1957",
        "03/29/57",
        "778899",
        "MRN-100001",
        "mrn-100001 ",
    ],
)
def test_what_looks_like_a_person_is_emptied(cell):
    cleaned, problems, values = without_persons(clinical("A", "A", cell), {"MRN-100001", "100001"})
    assert cleaned["arm"].tolist()[:2] == ["A", "A"]
    assert cleaned["arm"].isna().tolist() == [False, False, True]
    assert [problem.value for problem in problems] == [cell]
    assert all(cell.strip() not in problem.what for problem in problems)
    assert values["arm"] == ["A"]


@pytest.mark.parametrize(
    "cell", ["Paclitaxel + Neratinib", "MK-2206", "ABT 888 + carboplatin", "AMG-386", "T-DM1/P"]
)
def test_arms_are_kept(cell):
    cleaned, problems, _ = without_persons(clinical(cell, cell), {"100000", "A"})
    assert cleaned["arm"].tolist() == [cell, cell]
    assert problems == []


def test_a_value_of_one_patient_alone_is_said_and_kept():
    cleaned, problems, values = without_persons(clinical("A", "A", "Jane Doe"), set())
    assert cleaned["arm"].tolist() == ["A", "A", "Jane Doe"]
    assert values["arm"] == ["A", "Jane Doe"]
    (problem,) = problems
    assert problem.what.startswith("1 of 2 values of arm")
    assert "Jane" not in problem.what
