"""Random dirt: never a traceback, never a silent wrong value."""

from __future__ import annotations

import math
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fedchemo.client.importing.tables.contract import ImportedTables
from fedchemo.client.importing.tables.guess import guess
from fedchemo.client.importing.tables.mapping import read_mapping
from fedchemo.client.importing.tables.read import read_tables
from tests.client.importing.tables import hospital

VARIABLES = ("pcr", "age_years", "hr", "her2", "menopause", "tumour_volume_cc")

# Everybody's words for a missing value: they are taken so, and are no problem.
BLANK = ("", " ", "NA", "n/a", "nan", "?", "unbekannt", "#N/A", "\xa0", "-", "--", "None")
# None of these means a value that the cell's variable could have.
NONSENSE = (
    "-1", "999", "9999", "abc", "#REF!", "=A1", "inf", "1e999", "-0,5", "12 parsec", "1.2.3", "1,234,5", "<1", "+/-",
    "2024-02-30", "\ufeff", "0x10", "1_0", "٣", "ja?", "1 234", "'", "x" * 300, "true-ish", "🙂", "[1]", "1/2",
    "5e-324",
)  # fmt: skip
IDENTIFIERS = ("", "unknown", "H-", "mean", "12345678", "H-12345", "Summe", "\xa0", "0", "-1", "000")

damage = st.one_of(
    st.tuples(st.just("cell"), st.integers(0, 7), st.sampled_from(hospital.COLUMNS[1:]),
              st.sampled_from(NONSENSE + BLANK)),
    st.tuples(st.just("identifier"), st.integers(0, 7), st.sampled_from(IDENTIFIERS)),
    st.tuples(st.just("lost zeros"), st.integers(0, 7)),
    st.tuples(st.just("twice"), st.integers(0, 7)),
    st.tuples(st.just("twice and different"), st.integers(0, 7),
              st.sampled_from(("Alter", "Komplettremission", "HER2"))),
    st.tuples(st.just("spaces"), st.integers(0, 7), st.sampled_from(hospital.COLUMNS)),
    st.tuples(st.just("unit"), st.sampled_from((("Alter", 12), ("Alter", 365), ("Volumen", 1000), ("Größe", 0.1)))),
    st.tuples(st.just("unit in the cell"), st.integers(0, 7)),
    st.tuples(st.just("footer"), st.sampled_from(("", "mean", "Exported by R. Ontgen"))),
    st.tuples(st.just("column gone"), st.sampled_from(hospital.COLUMNS)),
    st.tuples(st.just("column twice"), st.sampled_from(hospital.COLUMNS)),
    st.tuples(st.just("columns reversed")),
    st.tuples(st.just("text"), st.integers(0, 7), st.sampled_from(("Alter", "Volumen", "ER"))),
)  # fmt: skip
layouts = st.sampled_from(
    ((".csv", ",", "utf-8"), (".csv", ";", "utf-8-sig"), (".csv", ";", "cp1252"), (".txt", "\t", "utf-16"),
     (".xlsx", ",", ""), (".parquet", ",", ""), (".csv", ",", "cp1252"), (".csv", "|", "utf-8"))
)  # fmt: skip


def dirty(rows: list[dict[str, Any]], damages: list[tuple[Any, ...]]) -> list[dict[str, Any]]:
    """Do every damage to a table."""
    named = {damage[1] for damage in damages if damage[0] in {"identifier", "column gone"}}
    spoilt = {damage[1:3] for damage in damages if damage[0] == "cell"}
    # A column that is gone stays gone.
    for kind, *what in sorted(damages, key=lambda damage: damage[0] == "column gone"):
        match kind:
            case "cell":
                rows[what[0]][what[1]] = what[2]
            case "identifier":
                rows[what[0]]["Fallnummer"] = what[1]
            case "lost zeros":
                rows[what[0]]["Fallnummer"] = what[0] + 1
            case "twice":
                rows.append(dict(rows[what[0]]))
            # With what it contradicts gone or spoilt, a wrong value is all that is said: nobody could tell.
            case "twice and different" if not named & {what[0], what[1]} and (what[0], what[1]) not in spoilt:
                other = {"Alter": 88, "Komplettremission": "yes", "HER2": "0"}
                changed = dict(rows[what[0]])
                if what[1] == "Komplettremission" and changed[what[1]] == "yes":
                    changed[what[1]] = "no"
                elif what[1] == "HER2" and changed[what[1]] in {"0", "1+"}:
                    changed[what[1]] = "3+"
                else:
                    changed[what[1]] = other[what[1]]
                rows.append(changed)
            case "spaces":
                rows[what[0]][what[1]] = f"  {rows[what[0]].get(what[1], '')}\xa0"
            case "unit":
                column, factor = what[0]
                for row in rows:
                    if isinstance(row.get(column), int | float):
                        row[column] *= factor
            case "unit in the cell":
                if isinstance(rows[what[0]].get("Größe"), float):
                    rows[what[0]]["Größe"] = f"{rows[what[0]]['Größe']} mm"
            case "footer":
                rows.append(dict.fromkeys(hospital.COLUMNS, 0.5) | {"Fallnummer": what[0]})
            case "column gone":
                for row in rows:
                    row.pop(what[0], None)
            case "column twice":
                for row in rows:
                    if what[0] in row:
                        row[f"{what[0]} "] = row[what[0]]
            case "columns reversed":
                rows = [dict(reversed(row.items())) for row in rows]
            case "text":
                rows[what[0]][what[1]] = str(rows[what[0]].get(what[1], ""))
    return rows


