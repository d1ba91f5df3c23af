"""Who is a test patient: a fixed share, every patient once, or every hospital once.

Whoever is not tested is cut into training and validation patients as in any run. A patient's place follows from a
hash of the identifier, so it is the same in every partition, strategy and seed of training.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping

import pandas as pd

from fedchemo.shared.randomness import derive
from fedchemo.shared.splits import Split, cut
from fedchemo.simulations.studies.settings import Judged

VALIDATION = 0.15
"""Of those not tested; as near to the share of an ordinary run as makes no difference."""


def folds(
    clinical: pd.DataFrame,
    assignment: Mapping[str, Collection[str]],
    *,
    judged: Judged,
    number: int,
    seed: int,
) -> dict[str, dict[str, Split]]:
    """Return who is in which split, for each fold.

    Args:
        clinical: with ``pcr``, indexed by patient.
        assignment: hospital -> patients.
        judged: on whom.
        number: of folds, for ``folds``.
        seed: of the cut.

    Returns:
        Fold -> patient -> split, for patients with a known outcome.
    """
    outcome = {str(patient): float(value) for patient, value in clinical["pcr"].items()}
    known = sorted(patient for patient, value in outcome.items() if not math.isnan(value))
    if judged == "holdout":
        return {"holdout": cut(known, [outcome[patient] for patient in known], seed)}
    if judged == "leave-one-site-out":
        tested = {
            f"without {site}": [patient for patient in sorted(patients) if patient in set(known)]
            for site, patients in sorted(assignment.items())
        }
    else:
        tested = {f"fold {place + 1}": [] for place in range(number)}
        for label in (0.0, 1.0):
            ordered = sorted(
                (patient for patient in known if outcome[patient] == label),
                key=lambda patient: (derive(seed, "fold", patient), patient),
            )
            for place, patient in enumerate(ordered):
                tested[f"fold {place % number + 1}"].append(patient)
    return {
        name: _splits(known, outcome, set(patients), seed) for name, patients in tested.items() if patients
    }


def _splits(known: list[str], outcome: Mapping[str, float], tested: set[str], seed: int) -> dict[str, Split]:
    """Return test for those tested, and training or validation for the others, class by class."""
    found: dict[str, Split] = dict.fromkeys(sorted(tested), "test")
    for label in (0.0, 1.0):
        ordered = sorted(
            (patient for patient in known if patient not in tested and outcome[patient] == label),
            key=lambda patient: (derive(seed, "validation", patient), patient),
        )
        validation = round(VALIDATION * len(ordered))
        found |= dict.fromkeys(ordered[:validation], "validation")
        found |= dict.fromkeys(ordered[validation:], "train")
    return found
