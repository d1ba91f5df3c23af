"""The bootstrap over patients or over sites, as counts: how often each patient stands in each resample.

A statistic that takes counts (see `fedchemo.simulations.statistics.weighted`) is computed for hundreds of
resamples in one matrix operation, and any number of models see the same resamples: paired by construction.

Draws follow the order of the patients, so give them sorted by identifier: then the same seed gives the same
interval whatever file they came from.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from fedchemo.shared.metrics.interval import LEVEL, Interval
from fedchemo.shared.metrics.scores import Vector
from fedchemo.simulations.statistics.estimate import Estimate

Counts = npt.NDArray[np.float64]
"""How often each patient stands in each resample, (resamples, n)."""
Statistic = Callable[[Counts], Vector]
"""Counts (resamples, n) to figures (resamples,) or (resamples, k); NaN where a figure is undefined."""
RESAMPLES = 2000
"""A 2.5 % percentile rests on 50 resamples then: the bound itself errs by about a twentieth of the width."""
# A chunk of counts takes 16 MB: in the cache's reach, and the same on every machine, so draws do not depend on it.
CELLS = 2_000_000


class Resampling(Protocol):
    """How patients are drawn."""

    @property
    def units(self) -> int:
        """What is drawn: patients, or sites."""

    @property
    def patients(self) -> int:
        """How many patients there are."""

    @property
    def words(self) -> str:
        """The method, for a footnote."""

    def draw(self, generator: np.random.Generator, resamples: int) -> Counts:
        """Return counts, (resamples, n)."""


@dataclass(frozen=True, eq=False)
class ByPatient:
    """Patients drawn with replacement within each stratum, so that each resample keeps its size.

    Attributes:
        strata: (n,), as a rule the outcomes; each value is a stratum.
    """

    strata: npt.NDArray[np.generic]

    @property
    def units(self) -> int:
        """The patients."""
        return len(self.strata)

    @property
    def patients(self) -> int:
        """How many."""
        return len(self.strata)

    @property
    def words(self) -> str:
        """For a footnote."""
        return "bootstrap over patients, stratified"

    def draw(self, generator: np.random.Generator, resamples: int) -> Counts:
        """Return counts, (resamples, n)."""
        counts = np.zeros((resamples, len(self.strata)))
        _, codes = np.unique(self.strata, return_inverse=True)
        for stratum in range(int(codes.max(initial=-1)) + 1):
            members = np.flatnonzero(codes == stratum)
            counts[:, members] = _multiplicities(generator, resamples, len(members))
        return counts


@dataclass(frozen=True, eq=False)
class BySite:
    """Whole sites drawn with replacement: the question is another set of hospitals, not of patients.

    Field & Welsh (JRSS-B 69:369, 2007). With fewer than some ten sites its intervals are too narrow.

    Attributes:
        sites: (n,) names.
    """

    sites: npt.NDArray[np.generic]

    @property
    def units(self) -> int:
        """The sites."""
        return len(np.unique(self.sites))

    @property
    def patients(self) -> int:
        """How many."""
        return len(self.sites)

    @property
    def words(self) -> str:
        """For a footnote."""
        return f"bootstrap over {self.units} sites"

    def draw(self, generator: np.random.Generator, resamples: int) -> Counts:
        """Return counts, (resamples, n)."""
        _, codes = np.unique(self.sites, return_inverse=True)
        return _multiplicities(generator, resamples, self.units)[:, codes]


def draws(
    statistic: Statistic,
    resampling: Resampling,
    *,
    generator: np.random.Generator,
    resamples: int = RESAMPLES,
) -> Vector:
    """Return the statistic on every resample, (resamples,) or (resamples, k).

    Args:
        statistic: of counts.
        resampling: how patients are drawn.
        generator: a derived stream; the same stream gives the same figures.
        resamples: how many.
    """
    step = max(1, CELLS // max(1, resampling.patients))
    parts = [
        statistic(resampling.draw(generator, min(step, resamples - start)))
        for start in range(0, resamples, step)
    ]
    return np.concatenate(parts)


def observed(statistic: Statistic, patients: int) -> Vector:
    """Return the statistic on the patients as they are, a number () or (k,)."""
    return np.asarray(statistic(np.ones((1, patients)))[0])


def percentile(value: float, found: Vector) -> Interval | None:
    """Return a value with the percentiles of its resamples.

    Returns:
        None where the value, or more than 5 % of the resamples, is undefined: the percentiles of the others
        would describe another question.
    """
    known = found[np.isfinite(found)]
    if not np.isfinite(value) or len(known) < LEVEL * len(found) or len(known) == 0:
        return None
    low, high = np.quantile(known, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(float(value), float(low), float(high))


def bootstrap(
    statistic: Statistic,
    resampling: Resampling,
    *,
    generator: np.random.Generator,
    resamples: int = RESAMPLES,
) -> Estimate | None:
    """Return a figure with its percentile interval (Efron & Tibshirani 1993, ch. 13).

    Args:
        statistic: one figure of counts, (resamples, n) to (resamples,).
        resampling: `ByPatient` or `BySite`.
        generator: a derived stream.
        resamples: how many.

    Returns:
        None as `percentile`.
    """
    value = float(observed(statistic, resampling.patients))
    found = draws(statistic, resampling, generator=generator, resamples=resamples)
    return Estimate.of(percentile(value, found), n=resampling.patients, method=resampling.words)


def _multiplicities(generator: np.random.Generator, resamples: int, units: int) -> Counts:
    """Return how often each of ``units`` is drawn in ``units`` draws with replacement, (resamples, units)."""
    drawn = generator.integers(0, units, size=(resamples, units))
    drawn += np.arange(resamples)[:, None] * units
    counts = np.bincount(drawn.ravel(), minlength=resamples * units)
    return counts.reshape(resamples, units).astype(np.float64)
