"""Is one method as good as another? A margin, stated before the figures are seen, turns that into a test.

A difference that was not detected is not equality: the sample may only have been small. Two one-sided tests
(Schuirmann, Journal of Pharmacokinetics 15:657, 1987) ask whether the difference can be shown to lie within
the margin on both sides; non-inferiority asks only that the first is not worse by the margin (Piaggio et al.,
JAMA 308:2594, 2012).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from scipy.stats import t as student

from fedchemo.simulations.statistics.estimate import Contrast, bounds

LEVEL = 0.05


class Verdict(StrEnum):
    """What a difference and a margin say together."""

    EQUIVALENT = "equivalent"
    NOT_WORSE = "not worse"
    WORSE = "worse"
    BETTER = "better"
    OPEN = "open"


@dataclass(frozen=True)
class Equivalence:
    """A difference held against a margin.

    Attributes:
        contrast: first less second; a positive difference is good for the first.
        margin: what would matter, above 0.
        p_not_worse: of "the first is worse by the margin or more", one-sided.
        p_not_better: of "the first is better by the margin or more", one-sided.
        low: lower bound of the 90 % interval, which decides.
        high: its upper bound.
    """

    contrast: Contrast
    margin: float
    p_not_worse: float
    p_not_better: float
    low: float
    high: float

    @property
    def p(self) -> float:
        """Of "they differ by the margin or more": the larger of both."""
        return max(self.p_not_worse, self.p_not_better)

    @property
    def equivalent(self) -> bool:
        """Whether the difference is shown to be smaller than the margin."""
        return self.p < LEVEL

    @property
    def not_worse(self) -> bool:
        """Whether the first is shown not to be worse by the margin."""
        return self.p_not_worse < LEVEL

    @property
    def detected(self) -> bool:
        """Whether the 95 % interval excludes no difference."""
        return self.contrast.estimate.interval.excludes(0.0)

    @property
    def verdict(self) -> Verdict:
        """The strongest that can be said; a difference within the margin is equivalence even if it is detected."""
        if self.equivalent:
            return Verdict.EQUIVALENT
        if self.detected:
            return Verdict.BETTER if self.contrast.estimate.value > 0 else Verdict.WORSE
        return Verdict.NOT_WORSE if self.not_worse else Verdict.OPEN

    def sentence(self, first: str, second: str) -> str:
        """Return the verdict in words that claim no more than the figures."""
        value = f"{first} less {second} is {self.contrast.estimate.value:+.3f}"
        within = f"(90 % interval {self.low:+.3f} to {self.high:+.3f}, margin {self.margin:g})"
        said = {
            Verdict.EQUIVALENT: "shown to be smaller than the margin in either direction: equivalent",
            Verdict.NOT_WORSE: f"{first} is shown not to be worse than {second} by the margin; that it is better, or "
            "just as good, is not shown",
            Verdict.WORSE: f"{first} is worse",
            Verdict.BETTER: f"{first} is better",
            Verdict.OPEN: "no difference was detected, but one as large as the margin cannot be excluded: this does "
            "not show that they are equal",
        }[self.verdict]
        if self.verdict is Verdict.EQUIVALENT and self.detected:
            said += ", though a difference was detected"
        return f"{value} {within}: {said}."


def against_margin(contrast: Contrast, margin: float) -> Equivalence:
    """Hold a difference against a margin.

    Args:
        contrast: as `fedchemo.simulations.statistics.paired` gives it; higher must be better (turn a Brier
            score's sign around).
        margin: the smallest difference that would matter, in the same unit.

    Raises:
        ValueError: if the margin is not above 0.
    """
    if not margin > 0:
        msg = f"a margin is above 0, not {margin}"
        raise ValueError(msg)
    value, error, freedom = contrast.estimate.value, contrast.error, contrast.freedom
    low, high = bounds(value, error, freedom=freedom, level=1 - 2 * LEVEL)
    return Equivalence(
        contrast,
        margin,
        p_not_worse=_above(value + margin, error, freedom),
        p_not_better=_above(margin - value, error, freedom),
        low=low,
        high=high,
    )


def _above(value: float, error: float, freedom: float) -> float:
    """Return the one-sided p of "it is 0 or less"."""
    if error == 0:
        return 0.0 if value > 0 else 1.0
    return float(student.sf(value / error, freedom))
