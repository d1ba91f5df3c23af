"""A figure with its 95 % interval, and the bootstrap over patients for figures without a formula."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from fedchemo.shared.metrics.scores import Labels, Vector

LEVEL = 0.95
Z = NormalDist().inv_cdf(0.5 + LEVEL / 2)
"""Half-width of a 95 % interval in standard errors, 1.96."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A figure and the bounds of its 95 % confidence interval; all three are finite.

    Raises:
        ValueError: if a bound is not finite or the bounds are swapped: an unknown figure is None, never NaN.
    """

    value: float
    low: float
    high: float

    def __post_init__(self) -> None:
        if not all(math.isfinite(number) for number in (self.value, self.low, self.high)):
            msg = f"an interval is finite, not {self.value} [{self.low}, {self.high}]"
            raise ValueError(msg)
        if self.low > self.high:
            msg = f"the bounds {self.low} and {self.high} are swapped"
            raise ValueError(msg)

    @classmethod
    def normal(
        cls, value: float, error: float, *, least: float = -math.inf, most: float = math.inf
    ) -> Interval:
        """Return ``value`` +- 1.96 standard errors, cut to the range the figure can take."""
        return cls(float(value), float(max(least, value - Z * error)), float(min(most, value + Z * error)))

    def excludes(self, number: float) -> bool:
        """Return whether ``number`` lies outside the interval."""
        return not self.low <= number <= self.high


def wilson(events: int, trials: int) -> Interval | None:
    """Return a proportion with Wilson's score interval (JASA 22:209, 1927); None without trials."""
    if trials == 0:
        return None
    share = events / trials
    centre = (events + Z**2 / 2) / (trials + Z**2)
    half = Z / (trials + Z**2) * math.sqrt(trials * share * (1 - share) + Z**2 / 4)
    # At 0 and at all events the bound is the share itself, which rounding may miss by a hair.
    return Interval(share, max(0.0, min(share, centre - half)), min(1.0, max(share, centre + half)))


def bootstrap(
    statistic: Callable[[Vector, Labels], float | None],
    probabilities: Vector,
    labels: Labels,
    *,
    generator: np.random.Generator,
    resamples: int = 1000,
) -> Interval | None:
    """Return a statistic with its percentile interval over resampled patients.

    Patients are drawn with replacement within each class, so each resample keeps the number of pCR.

    Args:
        statistic: of (probabilities, labels); None where it is undefined.
        probabilities: (n,).
        labels: (n,) booleans.
        generator: a derived stream; the same stream gives the same interval.
        resamples: how many.

    Returns:
        None if the statistic is undefined here, or on more than 5 % of the resamples: the percentiles of
        the others would describe another question.
    """
    value = statistic(probabilities, labels)
    if value is None:
        return None
    positives, negatives = np.flatnonzero(labels), np.flatnonzero(~labels)
    found = []
    for _ in range(resamples):
        drawn = np.concatenate(
            [
                generator.choice(positives, size=len(positives)) if len(positives) else positives,
                generator.choice(negatives, size=len(negatives)) if len(negatives) else negatives,
            ]
        )
        resampled = statistic(probabilities[drawn], labels[drawn])
        if resampled is not None:
            found.append(resampled)
    if len(found) < LEVEL * resamples:
        return None
    low, high = np.quantile(found, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(float(value), float(low), float(high))
