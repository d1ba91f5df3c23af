"""Proposals for unknown tables: right where names and values tell, unsure where they do not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from rich.console import Console

from fedchemo.client.importing.tables.guess import Guess, guess
from fedchemo.client.importing.tables.read import read_tables
from tests.client.importing.tables import hospital

N = 40


def _foreign() -> pd.DataFrame:
    numbers = range(N)
    columns: dict[str, list[Any]] = {
        "MRN": [f"{70_000 + 37 * n}" for n in numbers],
        "Path. complete response": ["yes" if n % 3 == 0 else "no" for n in numbers],
        "Age (months)": [12 * (35 + n) for n in numbers],
        "Oestrogen receptor": ["positive" if n % 2 else "negative" for n in numbers],
        "Progesterone receptor": ["positive" if n % 5 == 0 else "negative" for n in numbers],
        "HER2 status": ["High" if n % 4 == 0 else "Low" for n in numbers],
        "Menopausal status": [("Premenopausal", "Postmenopausal")[n % 2] for n in numbers],
        "Tumour volume (mm3)": [900.0 * (n + 1) for n in numbers],
        "LD baseline [cm]": [2.0 + n / 10 for n in numbers],
        "LD pre-surgery [cm]": [1.0 + n / 20 for n in numbers],
        "FTV T1": [5.0 + n for n in numbers],
        "Near complete response": [1] * N,
        "Surname": [f"Q{n}" for n in numbers],
    }
    return pd.DataFrame(columns)


def _read(found: Guess, folder: Path) -> Any:
    (folder / "columns.toml").write_text(found.columns_toml, encoding="utf-8")
    return read_tables([found.file], mappings=[folder / "columns.toml"])


def test_a_foreign_table(tmp_path: Path) -> None:
    _foreign().to_csv(tmp_path / "t.csv", index=False)
    found = guess(tmp_path / "t.csv")
    tables = _read(found, tmp_path)
    assert not tables.problems
    frame = tables.clinical
    assert len(frame) == N
    assert frame["pcr"].sum() == 14
    assert frame["age_years"].tolist()[:2] == [35, 36]
    assert frame["hr"].tolist()[:6] == [1, 1, 0, 1, 0, 1]
    assert frame["her2"].sum() == 10
    assert frame["tumour_volume_cc"].tolist()[:2] == pytest.approx([0.9, 1.8])
    visits = tables.visits.set_index(["patient_id", "visit"])
    assert visits["longest_diameter_mm"]["70000"].dropna().to_dict() == {"T0": 20, "T3": 10}
    assert visits["ftv_cc"]["70000", "T1"] == 5
    # Words that say yes only by custom, and a unit that no name states, are for a person to look at.
    unsure = {(proposal.visit, proposal.variable) for proposal in found.proposals if proposal.unsure}
    assert unsure == {(None, "her2"), ("T1", "ftv_cc")}
    assert set(found.unused) == {"Near complete response", "Surname"}


def test_what_it_would_do_is_shown_without_a_patient(tmp_path: Path) -> None:
    _foreign().to_csv(tmp_path / "t.csv", index=False)
    console = Console(width=260, record=True, file=(tmp_path / "screen").open("w"))
    console.print(guess(tmp_path / "t.csv").show())
    shown = console.export_text()
    assert "tumour_volume_cc" in shown
    assert "mm3" in shown
    assert "CHECK THE CODES" in shown
    assert "Surname" in shown
    assert "Q17" not in shown
    assert "70037" not in shown


def test_codes_that_nobody_knows_are_asked_for_and_not_assumed(tmp_path: Path) -> None:
    table = pd.DataFrame(
        {"Patient ID": [f"P{n}" for n in range(12)], "pCR": [1, 2] * 6, "Age": [50 + n for n in range(12)]}
    )
    table.to_csv(tmp_path / "t.csv", index=False)
    found = guess(tmp_path / "t.csv")
    assert '"2" = ?  (6 rows)' in found.columns_toml
    tables = _read(found, tmp_path)
    assert any(problem.severity == "error" and problem.column == "pCR" for problem in tables.problems)
    assert tables.clinical["pcr"].isna().all()


def test_a_row_a_visit_and_lost_zeros(tmp_path: Path) -> None:
    rows = [
        {"Pat-ID": number, "Timepoint": visit, "FTV (cc)": 10.0 + number % 7, "BPE (%)": 20}
        for number in (1234, *range(100_000, 100_030))
        for visit in ("T0", "T2")
    ]
    pd.DataFrame(rows).to_excel(tmp_path / "t.xlsx", index=False)
    found = guess(tmp_path / "t.xlsx")
    tables = _read(found, tmp_path)
    assert not tables.problems
    assert tables.clinical.index[0] == "001234"
    assert len(tables.visits) == 62


def test_a_known_table_needs_no_mapping(tmp_path: Path) -> None:
    pd.DataFrame({"patient_id": ["a"], "pcr": [1], "age_years": [50]}).to_csv(tmp_path / "t.csv", index=False)
    found = guess(tmp_path / "t.csv")
    assert found.known == "fedchemo-clinical"
    assert not found.columns_toml


def test_a_table_in_german(tmp_path: Path) -> None:
    found = guess(hospital.write(tmp_path / "t.csv", hospital.rows(), sep=";", encoding="cp1252"))
    assert {proposal.variable for proposal in found.proposals} >= {
        "pcr",
        "age_years",
        "hr",
        "her2",
        "menopause",
    }


@pytest.mark.parametrize(
    "text", ["", "a,b\n1,2\n", "\n\n", '"', "x" * 400 + "\n1", "id\n1\n2\n", "id,pcr\n,\n"]
)
def test_nothing_to_propose(tmp_path: Path, text: str) -> None:
    (tmp_path / "t.csv").write_text(text)
    found = guess(tmp_path / "t.csv")
    assert not found.columns_toml
    assert found.problems
    Console(file=(tmp_path / "screen").open("w")).print(found.show())


def test_a_table_without_an_identifier_has_its_number(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("a,b\n1,2\n1,3\n")
    assert [problem.code for problem in guess(tmp_path / "t.csv").problems] == ["FC149"]
