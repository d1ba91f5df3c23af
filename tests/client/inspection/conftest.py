"""A site with images and one bad case, and the page on it."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from fedchemo.client.inspection import inspect_site
from tests.sites import write_site

PATIENTS, IMAGED = 40, 12


@pytest.fixture(scope="session")
def site(tmp_path_factory) -> Path:
    """Forty patients, twelve with images, one of whose is damaged; markup in a text cell."""
    folder = write_site(tmp_path_factory.mktemp("inspection"), "NORTH", patients=PATIENTS, images=IMAGED)
    (folder / "images" / "NORTH-003" / "T0" / "late.nii.gz").write_bytes(b"torn")
    table = pd.read_csv(folder / "clinical.csv", dtype=str, keep_default_na=False)
    table["arm"] = ["<script>alert(1)</script>", *["A & B", "C"] * 20][: len(table)]
    table["race"] = ["https://example.org", *["x"] * 39]
    table.to_csv(folder / "clinical.csv", index=False)
    visits = pd.DataFrame({"patient_id": table["patient_id"][:30], "visit": ["T0", "T1"] * 15})
    visits["ftv_cc"] = [1.5 + number for number in range(30)]
    visits.to_csv(folder / "visits.csv", index=False)
    return folder


@pytest.fixture(scope="session")
def state(tmp_path_factory) -> Path:
    """What an import keeps: two scanners, and a patient who is not in the site folder."""
    folder = tmp_path_factory.mktemp("state")
    (folder / "import").mkdir()
    examinations = [
        {
            "pseudonym": f"NORTH-{number:03d}",
            "visit": "T0",
            "patient": "SECRET-NAME",
            "times_s": [140, 440],
            "scanner": {
                "manufacturer": "MADE",
                "model": ["Alpha", "Beta"][number % 3 == 0],
                "field_strength_t": 1.5,
            },
        }
        for number in range(IMAGED)
    ]
    examinations.append({"pseudonym": "NORTH-999", "visit": "T0", "scanner": {}})
    (folder / "import" / "report.json").write_text(json.dumps({"examinations": examinations}))
    return folder


@pytest.fixture(scope="session")
def page(site, state) -> str:
    """The page on the site."""
    return inspect_site(site, state=state, workers=2)[0]
