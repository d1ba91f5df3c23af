"""No identifier of the source is anywhere in a site folder, on the terminal or in a log: the real command, run apart.

Everything a hospital hands over is full of identifiers here: DICOM attributes of every text kind, nested and
private ones, NIfTI headers and extensions, names of files and folders, identifiers and free text in the table. What
goes wrong is full of them as well, since messages are where they leak.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pydicom
import pytest

from fedchemo.client.cohort import read_site
from tests.client.importing.site.planted import (
    NEEDLES,
    WORDS,
    found_below,
    found_in,
    write_nifti,
    write_study,
)

COLUMNS = """
title = "a hospital's export"

[identifier]
column = "MRNXQ number"
join = "last-digits"
digits = 6

[clinical]
pcr = { column = "pcr" }
age_years = { column = "age" }
hr = { column = "hr" }
race = { column = "race" }
arm = { column = "arm" }
tumour_volume_cc = { column = "volume", unit = "cm3" }
"""
BAD = 900_004
PATIENTS = tuple(range(900_001, 900_011))


@dataclass(frozen=True)
class Ran:
    """What a command gave."""

    status: int
    out: str
    err: str


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """Ten patients: five with DICOM, one of these truncated and one mixed with another; two with NIfTI; one alone."""
    folder = tmp_path_factory.mktemp("pacs")
    for number in PATIENTS[:5]:
        write_study(
            folder / "images" / f"{WORDS[1]} {number}" / "scan",
            f"MRNXQ-{number}",
            seed=number,
            full=number == PATIENTS[0],
        )
    damaged = sorted((folder / "images" / f"{WORDS[1]} {PATIENTS[1]}" / "scan").iterdir())[5]
    damaged.write_bytes(damaged.read_bytes()[:-300])
    # One slice of another patient among them.
    stray = pydicom.dcmread(min((folder / "images" / f"{WORDS[1]} {PATIENTS[2]}" / "scan").iterdir()))
    stray.PatientID, stray.SOPInstanceUID = "MRNXQ-nobody", pydicom.uid.generate_uid()
    stray.save_as(folder / "images" / f"{WORDS[1]} {PATIENTS[2]}" / "scan" / "Zorblatt stray.dcm")
    write_study(folder / "images" / "not in the table", "MRNXQ-955555", seed=1)
    for number in PATIENTS[5:7]:
        write_nifti(folder / "images" / f"MRNXQ_{WORDS[0]}_{number}" / "T0", seed=number)
    (folder / "images" / f"{WORDS[0]} letter.pdf").write_bytes(b"%PDF Zorblatt")
    (folder / "images" / f"{WORDS[0]}.dcm").write_bytes(b"")
    rows = ["MRNXQ number,name,pcr,age,hr,race,arm,volume,notes"]
    for number in PATIENTS:
        pcr = WORDS[0] if number == BAD else number % 2
        arm = f"MRNXQ-{number}" if number == PATIENTS[4] else "Paclitaxel"
        notes = f"{WORDS[2]} 1957-03-29 2003-11-27 29.03.1957"
        rows.append(
            f"MRNXQ-{number},{' '.join(WORDS)},{pcr},50,1,{'Quyxveld' if number == BAD + 1 else 'White'},{arm},,{notes}"
        )
    (folder / "table.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    (folder / "columns.toml").write_text(COLUMNS)
    return folder


def run(source: Path, out: Path, *options: str) -> Ran:
    command = "from fedchemo.shared.command import main; main()"
    arguments = ["--images", "images", "--table", "table.csv", "--columns", "columns.toml", "--workers", "2"]
    arguments += ["--out", str(out), "--state", f"{out}-state", *options]
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            command,
            "data",
            "import",
            *arguments,
            "--out",
            str(out),
            "--state",
            f"{out}-state",
            *options,
        ],
        cwd=source,
        capture_output=True,
        text=True,
        timeout=180,
        env={**os.environ, "COLUMNS": "400"},
        check=False,
    )
    assert "Traceback" not in done.stderr
    return Ran(done.returncode, done.stdout, done.stderr)


@pytest.fixture(scope="module")
def imported(source, tmp_path_factory):
    """The site folder, its state folder, the crosswalk, and what the command printed."""
    folder = tmp_path_factory.mktemp("made")
    ran = run(source, folder / "NORTH", "--crosswalk", str(folder / "who.csv"))
    assert ran.status == 0, ran.err
    return folder, ran


@pytest.fixture(scope="module")
def identifiers(source):
    """Everything that must not be found: planted words, identifiers, and the UIDs of every file."""
    needles = {*NEEDLES, *(str(number) for number in PATIENTS), "955555"}
    for path in source.rglob("*.dcm"):
        if path.stat().st_size > 1000:
            tags = ["SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID"]
            header = pydicom.dcmread(path, specific_tags=tags, force=True)
            needles |= {
                str(header.SOPInstanceUID),
                str(header.StudyInstanceUID),
                str(header.SeriesInstanceUID),
            }
    return needles


def test_the_search_finds_them_where_they_are(source, imported, identifiers):
    folder, _ = imported
    images = found_below(source / "images", NEEDLES)
    everywhere = set().union(*images.values())
    assert everywhere == set(NEEDLES) - {"1957-03-29", "2003-11-27", "29.03.1957"}
    assert found_in((source / "table.csv").read_bytes(), NEEDLES) >= {
        "1957-03-29",
        "2003-11-27",
        "29.03.1957",
    }
    # Once inside a packed NIfTI and once in a name of a folder.
    assert any(place.endswith("pre.nii.gz") and "Quyxveld" in found for place, found in images.items())
    report = (folder / "NORTH-state" / "import" / "report.json").read_bytes()
    assert found_in(report, identifiers) >= {"Zorblatt", "Quyxveld", "MRNXQ", "900001"}
    assert found_in((folder / "who.csv").read_bytes(), identifiers) >= {"MRNXQ", "900001"}


def test_patients_were_imported_and_set_aside_so_that_there_is_something_to_search(imported):
    folder, ran = imported
    cohort = read_site(folder / "NORTH")
    assert len(cohort.clinical) == 9
    assert len(cohort.images) >= 4
    report = json.loads((folder / "NORTH-state" / "import" / "report.json").read_text())
    assert report["not_taken"]
    assert report["set_aside"]
    assert report["burned_in"]
    assert "PatientName" in ran.out
    assert cohort.clinical["arm"].value_counts().to_dict() == {"Paclitaxel": 8}


def test_no_identifier_is_in_the_site_folder(source, imported, identifiers):
    folder, _ = imported
    assert found_below(folder / "NORTH", identifiers) == {}


def test_no_identifier_is_on_the_terminal(source, imported, identifiers):
    _, ran = imported
    assert found_in((ran.out + ran.err).encode(), identifiers) == set()


def test_no_identifier_is_in_the_state_folder_but_in_the_report(source, imported, identifiers):
    folder, _ = imported
    found = found_below(folder / "NORTH-state", identifiers)
    assert set(found) == {"import/report.json"}


def test_nothing_of_a_header_is_left_but_geometry(imported):
    import gzip

    folder, _ = imported
    for path in (folder / "NORTH").rglob("*.nii.gz"):
        packed = path.read_bytes()
        # No name and no time in the gzip header (RFC 1952), and no text or extension in NIfTI's.
        assert packed[3:8] == b"\0\0\0\0\0"
        whole = gzip.decompress(packed)
        assert whole[348:352] == b"\0\0\0\0"
        assert set(whole[4:38]) == set(whole[148:252]) == set(whole[328:344]) == {0}


@pytest.mark.parametrize("options", [("--json", "--early-s", "90"), ("--json", "--name", "other")])
def test_nor_does_a_second_import_tell(source, imported, identifiers, options):
    folder, _ = imported
    ran = run(source, folder / "NORTH", *options)
    assert (ran.status == 0) == ("--name" not in options)
    assert found_in((ran.out + ran.err).encode(), identifiers) == set()
    assert found_below(folder / "NORTH", identifiers) == {}


def test_errors_of_refused_imports_tell_nothing(source, identifiers, tmp_path):
    (tmp_path / "one-class.csv").write_text((source / "table.csv").read_text().replace(",0,50", ",1,50"))
    ran = run(source, tmp_path / "SOUTH", "--table", str(tmp_path / "one-class.csv"))
    assert found_in((ran.out + ran.err).encode(), identifiers) == set()
    assert ran.status != 0
    assert "FC156" in ran.err
    assert not (tmp_path / "SOUTH").exists()


def test_with_a_word_the_sources_are_shown(source, imported, identifiers):
    folder, _ = imported
    shown = run(source, folder / "NORTH", "--show-sources")
    assert "MRNXQ" in shown.out
    assert "MRNXQ" in json.dumps(
        json.loads(run(source, folder / "NORTH", "--show-sources", "--json").out)["sources"]
    )
