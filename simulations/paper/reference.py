"""Where the data and the published values lie: third-party files, which no copy of this program holds."""

from __future__ import annotations

import os
from pathlib import Path

from fedchemo.shared.errors import FedchemoError


def find() -> Path:
    """Return the folder that FEDCHEMO_REFERENCE names, or the one called reference beside FEDCHEMO_REALDATA.

    Raises:
        FedchemoError: FC002 if there is none.
    """
    named, data = os.environ.get("FEDCHEMO_REFERENCE"), os.environ.get("FEDCHEMO_REALDATA")
    beside = Path(data).resolve().parent / "reference" if data else None
    folder = Path(named) if named else beside
    if folder is None or not (folder / "heart_disease").is_dir():
        raise FedchemoError(
            "FC002",
            "FEDCHEMO_REFERENCE names no folder with heart_disease/ and fed_heart_disease_published.json",
        )
    return folder
