"""The mean over sites when sites differ: what to expect at the average hospital, and at one never seen.

DerSimonian & Laird's random-effects mean (Controlled Clinical Trials 7:177, 1986) with the interval of Hartung
and Knapp (Statistics in Medicine 20:3875, 2001), which with few sites keeps its 95 % where the usual one does
not (IntHout et al., BMC Medical Research Methodology 14:25, 2014). AUCs are averaged as logits (Snell et al.,
Statistical Methods in Medical Research 27:3505, 2018).

The interval for a hospital never seen mixes over how much the sites may differ, as Nagashima et al. propose
(Statistical Methods in Medical Research 28:1689, 2019): the usual one (Higgins et al., JRSS-A 172:137, 2009)
takes DerSimonian and Laird's tau for the truth: with ten sites it held 86 % of the new ones in simulation, this
one 93 %.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr
from scipy.stats import chi2

from fedchemo.shared.errors import FedchemoError
from fedchemo.shared.metrics.interval import LEVEL, Interval
from fedchemo.shared.metrics.scores import Vector, checked
from fedchemo.shared.metrics.summary import MINIMUM_PER_CLASS
from fedchemo.simulations.statistics.delong import auc_estimate, delong
from fedchemo.simulations.statistics.estimate import Contrast, Estimate
from fedchemo.simulations.statistics.power import hanley_mcneil_error

MIXED = 100
"""Variances between sites that the prediction interval mixes."""
HALVINGS = 50


@dataclass(frozen=True)
class RandomEffects:
    """A mean over sites.

    Attributes:
        mean: with Hartung and Knapp's interval.
        new_site: where the figure of a hospital never seen lies, with 95 %; None with fewer than three sites.
        between: standard deviation between sites (tau), on the scale of the mean (of the logit for AUCs).
        share: of the variation that is more than chance within sites (I-squared), 0 to 1.
        p_differ: of "all sites have the same figure" (Cochran's Q).
    """

    mean: Contrast
    new_site: Interval | None
    between: float
    share: float
    p_differ: float


@dataclass(frozen=True)
class SiteAucs:
    """AUCs by site and their random-effects mean.

    Attributes:
        sites: site -> AUC with DeLong's interval.
        withheld: sites with too few of a class, and so not counted.
        pooled: the mean; its ``mean`` and ``new_site`` are AUCs again. None with fewer than two sites.
    """

    sites: dict[str, Estimate]
    withheld: tuple[str, ...]
    pooled: RandomEffects | None


def random_effects(values: npt.ArrayLike, variances: npt.ArrayLike, *, n: int) -> RandomEffects | None:
    """Return the random-effects mean of sites' figures.

    Args:
        values: (k,), one a site, roughly normal: logits of AUCs, differences.
        variances: (k,), each above 0.
        n: patients behind all of them.

    Returns:
        None with fewer than two sites.

    Raises:
        ValueError: if a variance is not above 0.
    """
    figures, within = np.asarray(values, dtype=np.float64), np.asarray(variances, dtype=np.float64)
    k = len(figures)
    if not np.all(within > 0) or within.shape != figures.shape:
        msg = "each figure needs a variance above 0"
        raise ValueError(msg)
    if k < 2:
        return None
    fixed = 1 / within
    heterogeneity = float(fixed @ (figures - fixed @ figures / fixed.sum()) ** 2)
    between = max(0.0, (heterogeneity - (k - 1)) / float(fixed.sum() - fixed @ fixed / fixed.sum()))
    weights = 1 / (within + between)
    mean = float(weights @ figures / weights.sum())
    error = math.sqrt(float(weights @ (figures - mean) ** 2) / ((k - 1) * float(weights.sum())))
    contrast = Contrast.of_error(
        mean,
        error,
        n=n,
        method=f"random effects over {k} sites (DerSimonian-Laird, Hartung-Knapp)",
        freedom=k - 1,
    )
    new_site = _new_site(mean, figures, within) if k >= 3 else None
    return RandomEffects(
        contrast,
        new_site,
        between=math.sqrt(between),
        share=max(0.0, 1 - (k - 1) / heterogeneity) if heterogeneity > 0 else 0.0,
        p_differ=float(chi2.sf(heterogeneity, k - 1)),
    )


def auc_over_sites(
    probabilities: npt.ArrayLike,
    labels: npt.ArrayLike,
    sites: npt.ArrayLike,
    *,
    minimum_per_class: int = MINIMUM_PER_CLASS,
) -> SiteAucs:
    """Return the AUC of each site and their mean, averaged as logits.

    Args:
        probabilities: (n,).
        labels: (n,).
        sites: (n,) names.
        minimum_per_class: sites with fewer patients of a class do not count.

    Raises:
        FedchemoError: FC801, FC802.
    """
    scores, outcomes = checked(probabilities, labels)
    names = np.asarray(sites)
    if names.shape != outcomes.shape:
        raise FedchemoError("FC802", f"{names.size} sites for {outcomes.size} outcomes")
    found: dict[str, Estimate] = {}
    withheld, logits, variances, patients = [], [], [], 0
    for name in np.unique(names):
        here = names == name
        of_class = int(outcomes[here].sum()), int((~outcomes[here]).sum())
        estimate = auc_estimate(scores[here], outcomes[here])
        if estimate is None or min(of_class) < max(2, minimum_per_class):
            withheld.append(str(name))
            continue
        found[str(name)] = estimate
        logit, variance = _logit_auc(scores[here], outcomes[here], *of_class)
        logits.append(logit)
        variances.append(variance)
        patients += int(here.sum())
    pooled = random_effects(logits, variances, n=patients) if logits else None
    return SiteAucs(found, tuple(withheld), _transformed(pooled, _expit) if pooled else None)


def differences_over_sites(
    first: npt.ArrayLike,
    second: npt.ArrayLike,
    labels: npt.ArrayLike,
    sites: npt.ArrayLike,
    *,
    minimum_per_class: int = MINIMUM_PER_CLASS,
) -> RandomEffects | None:
    """Return the random-effects mean of AUC(first) - AUC(second) within each site.

    Sites with too few patients of a class, or where both models rank alike, do not count.

    Raises:
        FedchemoError: FC801, FC802.
    """
    scores, outcomes = checked(first, labels)
    others, _ = checked(second, labels)
    names = np.asarray(sites)
    values, variances, patients = [], [], 0
    for name in np.unique(names):
        here = names == name
        of_class = min(int(outcomes[here].sum()), int((~outcomes[here]).sum()))
        both = delong(np.stack([scores[here], others[here]]), outcomes[here])
        if both is None or of_class < max(2, minimum_per_class):
            continue
        aucs, covariance = both
        variance = float(covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1])
        if variance > 0:
            values.append(float(aucs[0] - aucs[1]))
            variances.append(variance)
            patients += int(here.sum())
    return random_effects(values, variances, n=patients) if values else None


def _new_site(value: float, figures: Vector, within: Vector) -> Interval:
    """Return where the figure of another site lies, with 95 %.

    The generalised Q at the true variance between sites is chi-square with k - 1 degrees of freedom (Viechtbauer,
    Statistics in Medicine 26:37, 2007), so its quantiles turn into equally likely variances. Each gives a normal
    distribution of the new figure; the interval holds the middle 95 % of their mixture.
    """
    quantiles = chi2.ppf((np.arange(MIXED) + 0.5) / MIXED, len(figures) - 1)
    variances = _variances_between(figures, within, quantiles)
    weights = 1 / (within + variances[:, None])
    totals = weights.sum(axis=1)
    means, spreads = weights @ figures / totals, np.sqrt(1 / totals + variances)

    def edge(share: float) -> float:
        low, high = float(np.min(means - 9 * spreads)), float(np.max(means + 9 * spreads))
        for _ in range(HALVINGS):
            middle = (low + high) / 2
            reached = float(ndtr((middle - means) / spreads).mean())
            low, high = (low, middle) if reached >= share else (middle, high)
        return (low + high) / 2

    return Interval(value, min(value, edge((1 - LEVEL) / 2)), max(value, edge((1 + LEVEL) / 2)))


def _variances_between(figures: Vector, within: Vector, wanted: Vector) -> Vector:
    """Return the variances between sites, 0 at least, at which the generalised Q (it falls with them) is as wanted."""

    def spread(variances: Vector) -> Vector:
        weights = 1 / (within + variances[:, None])
        centred = figures - (weights @ figures / weights.sum(axis=1))[:, None]
        return np.asarray((weights * centred**2).sum(axis=1))

    low, high = np.zeros(len(wanted)), np.full(len(wanted), float(within.max()))
    while np.any(beyond := spread(high) > wanted):
        high[beyond] *= 2
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        enough = spread(middle) <= wanted
        low, high = np.where(enough, low, middle), np.where(enough, middle, high)
    # Where even no variance at all is enough, halving has come as near to 0 as makes no difference.
    return high


def _logit_auc(scores: Vector, outcomes: npt.NDArray[np.bool_], m: int, n: int) -> tuple[float, float]:
    """Return the logit of an AUC and its variance by the delta method.

    A perfect AUC has neither: then half a pair is counted the other way, with Hanley and McNeil's variance.
    """
    both = delong(scores, outcomes)
    if both is None:
        msg = "needs two patients of each class"
        raise ValueError(msg)
    area, variance = float(both[0][0]), float(both[1][0, 0])
    if variance <= 0 or not 0 < area < 1:
        area = (area * m * n + 0.5) / (m * n + 1)
        variance = hanley_mcneil_error(area, m, n) ** 2
    return math.log(area / (1 - area)), variance / (area * (1 - area)) ** 2


def _expit(logit: float) -> float:
    return 1 / (1 + math.exp(-logit))


def _transformed(pooled: RandomEffects, back: Callable[[float], float]) -> RandomEffects:
    """Return the mean and the prediction interval on the scale of the figure; tau stays on that of the logit."""

    def interval(one: Interval) -> Interval:
        return Interval(back(one.value), back(one.low), back(one.high))

    mean = pooled.mean
    estimate = Estimate(
        interval(mean.estimate.interval), mean.estimate.n, f"{mean.estimate.method}, of logits"
    )
    return RandomEffects(
        Contrast(estimate, mean.error, mean.freedom, mean.p),
        interval(pooled.new_site) if pooled.new_site else None,
        pooled.between,
        pooled.share,
        pooled.p_differ,
    )
