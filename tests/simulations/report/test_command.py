"""`fedchemo report`: what it writes, where, and what it refuses."""

from __future__ import annotations

import pytest
import typer
from typer.testing import CliRunner

from fedchemo.shared.errors import FedchemoError
from fedchemo.simulations.report.command import report


@pytest.fixture
def invoke():
    app = typer.Typer()
    app.command()(report)
    return lambda *arguments: CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_writes_page_figures_and_card_beside_a_folder_that_is_only_read(invoke, simulated, tmp_path):
    before = {path.name for path in simulated.iterdir()}
    found = invoke(simulated, "--out", tmp_path / "out")
    assert found.exit_code == 0, found.output
    assert {path.name for path in simulated.iterdir()} == before
    written = {path.name for path in (tmp_path / "out").iterdir()}
    assert written == {"report.html", "model_card.md", "figures"}
    assert {path.suffix for path in (tmp_path / "out" / "figures").iterdir()} == {".svg", ".png"}
    size = (tmp_path / "out" / "report.html").stat().st_size
    assert size < 7_000_000
    assert f"{size / 1e6:.1f} MB" in found.output


def test_another_folder_is_refused(invoke, tmp_path):
    found = invoke(tmp_path)
    assert isinstance(found.exception, FedchemoError)
    assert found.exception.code == "FC781"
    assert not (tmp_path / "report.html").exists()
