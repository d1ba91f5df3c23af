"""How good one method is: discrimination, calibration, sites, seeds."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from fedchemo.simulations.statistics import calibration, delong, paired, random_effects, weighted
from fedchemo.simulations.statistics.estimate import Estimate
from fedchemo.simulations.statistics.precision_recall import average_precision
from fedchemo.simulations.statistics.resampling import BySite
from fedchemo.simulations.studies.cells import Matrix

RESAMPLES = 1000


def row(estimate: Estimate) -> dict[str, object]:
    """Return the estimate for a table in which ``method`` is the method that is judged."""
    found: dict[str, object] = dict(estimate.to_dict())
    how = found.pop("method")
    return {**found, "how": how}


def figures(matrix: Matrix, stream: np.random.Generator) -> Iterator[tuple[str, Estimate]]:
    """Yield the figures of a method; all but the first from the mean prediction over seeds."""
    if not matrix.complete:
        yield from _of_each_training(matrix, stream)
        return
    area = paired.mean_auc(matrix.probabilities, matrix.outcomes)
    if area is not None:
        yield "auc", area.estimate
    mean = matrix.mean
    by_site = delong.clustered_auc(mean, matrix.outcomes, matrix.sites)
    if by_site is not None:
        yield "auc, clustered by site", by_site
    sites = random_effects.auc_over_sites(mean, matrix.outcomes, matrix.sites)
    for site, estimate in sites.sites.items():
        yield f"auc at {site}", estimate
    if sites.pooled is not None:
        yield "auc, mean over sites", sites.pooled.mean.estimate
        if sites.pooled.new_site is not None:
            yield (
                "auc, another site",
                Estimate(sites.pooled.new_site, sites.pooled.mean.estimate.n, "prediction interval"),
            )
    precision = average_precision(mean, matrix.outcomes, generator=stream, resamples=RESAMPLES)
    about = calibration.calibration(mean, matrix.outcomes, generator=stream, resamples=RESAMPLES)
    for name, found in (
        ("average precision", precision),
        ("calibration slope", about.slope),
        ("calibration intercept", about.intercept),
        ("calibration in the large", about.in_the_large),
        ("brier", about.brier),
        ("expected calibration error", about.expected_error),
    ):
        if found is not None:
            yield name, found


def _of_each_training(matrix: Matrix, stream: np.random.Generator) -> Iterator[tuple[str, Estimate]]:
    """Yield the mean AUC of models that each judge the patients of other hospitals than their own."""
    # A constant prediction has an AUC of exactly 1/2, on every resample.
    constant = np.where(np.isfinite(matrix.probabilities), 0.5, np.nan)
    area = paired.paired(
        weighted.auc,
        matrix.probabilities,
        constant,
        matrix.outcomes,
        resampling=BySite(matrix.sites),
        generator=stream,
        resamples=RESAMPLES,
        trainings="trainings",
    )
    if area is not None:
        yield "auc", area.contrast.estimate.plus(0.5, least=0.0, most=1.0)


def differences_between_sites(matrix: Matrix) -> dict[str, object] | None:
    """Return the mean over sites and how far they differ; None with fewer than two sites large enough."""
    if not matrix.complete:
        return None
    sites = random_effects.auc_over_sites(matrix.mean, matrix.outcomes, matrix.sites)
    pooled = sites.pooled
    if pooled is None:
        return None
    return {
        "sites": len(sites.sites),
        "withheld": len(sites.withheld),
        **row(pooled.mean.estimate),
        "another_low": pooled.new_site.low if pooled.new_site else None,
        "another_high": pooled.new_site.high if pooled.new_site else None,
        "tau_of_logit": pooled.between,
        "i_squared": pooled.share,
        "p_differ": pooled.p_differ,
    }


def by_seed(matrix: Matrix) -> Iterator[dict[str, object]]:
    """Yield the AUC with each seed, so that everybody sees what another training would have given."""
    if not matrix.complete:
        return
    for seed, scores in zip(matrix.seeds, matrix.probabilities, strict=True):
        area = delong.auc_estimate(scores, matrix.outcomes)
        if area is not None:
            yield {"seed": seed, **row(area), "brier": float(np.mean((scores - matrix.outcomes) ** 2))}
