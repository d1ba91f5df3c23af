"""Whether a site's patients are enough, and of the kind, to train on."""

from __future__ import annotations

from collections.abc import Iterator

from fedchemo.client.cohort import Cohort, Problem, SiteProblems
from fedchemo.client.cohort.problems import error, warning
from fedchemo.client.policy import Policy
from fedchemo.client.validation.leakage import leaking_columns
from fedchemo.shared.splits import SPLITS


def refusals(cohort: Cohort) -> Iterator[Problem]:
    """Yield why a folder must not be trained on, as errors: FC112 no outcome, FC160 one only, FC170 leakage."""
    path = cohort.folder / "clinical.csv"
    labels = cohort.clinical["pcr"].dropna()
    if not len(labels):
        what = "is empty for every patient: the site can predict, not train or evaluate"
        yield error("FC112", path, what, "Add the outcomes that are known", column="pcr")
    elif labels.nunique() == 1:
        what = f"is {labels.iloc[0]:g} for all {len(labels)} patients whose outcome is known"
        remedy = "Export all patients treated, those with and without pCR"
        yield error("FC160", path, what, remedy, column="pcr")
    yield from (problem for problem in leaking_columns(cohort) if problem.severity == "error")


def shortages(cohort: Cohort, policy: Policy) -> Iterator[Problem]:
    """Yield what a site is too small for, as warnings: FC171 to train, FC172 for a metric to leave."""
    path = cohort.folder / "clinical.csv"
    training = len(cohort.patients("train"))
    if training < policy.training_patients:
        what = f"gives {training} training patients; the policy demands {policy.training_patients}"
        yield warning("FC171", path, what, "Add patients; the site takes part in evaluation only")
    least = policy.patients_of_each_class_behind_a_metric
    for split in SPLITS:
        labels = cohort.clinical.loc[cohort.patients(split), "pcr"]
        positive = int(labels.sum())
        if min(positive, len(labels) - positive) < least:
            what = (
                f"has {positive} {split} patients with pCR and {len(labels) - positive} without; "
                f"a metric needs {least} of each"
            )
            yield warning("FC172", path, what, f"Add patients; no {split} metric leaves the site")


def require_fit(cohort: Cohort) -> None:
    """Refuse a folder with no outcomes, one outcome only, or a variable of the model that gives it away.

    Raises:
        SiteProblems: FC101 with all of these and what reading the folder found.
    """
    found = list(refusals(cohort))
    if found:
        codes = {problem.code for problem in found}
        raise SiteProblems([*found, *(problem for problem in cohort.problems if problem.code not in codes)])
