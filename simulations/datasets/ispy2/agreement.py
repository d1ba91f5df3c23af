"""Hold the tables against each other: what two of them say about a patient must be the same."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations

import pandas as pd

from fedchemo.shared.errors import FedchemoError

# Ages are given in whole years here and with decimals there, rounded or cut off: below a year they agree.
_TOLERANCE = {"pcr": 0.5, "age_years": 1.0, "hr": 0.5, "her2": 0.5, "mammaprint": 0.5}
SHARED = tuple(_TOLERANCE)
"""The variables that every clinical table has."""


def require_agreement(tables: Mapping[str, pd.DataFrame]) -> None:
    """Check that no two tables contradict each other.

    Args:
        tables: a table's name -> its rows by patient, with the columns `SHARED`, NaN where missing.

    Raises:
        FedchemoError: FC704 with every contradiction: patient, variable, and what each table says.
    """
    found = [
        f"patient {patient}, {variable}: {left[variable][patient]:g} in {one}, {right[variable][patient]:g} in {other}"
        for (one, left), (other, right) in combinations(tables.items(), 2)
        for variable, tolerance in _TOLERANCE.items()
        for patient in _apart(left[variable], right[variable], tolerance)
    ]
    if found:
        raise FedchemoError("FC704", "; ".join(sorted(found)))


def _apart(left: pd.Series[float], right: pd.Series[float], tolerance: float) -> list[str]:
    both = left.index.intersection(right.index)
    differ = (left[both] - right[both]).abs() >= tolerance
    return [str(patient) for patient in both[differ]]
