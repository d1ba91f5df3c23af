"""`fedchemo study` on the command line: quick to say what it can, and refusals without a traceback."""

from __future__ import annotations

from typer.testing import CliRunner

from fedchemo.shared.errors import FedchemoError
from fedchemo.simulations.studies.command import study


def test_lists_ready_studies_with_their_questions():
    found = CliRunner().invoke(study, ["ready"])
    assert found.exit_code == 0
    assert "ispy2-by-site" in found.output
    assert "Does federation help" in found.output


def test_a_study_that_needs_data_says_so_before_it_writes(tmp_path):
    found = CliRunner().invoke(study, ["run", "ispy2-by-site", "--out", str(tmp_path / "out")])
    assert isinstance(found.exception, FedchemoError)
    assert found.exception.code == "FC001"
    assert "--data" in str(found.exception)
    assert not (tmp_path / "out").exists()
