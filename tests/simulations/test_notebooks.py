"""The notebooks run from top to bottom as they stand in the repository, and hold no outputs there."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

import fedchemo.simulations.notebooks as room

pytestmark = pytest.mark.slow

FOLDER = Path(str(room.__file__)).parent
NOTEBOOKS = ("preprocessing", "training", "evaluation", "biomarkers")


def read(name):
    return nbformat.read(FOLDER / f"{name}.ipynb", as_version=4)


def executed(name, folder, monkeypatch):
    """Return the outputs of a notebook's cells, in a kernel that leaves nothing in the user's home."""
    for variable in ("IPYTHONDIR", "JUPYTER_RUNTIME_DIR", "TMPDIR"):
        (folder / variable).mkdir(exist_ok=True)
        monkeypatch.setenv(variable, str(folder / variable))
    notebook = read(name)
    NotebookClient(
        notebook, timeout=280, kernel_name="python3", resources={"metadata": {"path": str(folder)}}
    ).execute()
    return [output for cell in notebook.cells for output in cell.get("outputs", [])]


def figures(outputs):
    return sum("image/png" in output.get("data", {}) for output in outputs)


def text(outputs):
    parts = [output.get("text", "") + output.get("data", {}).get("text/plain", "") for output in outputs]
    return "\n".join(parts)


@pytest.mark.parametrize(
    ("name", "drawn", "said"),
    [
        ("preprocessing", 3, "30 examinations, 0 with a fault"),
        ("training", 1, "tell 3 vendors apart"),
        ("evaluation", 1, "federated less site01 alone"),
        ("biomarkers", 2, "interaction: chi-square"),
    ],
)
def test_runs_on_the_synthetic_cohort(name, drawn, said, tmp_path, monkeypatch):
    monkeypatch.delenv("FEDCHEMO_REALDATA", raising=False)
    outputs = executed(name, tmp_path, monkeypatch)
    assert figures(outputs) == drawn
    assert said in text(outputs)


@pytest.mark.realdata
def test_biomarkers_over_the_visits_of_ispy2(realdata, tmp_path, monkeypatch):
    monkeypatch.setenv("FEDCHEMO_REALDATA", str(realdata))
    said = text(executed("biomarkers", tmp_path, monkeypatch))
    assert "synthetic" not in said
    assert "log FTV at T2 over T0" in said


def test_there_is_no_other_notebook():
    assert {path.stem for path in FOLDER.glob("*.ipynb")} == set(NOTEBOOKS)


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_is_kept_without_outputs(name):
    """Outputs would carry pictures of patients and paths of whoever ran it last into the repository."""
    code = [cell for cell in read(name).cells if cell.cell_type == "code"]
    assert all(cell.outputs == [] and cell.execution_count is None for cell in code)
