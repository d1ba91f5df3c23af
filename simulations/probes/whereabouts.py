"""Who was treated where, and whose machine made the images: known to a study, not to the client."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from fedchemo.shared.errors import FedchemoError
from fedchemo.simulations.layout import SCANNERS


def whereabouts(folders: Sequence[Path]) -> pd.DataFrame:
    """Return ``site`` and ``vendor`` of each patient in virtual site folders, indexed by patient.

    Folders that no simulation laid out have no list of scanners; their patients are in no row.

    Raises:
        FedchemoError: FC002 if a list cannot be understood.
    """
    parts = [pd.DataFrame({"site": [], "vendor": []}, dtype=object)]
    for folder in folders:
        path = folder / SCANNERS
        if not path.is_file():
            continue
        try:
            table = pd.read_csv(path, dtype=str, index_col="patient_id", keep_default_na=False)
            vendor = table["vendor"]
        except (OSError, ValueError, KeyError) as error:
            raise FedchemoError(
                "FC002", f"{path}: is no list of scanners ({type(error).__name__})"
            ) from error
        parts.append(pd.DataFrame({"site": folder.name, "vendor": vendor}))
    return pd.concat(parts)
