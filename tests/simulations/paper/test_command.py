"""`python -m fedchemo.simulations.paper` where the data is not there, and runs side by side where it is."""

import sys

import pytest

from fedchemo.simulations.paper.__main__ import main
from fedchemo.simulations.paper.side_by_side import run_side_by_side
from fedchemo.simulations.paper.table import TEST_SETS, run


def test_without_the_data_it_says_so_by_number_and_writes_nothing(monkeypatch, capsys, tmp_path):
    for name in ("FEDCHEMO_REFERENCE", "FEDCHEMO_REALDATA"):
        monkeypatch.delenv(name, raising=False)
    out = tmp_path / "table.csv"
    monkeypatch.setattr(sys, "argv", ["paper", "--out", str(out)])
    assert main() == 1
    said = capsys.readouterr().out
    assert "FC002" in said
    assert "FEDCHEMO_REFERENCE" in said
    assert not out.exists()


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_a_process_of_its_own_gives_the_same_table(made_files, made):
    [(job, rows)] = run_side_by_side(made_files, [("local2", 42)], workers=1)
    assert job == ("local2", 42)
    assert rows == run(made, "local2", 42)
    assert [row.test_set for row in rows] == list(TEST_SETS)
