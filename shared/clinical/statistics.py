"""Federated statistics: means and deviations over all sites, from each site's sums alone.

A site sends, for each variable, how many training patients have it, their sum and their sum of squares. A
variable known for fewer patients than the site's minimum is withheld. Sums are added with `math.fsum`, so the
pooled statistics do not depend on the order of the sites, to the bit.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field, model_validator

Name = Annotated[str, Field(max_length=80)]
_SETTINGS = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Moments(BaseModel):
    """One variable at one site: count, sum, and sum of squares."""

    model_config = _SETTINGS
    count: Annotated[int, Field(ge=0, le=10**9)]
    total: float
    squares: Annotated[float, Field(ge=0)]


class ClinicalStatistics(BaseModel):
    """Pooled mean and standard deviation of each clinical variable; kept with the model."""

    model_config = _SETTINGS
    names: tuple[Name, ...]
    means: tuple[float, ...]
    deviations: tuple[Annotated[float, Field(gt=0)], ...]
    counts: tuple[Annotated[int, Field(ge=0)], ...]

    @model_validator(mode="after")
    def _same_length(self) -> ClinicalStatistics:
        if not len(self.names) == len(self.means) == len(self.deviations) == len(self.counts) <= 256:
            msg = "names, means, deviations and counts must have the same length"
            raise ValueError(msg)
        return self


def moments(values: npt.NDArray[np.float64], *, minimum: int) -> tuple[Moments | None, ...]:
    """Return a site's moments of each column.

    Args:
        values: (patients, variables), NaN for missing.
        minimum: smallest count that may leave; below it the variable is None.
    """
    found: list[Moments | None] = []
    for column in values.T:
        known = column[~np.isnan(column)]
        if len(known) < minimum:
            found.append(None)
        else:
            found.append(Moments(count=len(known), total=math.fsum(known), squares=math.fsum(known**2)))
    return tuple(found)


def pool(names: tuple[str, ...], sites: Sequence[tuple[Moments | None, ...]]) -> ClinicalStatistics:
    """Return the statistics over all sites; a variable that no site sends, or that never varies, stays as it is."""
    means, deviations, counts = [], [], []
    for index in range(len(names)):
        sent = [found for site in sites if (found := site[index]) is not None]
        count = sum(item.count for item in sent)
        mean = math.fsum(item.total for item in sent) / count if count else 0.0
        variance = math.fsum(item.squares for item in sent) / count - mean**2 if count else 0.0
        # Rounding can leave a constant variable with a tiny variance of either sign.
        varies = variance > 1e-12 * max(1.0, mean**2)
        means.append(mean)
        deviations.append(math.sqrt(variance) if varies else 1.0)
        counts.append(count)
    return ClinicalStatistics(
        names=names, means=tuple(means), deviations=tuple(deviations), counts=tuple(counts)
    )
