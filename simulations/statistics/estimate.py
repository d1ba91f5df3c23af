"""What every function here returns: a figure, its 95 % interval, the patients behind it and the method."""

from __future__ import annotations

import math
from dataclasses import dataclass

from scipy.stats import t as student

from fedchemo.shared.metrics.interval import LEVEL, Interval


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure that can be printed in a paper.

    Attributes:
        interval: the figure and its 95 % interval.
        n: patients behind it.
        method: how it was computed, in words for a footnote.
    """

    interval: Interval
    n: int
    method: str

    @property
    def value(self) -> float:
        """The figure."""
        return self.interval.value

    @property
    def low(self) -> float:
        """The lower bound of its 95 % interval."""
        return self.interval.low

    @property
    def high(self) -> float:
        """The upper bound of its 95 % interval."""
        return self.interval.high

    @classmethod
    def of(cls, interval: Interval | None, *, n: int, method: str) -> Estimate | None:
        """Return the interval as an estimate; None stays None."""
        return None if interval is None else cls(interval, n, method)

    def plus(self, number: float, *, least: float = -math.inf, most: float = math.inf) -> Estimate:
        """Return the estimate moved by a number, cut to the range that it can take then."""
        low, high = max(least, self.low + number), min(most, self.high + number)
        return Estimate(Interval(self.value + number, low, high), self.n, self.method)

    def to_dict(self) -> dict[str, float | int | str]:
        """Return plain values, ready for JSON or a row of a table."""
        return {
            "value": self.value,
            "low": self.low,
            "high": self.high,
            "n": self.n,
            "method": self.method,
        }

    def __str__(self) -> str:
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"


@dataclass(frozen=True, slots=True)
class Contrast:
    """A difference (or any figure that is compared with a number) with its standard error.

    Attributes:
        estimate: the difference and its 95 % interval, value +- t * error.
        error: standard error.
        freedom: degrees of freedom of Student's t; infinite for the normal distribution.
        p: two-sided, of "there is no difference".
    """

    estimate: Estimate
    error: float
    freedom: float
    p: float

    @classmethod
    def of_error(
        cls,
        value: float,
        error: float,
        *,
        n: int,
        method: str,
        freedom: float = math.inf,
        least: float = -math.inf,
        most: float = math.inf,
    ) -> Contrast:
        """Return ``value`` with its interval from a standard error, cut to the range it can take."""
        low, high = bounds(value, error, freedom=freedom)
        interval = Interval(
            float(value), float(min(max(low, least), value)), float(max(min(high, most), value))
        )
        return cls(
            Estimate(interval, n, method), float(error), float(freedom), p_value(value, error, freedom)
        )


def bounds(
    value: float, error: float, *, freedom: float = math.inf, level: float = LEVEL
) -> tuple[float, float]:
    """Return ``value`` +- the quantile of Student's t that makes an interval of this level."""
    half = float(student.ppf(0.5 + level / 2, freedom)) * error
    return value - half, value + half


def p_value(value: float, error: float, freedom: float = math.inf) -> float:
    """Return the two-sided p of "it is 0"; without spread, 1 for nothing and 0 for anything else."""
    if error == 0:
        return 1.0 if value == 0 else 0.0
    return float(2 * student.sf(abs(value) / error, freedom))
