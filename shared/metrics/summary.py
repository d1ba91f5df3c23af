"""What a site may send about the predictions for one set of its patients, and how the sites' sums are merged."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Annotated

import numpy.typing as npt
from pydantic import Field, model_validator

from fedchemo.shared.configuration import Settings
from fedchemo.shared.metrics.histogram import BINS, ScoreHistogram
from fedchemo.shared.metrics.interval import Interval
from fedchemo.shared.metrics.loss import LARGEST, log_losses, mean_of_sums

MINIMUM_PER_CLASS = 5
"""Fewest patients of each class behind a metric that leaves a hospital, unless its policy asks for more."""

Count = Annotated[int, Field(ge=0, le=10**9)]
Bins = Annotated[tuple[Count, ...], Field(min_length=2, max_length=1000)]


class ScoreSums(Settings):
    """Counts and sums over a set of patients; nothing in it belongs to one patient.

    Attributes:
        n: patients.
        n_pos: of them with pCR.
        loss_sum: sum of their log-losses, in nats.
        loss_squares: sum of the squares of their log-losses.
        positives: of those with pCR, how many fall into each bin of predicted probability.
        negatives: the same of those without.
    """

    n: Count
    n_pos: Count
    loss_sum: Annotated[float, Field(ge=0)]
    loss_squares: Annotated[float, Field(ge=0)]
    positives: Bins
    negatives: Bins

    @model_validator(mode="after")
    def _agree(self) -> ScoreSums:
        """Refuse sums that no set of patients can have: they come from another party."""
        if len(self.positives) != len(self.negatives):
            msg = "positives and negatives must have the same bins"
            raise ValueError(msg)
        if sum(self.positives) != self.n_pos or sum(self.negatives) != self.n - self.n_pos:
            msg = "the bins must add up to the patients"
            raise ValueError(msg)
        slack = 1 + 1e-9
        possible = (
            self.loss_sum <= self.n * LARGEST * slack
            and self.loss_squares <= self.loss_sum * LARGEST * slack
            and self.loss_sum**2 <= self.n * self.loss_squares * slack
        )
        if not possible:
            msg = "no patients have these sums of log-loss"
            raise ValueError(msg)
        return self

    @classmethod
    def from_scores(
        cls, probabilities: npt.ArrayLike, labels: npt.ArrayLike, *, bins: int = BINS
    ) -> ScoreSums:
        """Return the sums over patients; probabilities and labels (n,).

        Raises:
            FedchemoError: FC801, FC802 as `fedchemo.shared.metrics.scores.checked`.
        """
        losses = log_losses(probabilities, labels)
        histogram = ScoreHistogram.from_scores(probabilities, labels, bins=bins)
        positives, negatives = histogram.to_lists()
        return cls(
            n=len(losses),
            n_pos=sum(positives),
            loss_sum=math.fsum(losses),
            loss_squares=math.fsum(losses**2),
            positives=tuple(positives),
            negatives=tuple(negatives),
        )

    @property
    def histogram(self) -> ScoreHistogram:
        """The counts as a histogram."""
        return ScoreHistogram.from_lists(self.positives, self.negatives)

    def auc(self) -> Interval | None:
        """Return the AUC by histogram with its interval; None if a class is absent."""
        return self.histogram.auc()

    def log_loss(self) -> Interval | None:
        """Return the mean log-loss with its interval; None with fewer than two patients."""
        return mean_of_sums(self.n, self.loss_sum, self.loss_squares)

    def suppressed(self, minimum_per_class: int = MINIMUM_PER_CLASS) -> ScoreSums | None:
        """Return these sums if enough patients of each class stand behind them, else None: "too few"."""
        return self if min(self.n_pos, self.n - self.n_pos) >= minimum_per_class else None


def merge(parts: Iterable[ScoreSums]) -> ScoreSums | None:
    """Return the sums over all sites, the same to the bit in any order; None without a site.

    Merge all parts in one call: sums are rounded once, so merging what is merged already may differ in the
    last bit.

    Raises:
        ValueError: if the sites' histograms have different bins.
    """
    sites = list(parts)
    if not sites:
        return None
    histogram = sum((site.histogram for site in sites[1:]), start=sites[0].histogram)
    positives, negatives = histogram.to_lists()
    return ScoreSums(
        n=sum(site.n for site in sites),
        n_pos=sum(site.n_pos for site in sites),
        loss_sum=math.fsum(site.loss_sum for site in sites),
        loss_squares=math.fsum(site.loss_squares for site in sites),
        positives=tuple(positives),
        negatives=tuple(negatives),
    )
