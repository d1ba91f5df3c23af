"""Figures within subgroups, and how far apart subgroups are: subtype, age, menopause, vendor, site.

A group with too few patients of a class is named and withheld. The gap between the best and the worst group is
never negative, so chance alone makes one: it is shown beside the gap that shuffled groups have, and beside its
p. A group is better judged by its difference from all other patients, which has an ordinary interval.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fedchemo.shared.errors import FedchemoError
from fedchemo.shared.metrics.calibration import calibration
from fedchemo.shared.metrics.interval import wilson
from fedchemo.shared.metrics.scores import Labels, Vector, checked
from fedchemo.shared.metrics.summary import MINIMUM_PER_CLASS
from fedchemo.simulations.statistics import weighted
from fedchemo.simulations.statistics.delong import auc_estimate, delong
from fedchemo.simulations.statistics.estimate import Contrast, Estimate
from fedchemo.simulations.statistics.resampling import (
    RESAMPLES,
    ByPatient,
    Counts,
    Resampling,
    Statistic,
    draws,
    observed,
    percentile,
)

Names = npt.NDArray[np.object_]
AGES = (40, 50, 60)
"""Bounds of the age groups, in years."""
SHUFFLES = 500


@dataclass(frozen=True)
class Subgroup:
    """One row of the table.

    Attributes:
        name: the group.
        patients: in it.
        positives: of them with pCR; None where it is withheld.
        auc: with DeLong's interval.
        against_others: AUC here less AUC among all other patients; None where those cannot tell.
        observed: share of pCR, with Wilson's interval.
        predicted: mean prediction.
        in_the_large: calibration in the large: above 0, pCR is more frequent here than the model says.
    """

    name: str
    patients: int
    positives: int | None
    auc: Estimate | None
    against_others: Contrast | None
    observed: Estimate | None
    predicted: float | None
    in_the_large: Estimate | None

    @property
    def withheld(self) -> bool:
        """Whether too few patients of a class stand behind it."""
        return self.positives is None


@dataclass(frozen=True)
class Gap:
    """The best group less the worst.

    Attributes:
        estimate: with its bootstrap interval; biased upwards, as is every largest difference.
        best: name of the group.
        worst: name of the group.
        by_chance: the mean gap when groups are shuffled among patients of the same outcome.
        p: share of shuffles whose gap is as large.
    """

    estimate: Estimate
    best: str
    worst: str
    by_chance: float
    p: float


def subgroup_table(
    probabilities: npt.ArrayLike,
    labels: npt.ArrayLike,
    groups: npt.ArrayLike,
    *,
    minimum_per_class: int = MINIMUM_PER_CLASS,
) -> tuple[Subgroup, ...]:
    """Return a row for each group, sorted by name.

    Args:
        probabilities: (n,).
        labels: (n,).
        groups: (n,) names.
        minimum_per_class: groups with fewer patients of a class are withheld.

    Raises:
        FedchemoError: FC801, FC802.
    """
    scores, outcomes, names = _checked(probabilities, labels, groups)
    rows = []
    for name in np.unique(names):
        here = names == name
        n, positives = int(here.sum()), int(outcomes[here].sum())
        if min(positives, n - positives) < minimum_per_class:
            rows.append(Subgroup(str(name), n, None, None, None, None, None, None))
            continue
        large = calibration(scores[here], outcomes[here]).in_the_large
        rows.append(
            Subgroup(
                str(name),
                n,
                positives,
                auc_estimate(scores[here], outcomes[here]),
                _against_others(scores, outcomes, here),
                Estimate.of(wilson(positives, n), n=n, method="Wilson"),
                float(scores[here].mean()),
                Estimate.of(large, n=n, method="logistic recalibration, slope held at 1, Wald"),
            )
        )
    return tuple(rows)


def gap(
    figure: weighted.Figure,
    probabilities: npt.ArrayLike,
    labels: npt.ArrayLike,
    groups: npt.ArrayLike,
    *,
    generator: np.random.Generator,
    resampling: Resampling | None = None,
    resamples: int = RESAMPLES,
    shuffles: int = SHUFFLES,
    minimum_per_class: int = MINIMUM_PER_CLASS,
) -> Gap | None:
    """Return how far apart the groups are in one figure.

    Args:
        figure: ``weighted.auc`` for discrimination, ``weighted.observed_less_predicted`` for calibration, or
            ``functools.partial(weighted.sensitivity, threshold=.3)`` for equal opportunity (Hardt et al., 2016).
        probabilities: (n,).
        labels: (n,).
        groups: (n,) names.
        generator: a derived stream.
        resampling: by default over patients, within group and class.
        resamples: of the interval.
        shuffles: of the comparison with chance.
        minimum_per_class: groups with fewer patients of a class are left out.

    Returns:
        None with fewer than two groups that are large enough, or where the figure is undefined.

    Raises:
        FedchemoError: FC801, FC802.
    """
    scores, outcomes, names = _checked(probabilities, labels, groups)
    large = [
        name
        for name in np.unique(names)
        if min((names == name)[outcomes].sum(), (names == name)[~outcomes].sum()) >= minimum_per_class
    ]
    if len(large) < 2:
        return None
    kept = np.isin(names, large)
    scores, outcomes, names = scores[kept], outcomes[kept], names[kept]
    by_group = _by_group(figure, scores, outcomes, names, large)
    values = observed(by_group, len(scores))
    chosen = resampling or ByPatient(
        np.array([f"{y} {name}" for y, name in zip(outcomes, names, strict=True)])
    )
    if resampling is not None and not kept.all():
        raise FedchemoError("FC802", "groups that are too small must go before a resampling is given")
    found = draws(by_group, chosen, generator=generator, resamples=resamples)
    interval = percentile(float(np.ptp(values)), np.ptp(found, axis=1))
    if interval is None:
        return None
    shuffled = []
    for _ in range(shuffles):
        mixed = names.copy()
        for members in (outcomes, ~outcomes):
            mixed[members] = generator.permutation(mixed[members])
        shuffled.append(
            float(np.ptp(observed(_by_group(figure, scores, outcomes, mixed, large), len(scores))))
        )
    return Gap(
        Estimate(interval, len(scores), f"largest less smallest of {len(large)} groups, {chosen.words}"),
        best=str(large[int(np.argmax(values))]),
        worst=str(large[int(np.argmin(values))]),
        by_chance=float(np.mean(shuffled)),
        p=(1 + sum(each >= interval.value - 1e-12 for each in shuffled)) / (shuffles + 1),
    )


def subtypes(hr: npt.ArrayLike, her2: npt.ArrayLike) -> Names:
    """Return receptor subtypes, (n,); ``not known`` where a receptor is (NaN)."""
    hormone, human = np.asarray(hr, dtype=np.float64), np.asarray(her2, dtype=np.float64)
    named = np.array(
        [
            f"HR{'+' if one else '-'}/HER2{'+' if other else '-'}"
            for one, other in zip(hormone > 0.5, human > 0.5, strict=True)
        ],
        dtype=object,
    )
    return np.asarray(np.where(np.isnan(hormone) | np.isnan(human), "not known", named), dtype=object)


def age_groups(years: npt.ArrayLike, *, bounds: tuple[int, ...] = AGES) -> Names:
    """Return age groups, (n,); ``not known`` where the age is (NaN)."""
    ages = np.asarray(years, dtype=np.float64)
    words = [
        f"below {bounds[0]}",
        *(f"{low} to {high - 1}" for low, high in itertools.pairwise(bounds)),
        f"{bounds[-1]} and above",
    ]
    placed = np.array(words, dtype=object)[np.digitize(ages, bounds)]
    return np.asarray(np.where(np.isnan(ages), "not known", placed), dtype=object)


def categories(values: npt.ArrayLike) -> Names:
    """Return any column as group names, (n,); ``not known`` where it is None, NaN or empty."""
    given = np.asarray(values, dtype=object)
    missing = np.array([value is None or value != value or value == "" for value in given], dtype=np.bool_)  # noqa: PLR0124
    return np.asarray(np.where(missing, "not known", given.astype(str)), dtype=object)


def tables(
    probabilities: npt.ArrayLike,
    labels: npt.ArrayLike,
    groupings: Mapping[str, npt.ArrayLike],
    *,
    minimum_per_class: int = MINIMUM_PER_CLASS,
) -> dict[str, tuple[Subgroup, ...]]:
    """Return `subgroup_table` for each grouping: ``{"subtype": subtypes(hr, her2), "site": sites}``.

    Raises:
        FedchemoError: FC801, FC802.
    """
    return {
        name: subgroup_table(probabilities, labels, groups, minimum_per_class=minimum_per_class)
        for name, groups in groupings.items()
    }


def _checked(
    probabilities: npt.ArrayLike, labels: npt.ArrayLike, groups: npt.ArrayLike
) -> tuple[Vector, Labels, Names]:
    scores, outcomes = checked(probabilities, labels)
    names = np.asarray(groups)
    if names.shape != outcomes.shape:
        raise FedchemoError("FC802", f"{names.size} group names for {outcomes.size} outcomes")
    return scores, outcomes, names.astype(str).astype(object)


def _against_others(scores: Vector, outcomes: Labels, here: Labels) -> Contrast | None:
    inside, outside = delong(scores[here], outcomes[here]), delong(scores[~here], outcomes[~here])
    if inside is None or outside is None:
        return None
    error = math.sqrt(float(inside[1][0, 0] + outside[1][0, 0]))
    value = float(inside[0][0] - outside[0][0])
    return Contrast.of_error(value, error, n=len(scores), method="DeLong, other patients", least=-1, most=1)


def _by_group(
    figure: weighted.Figure, scores: Vector, outcomes: Labels, names: Names, chosen: list[object]
) -> Statistic:
    """Return counts to the figure in each group, (resamples, groups)."""
    parts = []
    for name in chosen:
        here = np.flatnonzero(names == name)
        parts.append((here, figure(scores[here], outcomes[here])))

    def statistic(counts: Counts) -> Vector:
        return np.stack([of_group(counts[:, here]) for here, of_group in parts], axis=1)

    return statistic
