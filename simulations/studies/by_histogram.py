"""The AUC that a network would tell, from histograms that sites add up, beside that of the predictions themselves."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from fedchemo.server.evaluation import evaluate
from fedchemo.shared.metrics.auc import auc
from fedchemo.shared.metrics.histogram import BINS, ScoreHistogram
from fedchemo.shared.metrics.scores import Vector
from fedchemo.shared.metrics.stretch import Stretch
from fedchemo.simulations.studies.cells import Matrix

TRIED = (20, 30, BINS)
"""Numbers of bins; the last one travels."""


def by_histogram(matrix: Matrix) -> Iterator[dict[str, object]]:
    """Yield a row a number of bins: the AUC after one exchange and after two, and how far each is off.

    Every site counts here, also one that would have to withhold its scores: what is asked is how much bins lose.
    """
    scores, exact = matrix.mean, auc(matrix.mean, matrix.outcomes)
    if exact is None:
        return
    for bins in TRIED:
        first = _of_sites(matrix, scores, bins)
        stretch = Stretch.of(sum(first[1:], start=first[0]))
        again = _of_sites(matrix, stretch(scores), bins) if stretch else []
        once, twice = evaluate(first), evaluate(first, stretch=stretch, again=again)
        if once and twice and once.auc and twice.auc:
            yield {
                "bins": bins,
                "auc": exact.value,
                "one_exchange": once.auc.value,
                "two_exchanges": twice.auc.value,
                "error_of_one": once.auc.value - exact.value,
                "error_of_two": twice.auc.value - exact.value,
                "bound_of_two": twice.auc_error,
            }


def _of_sites(matrix: Matrix, scores: Vector, bins: int) -> list[ScoreHistogram]:
    """Return a histogram a site."""
    return [
        ScoreHistogram.from_scores(scores[here], matrix.outcomes[here], bins=bins)
        for here in (matrix.sites == site for site in np.unique(matrix.sites.astype(str)))
    ]
