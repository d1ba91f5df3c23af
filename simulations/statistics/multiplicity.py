"""Many comparisons: Holm's step-down correction."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def holm(p_values: Sequence[float]) -> tuple[float, ...]:
    """Return the p values corrected for their number (Holm, Scandinavian Journal of Statistics 6:65, 1979).

    The chance of a single false finding among them all stays below the level that a corrected p is held
    against, however the comparisons depend on each other.

    Raises:
        ValueError: if one is not within 0 and 1.
    """
    given = np.asarray(p_values, dtype=np.float64)
    if not np.all((given >= 0) & (given <= 1)):
        msg = f"a p value lies within 0 and 1, not {p_values}"
        raise ValueError(msg)
    order = np.argsort(given, kind="stable")
    stepped = np.maximum.accumulate(given[order] * np.arange(len(given), 0, -1))
    corrected = np.empty_like(given)
    corrected[order] = np.minimum(stepped, 1.0)
    return tuple(float(p) for p in corrected)