def judge(tables: ImportedTables, damages: list[tuple[Any, ...]]) -> None:
    """Hold what came out against the truth."""
    blank = {f"{damage[1] + 1:04d}" for damage in damages if damage[0] == "cell" and damage[3] in BLANK}
    truth = {patient["id"]: patient for patient in hospital.TRUTH}
    general: list[Any] = [problem for problem in tables.problems if problem.patient is None]
    general += [problem for problem in tables.problems if problem.code in {"FC138", "FC148"}]
    general += [note for note in tables.notes if "without the optional columns" in note]
    told = {problem.patient for problem in tables.problems}
    assert set(tables.clinical.index) <= set(truth)
    first = tables.visits.set_index("patient_id")["longest_diameter_mm"]
    assert set(first.index) <= set(tables.clinical.index)
    for identifier, patient in truth.items():
        if identifier not in tables.clinical.index:
            assert identifier in told or general
            continue
        row = tables.clinical.loc[identifier]
        for name in (*VARIABLES, "longest_diameter_mm"):
            value = row[name] if name in VARIABLES else first.get(identifier, math.nan)
            if value is None or value != value:
                assert identifier in told or identifier in blank or general, f"{name} is missing in silence"
            elif isinstance(value, float):
                assert value == pytest.approx(patient[name]), name
            else:
                assert value == patient[name], name


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(damage, max_size=6), layouts)
def test_dirt_is_told(damages: list[tuple[Any, ...]], layout: tuple[str, str, str]) -> None:
    suffix, separator, encoding = layout
    table = dirty(hospital.rows(), damages)
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / f"export{suffix}"
        try:
            hospital.write(path, table, sep=separator, encoding=encoding)
        except UnicodeEncodeError:
            hospital.write(path, table, sep=separator)
        judge(read_tables([path], mappings=[hospital.write_mapping(Path(name))]), damages)
        proposed = guess(path)
        (Path(name) / "proposed.toml").write_text(proposed.columns_toml, encoding="utf-8")
        mapping, problems = read_mapping(Path(name) / "proposed.toml")
        assert (mapping is not None and not problems) or proposed.problems


@settings(max_examples=60, deadline=None)
@given(st.data(), st.sampled_from((",", ";")))
def test_broken_bytes_are_told(data: st.DataObject, separator: str) -> None:
    """Bytes are dropped, doubled or changed to marks that tables are made of."""
    with tempfile.TemporaryDirectory() as name:
        path = hospital.write(Path(name) / "export.csv", hospital.rows(), sep=separator)
        content = bytearray(path.read_bytes())
        for _ in range(data.draw(st.integers(1, 4))):
            at = data.draw(st.integers(0, len(content) - 1))
            # Only what breaks the table's form: a digit for a digit is a value that nobody can doubt.
            mark = data.draw(
                st.sampled_from((b'"', b"\n", b"\r", b"\0", b"\xff", b"\xa0", b'""', separator.encode() * 2))
            )
            content[at:at] = mark
        path.write_bytes(bytes(content))
        tables = read_tables([path], mappings=[hospital.write_mapping(Path(name))])
        if not tables.problems:
            judge(tables, [])


heads = st.sampled_from(
    (b"", b"PK\x03\x04", b"PAR1", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", b"\xff\xfe", b"\x09\x08")
)


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=400), st.sampled_from((".csv", ".xlsx", ".xls", ".parquet", ".tsv")), heads)
def test_any_bytes_are_a_problem_and_not_a_traceback(content: bytes, suffix: str, head: bytes) -> None:
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / f"export{suffix}"
        path.write_bytes(head + content)
        assert guess(path).problems
        tables = read_tables([path])
        assert any(problem.severity == "error" for problem in tables.problems)
        assert tables.clinical.empty
