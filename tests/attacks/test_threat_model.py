"""The threat model and the tests of attacks name each other."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
MODEL = ROOT / "deploy" / "THREAT_MODEL.md"
NAMED = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")


def rows(heading: str) -> list[list[str]]:
    """Return the cells of each row of the table under a heading, without its first two lines."""
    section = MODEL.read_text().split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def functions(path: str) -> dict[str, str]:
    """Return the tests in a file: name -> source, decorators included."""
    source = (ROOT / path).read_text()
    lines = source.splitlines()
    found = {}
    for node in ast.parse(source).body:
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
            found[node.name] = "\n".join(lines[first - 1 : node.end_lineno])
    return found


TRIED, GAPS = rows("What is tried"), rows("Known gaps")


@pytest.mark.parametrize("row", [*TRIED, *GAPS], ids=lambda row: row[1])
def test_every_line_names_a_test_that_there_is(row):
    assert len(row) == 4
    named = NAMED.fullmatch(row[3])
    assert named, "the last cell is one test"
    assert named[2] in functions(named[1])


def test_every_module_of_attacks_is_in_the_table():
    named = {path for path, _ in NAMED.findall(MODEL.read_text())}
    modules = {
        str(path.relative_to(ROOT))
        for path in Path(__file__).parent.glob("test_*.py")
        if path != Path(__file__)
    }
    assert modules <= named


def test_the_gaps_are_those_that_the_tests_expect():
    gaps = {row[3].strip("`") for row in GAPS}
    expected = {
        f"{path.relative_to(ROOT)}::{name}"
        for path in Path(__file__).parent.glob("test_*.py")
        if path != Path(__file__)
        for name, source in functions(str(path.relative_to(ROOT))).items()
        if "xfail" in source or "=KNOWN" in source
    }
    assert gaps == expected


def test_every_attacker_of_the_text_is_in_the_table():
    attackers = {attacker.strip() for row in TRIED for attacker in row[0].split(",")}
    assert attackers >= {
        "stranger",
        "coordinator",
        "another site",
        "network",
        "thief",
        "revoked member",
        "insider",
    }
    assert "holder of the CA certificate" in attackers
