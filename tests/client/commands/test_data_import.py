"""``fedchemo data import`` from its options to a site folder, a summary or JSON, and its errors."""

from __future__ import annotations

import json

import pytest

from fedchemo.client.cohort import read_site
from fedchemo.shared.command import main
from tests.client.importing.site.made import write_examination


@pytest.fixture
def hospital(tmp_path):
    """A table of our own columns and three patients with images, one of them broken."""
    rows = [f"P{number},{number % 2},5{number},1,0" for number in range(6)]
    (tmp_path / "table.csv").write_text("\n".join(["patient_id,pcr,age_years,hr,her2", *rows]) + "\n")
    for number in range(3):
        write_examination(tmp_path / "images" / f"P{number}" / "T0", seed=number)
    late = tmp_path / "images" / "P2" / "T0" / "late.nii.gz"
    late.write_bytes(late.read_bytes()[:-30])
    return tmp_path


@pytest.fixture
def command(hospital, capsys, monkeypatch):
    """Run ``fedchemo data import``; return its status, standard output and standard error."""
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr("logging.disable", lambda level: None)

    def run(*options, out="NORTH"):
        arguments = [
            "data",
            "import",
            "--table",
            str(hospital / "table.csv"),
            "--state",
            str(hospital / "state"),
        ]
        if out:
            arguments += ["--out", str(hospital / out)]
        with pytest.raises(SystemExit) as ended:
            main([*arguments, *options])
        told = capsys.readouterr()
        assert "Traceback" not in told.out + told.err
        return ended.value.code, told.out, told.err

    return run


def test_a_site_folder_and_a_summary(command, hospital):
    status, out, _ = command("--images", str(hospital / "images"), "--workers", "1")
    assert status == 0
    assert len(read_site(hospital / "NORTH").images) == 2
    for words in (
        "6: pCR 3, no pCR 3",
        "2 (examinations: T0 2)",
        "Examinations not taken: 1",
        "FC202",
        "fedchemo data validate",
        "report.json",
    ):
        assert words in out
    assert "P2" not in out


def test_json(command, hospital):
    status, out, _ = command("--images", str(hospital / "images"), "--json", "--dataset", "trial")
    found = json.loads(out)
    assert status == 0
    assert (found["site"], found["dataset"], found["patients"], found["with_images"]) == (
        "NORTH",
        "trial",
        6,
        2,
    )
    assert found["not_taken"][0]["code"] == "FC202"
    assert found["not_taken"][0]["patient"].startswith("P-")
    assert "sources" not in found


def test_sources_with_a_word(command, hospital):
    _, out, _ = command("--images", str(hospital / "images"), "--show-sources")
    assert str(hospital / "images" / "P2" / "T0") in out


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (("--images", "nowhere"), "FC002"),
        (("--table", "nowhere.csv"), "FC002"),
        (("--early-s", "500"), "FC001"),
        (("--columns", "nowhere.toml"), "FC134"),
    ],
)
def test_errors_have_a_status_and_a_code(command, hospital, options, code):
    status, _, err = command(*options)
    assert status != 0
    assert code in err
    assert not (hospital / "NORTH").exists()


def test_out_is_needed(command):
    status, _, err = command(out=None)
    assert status != 0
    assert "--out" in err


def test_a_mapping_is_proposed_shown_and_written(command, hospital):
    (hospital / "table.csv").write_text(
        "Patient;Age (years);HER2 status;pCR\nA1;51;neg;yes\nA2;44;pos;no\nA3;61;neg;no\n"
    )
    target = hospital / "columns.toml"
    status, out, _ = command("--guess", str(target), out=None)
    assert status == 0
    assert "age_years" in out
    assert 'column = "pCR"' in target.read_text()
    assert command("--guess", str(target), out=None)[0] != 0
    status, _, _ = command("--columns", str(target))
    assert status == 0
    assert len(read_site(hospital / "NORTH").clinical) == 3
