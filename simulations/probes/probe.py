"""One probe: how well a linear classifier tells groups of patients apart from a vector a patient."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold

from fedchemo.shared.metrics.scores import Vector
from fedchemo.shared.randomness import derive, numpy_stream
from fedchemo.simulations.statistics import weighted
from fedchemo.simulations.statistics.estimate import Estimate
from fedchemo.simulations.statistics.resampling import ByPatient, Counts, Statistic, bootstrap

FOLDS = 5
SMALLEST = 2 * FOLDS
"""Patients of a group, so that two of them are in every fold."""
# Tried from .001 to 10 on the synthetic cohort: below 1 a scanner's signature is missed, above 1 nothing is gained.
STRENGTH = 1.0
# The least p is 1 / 40 then: enough to say .05, and a few seconds.
SHUFFLES = 39
RESAMPLES = 1000
HOW = f"logistic regression, {FOLDS}-fold cross-validation; bootstrap over patients of what it predicted"

Names = npt.NDArray[np.object_]


@dataclass(frozen=True)
class Probe:
    """How well groups are told apart, and how well they would be if there were nothing to find.

    Attributes:
        target: what was asked for: ``site`` or ``vendor``.
        source: what it was read from.
        groups: group -> patients.
        left_out: patients of groups with fewer than `SMALLEST`, or of no known group.
        balanced_accuracy: mean over groups of the share that is recognised, in patients the classifier has not seen.
        auc: mean over groups of the AUC of this group against the others.
        shuffled: mean balanced accuracy in shuffled labels; None if they were not tried, as are the next two.
        shuffled_most: the highest among them.
        p: share of shuffles, this one counted, that do as well.
    """

    target: str
    source: str
    groups: dict[str, int]
    left_out: int
    balanced_accuracy: Estimate
    auc: Estimate | None
    shuffled: float | None
    shuffled_most: float | None
    p: float | None

    @property
    def chance(self) -> float:
        """The balanced accuracy of whoever guesses, or always names the largest group."""
        return 1 / len(self.groups)

    @property
    def found(self) -> bool:
        """Whether the groups are told apart: the interval lies above chance, and shuffled labels do less well."""
        return self.balanced_accuracy.low > self.chance and (self.p is None or self.p < 0.05)

    def sentence(self) -> str:
        """Return the result in words."""
        verdict = (
            f"tells {len(self.groups)} {self.target}s apart"
            if self.found
            else f"does not tell {len(self.groups)} {self.target}s apart, as far as a linear classifier sees"
        )
        value = self.balanced_accuracy
        return (
            f"the {self.source} {verdict}: balanced accuracy {value.value:.2f} [{value.low:.2f}, {value.high:.2f}] "
            f"where chance is {self.chance:.2f}{self._control()}; {value.n} patients"
        )

    def _control(self) -> str:
        if self.shuffled is None or self.shuffled_most is None:
            return ""
        return f" and shuffled labels give {self.shuffled:.2f} (at most {self.shuffled_most:.2f})"


def probe(
    vectors: npt.ArrayLike,
    labels: npt.ArrayLike,
    *,
    target: str,
    source: str,
    seed: int,
    shuffles: int = SHUFFLES,
) -> Probe | None:
    """Return how well a cross-validated logistic regression tells groups apart.

    Args:
        vectors: (n, d), rows in the order of the patients' identifiers: then the same patients give the same figures.
        labels: (n,), the group of each patient; empty is not known.
        target: what the groups are.
        source: what the vectors are.
        seed: of folds, shuffles and resamples.
        shuffles: how many times the labels are shuffled and the whole is done again; 0 to go without this control.

    Returns:
        None with fewer than two groups of `SMALLEST` patients.
    """
    everyone = np.asarray(labels, dtype=object)
    counted = {str(name): int((everyone == name).sum()) for name in sorted(set(everyone.tolist())) if name}
    groups = {name: count for name, count in counted.items() if count >= SMALLEST}
    if len(groups) < 2:
        return None
    rows = np.isin(everyone.astype(str), list(groups))
    names = everyone[rows]
    # No label is used in this, so it needs no fold of its own.
    values = _standardised(np.asarray(vectors, dtype=np.float64)[rows])
    fold_seed = derive(seed, "probe", target, "folds") % 2**32
    probabilities = _predicted(values, names, fold_seed)
    generator = numpy_stream(seed, "probe", target, source)
    shuffled = [
        _balanced_accuracy(_predicted(values, mixed, fold_seed), mixed)
        for mixed in (generator.permutation(names) for _ in range(shuffles))
    ]
    observed = _balanced_accuracy(probabilities, names)
    accuracy = _estimate(_recall_of_counts(probabilities, names), names, generator)
    assert accuracy is not None  # each resample keeps every group
    return Probe(
        target=target,
        source=source,
        groups=groups,
        left_out=int((~rows).sum()),
        balanced_accuracy=accuracy,
        auc=_estimate(_auc_of_counts(probabilities, names), names, generator),
        shuffled=float(np.mean(shuffled)) if shuffled else None,
        shuffled_most=max(shuffled, default=None),
        p=(1 + sum(value >= observed for value in shuffled)) / (1 + shuffles) if shuffled else None,
    )


def _standardised(vectors: Vector) -> Vector:
    """Return features of mean 0 and SD 1; one that is the same in all patients becomes 0."""
    spread = vectors.std(axis=0)
    centred = vectors - vectors.mean(axis=0)
    return np.asarray(np.divide(centred, spread, out=np.zeros_like(centred), where=spread > 0))


def _predicted(values: Vector, names: Names, fold_seed: int) -> Vector:
    """Return each patient's probabilities of the groups, sorted, by a classifier that has not seen the patient."""
    groups, codes = np.unique(names.astype(str), return_inverse=True)
    found = np.zeros((len(names), len(groups)))
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=fold_seed)
    for train, test in folds.split(values, codes):
        # Balanced: the figure counts every group the same, whatever its size.
        model = LogisticRegression(C=STRENGTH, class_weight="balanced", max_iter=1000, tol=1e-3)
        found[test] = model.fit(values[train], codes[train]).predict_proba(values[test])
    return found


def _right(probabilities: Vector, names: Names) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Return who was recognised, (n,), and who is in which group, (groups, n)."""
    groups, codes = np.unique(names.astype(str), return_inverse=True)
    return probabilities.argmax(axis=1) == codes, np.arange(len(groups))[:, None] == codes


def _balanced_accuracy(probabilities: Vector, names: Names) -> float:
    right, members = _right(probabilities, names)
    return float(np.mean([right[each].mean() for each in members]))


def _recall_of_counts(probabilities: Vector, names: Names) -> Statistic:
    right, members = _right(probabilities, names)

    def statistic(counts: Counts) -> Vector:
        return np.asarray((counts @ (members * right).T / (counts @ members.T)).mean(axis=1))

    return statistic


def _auc_of_counts(probabilities: Vector, names: Names) -> Statistic:
    _, members = _right(probabilities, names)
    each = [
        weighted.auc(column, group)
        for column, group in zip(probabilities.T, members.astype(float), strict=True)
    ]
    return lambda counts: np.asarray(np.mean([statistic(counts) for statistic in each], axis=0))


def _estimate(statistic: Statistic, names: Names, generator: np.random.Generator) -> Estimate | None:
    """Return a figure of the predictions with its interval, which says how it was made."""
    found = bootstrap(statistic, ByPatient(names.astype(str)), generator=generator, resamples=RESAMPLES)
    return found and Estimate(found.interval, found.n, HOW)
