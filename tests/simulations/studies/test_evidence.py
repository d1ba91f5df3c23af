"""What is kept of a study as evidence is aggregated: no file names a patient or holds a row for one."""

from __future__ import annotations

import tomllib

import pandas as pd
import pytest
from rich.console import Console

from fedchemo.shared.errors import FedchemoError
from fedchemo.simulations.studies import evidence
from fedchemo.simulations.studies.settings import ready_studies

STUDY = """
name = "kept"
question = "Is it?"
seeds = [0]
references = ["pooled"]
[data]
patients = 160
sites = 2
minimum_patients = 10
[run]
rounds = 1
site = { imaging = { enabled = false } }
"""


def test_every_study_of_the_evidence_is_ready():
    assert set(evidence.EVIDENCE) <= set(ready_studies())


def test_only_aggregated_figures_are_kept(tmp_path, monkeypatch):
    file = tmp_path / "kept.toml"
    file.write_text(STUDY)
    monkeypatch.setattr(evidence, "ready_studies", lambda: {"kept": file})
    folder, out = tmp_path / "runs", tmp_path / "results"
    evidence.keep("kept", folder, out, None, 1, Console(quiet=True))
    patients = set(pd.read_parquet(folder / "predictions.parquet")["patient"])
    kept = {path.name: path.read_text() for path in out.iterdir()}
    assert {"estimates.csv", "comparisons.csv", "findings.txt", "study.toml", "cost.toml"} <= set(kept)
    assert not any(path.suffix == ".parquet" or path.is_dir() for path in out.iterdir())
    assert not any(patient in text for text in kept.values() for patient in patients)
    cost = tomllib.loads(kept["cost.toml"])
    assert cost["runs"] == 2
    assert cost["cpu_seconds"] > 0


def test_a_study_that_is_not_ready_is_refused(tmp_path):
    with pytest.raises(FedchemoError, match="ispy2-by-site"):
        evidence.keep("none", tmp_path / "runs", tmp_path / "out", None, 1, Console(quiet=True))
