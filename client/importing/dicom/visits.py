"""Which visit of the treatment a study is: by its description, else by the order of dates."""

from __future__ import annotations

import datetime as dt
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from fedchemo.client.cohort.problems import Problem, error, warning
from fedchemo.shared.configuration import Visit

VISIT_PATTERN = (
    r"(?i)(?:visit|time ?point|\btp|_)[ _:.-]*T?([0-3])$|(?:^|[\W_])T([03])(?![A-Za-z0-9])|^T([12])$"
)
"""How a description names a visit. ``T1`` and ``T2`` alone also name ways of weighting an image, so they count only
where they cannot: at the end after an underscore or the word visit, or as the whole description."""

_VISITS: tuple[Visit, ...] = ("T0", "T1", "T2", "T3")


@dataclass(frozen=True)
class Dated:
    """A study with a dynamic examination, and whether that can be used."""

    uid: str
    description: str
    time_point: str
    date: dt.date | None
    place: str
    usable: bool = True


@dataclass(frozen=True)
class Assigned:
    """A study's visit and how it is known."""

    visit: Visit
    why: str


def assign(
    studies: Sequence[Dated], patient: str, pattern: str = VISIT_PATTERN
) -> tuple[dict[str, Assigned], list[Problem]]:
    """Return the visit of each study of a patient for which it can be told.

    Args:
        studies: those with a dynamic examination, whether it can be used or not.
        patient: for the problems.
        pattern: a regular expression whose group that matched is the visit's digit.
    """
    if not studies:
        return {}, []
    named = {study.uid: visit for study in studies if (visit := _named(study, pattern))}
    if named:
        return _by_name(studies, named, patient)
    if len(studies) == 1:
        return {studies[0].uid: Assigned("T0", "Visit T0: it is the patient's only study.")}, []
    return _by_date(studies, patient)


def _named(study: Dated, pattern: str) -> Visit | None:
    for written in (study.time_point, study.description):
        found = {
            digit
            for match in re.finditer(pattern, written.strip())
            for digit in match.groups()
            if digit is not None
        }
        if len(found) == 1 and (visit := f"T{found.pop()}") in _VISITS:
            return visit
    return None


def _by_name(
    studies: Sequence[Dated], named: dict[str, Visit], patient: str
) -> tuple[dict[str, Assigned], list[Problem]]:
    problems = [
        error(
            "FC125",
            study.place,
            "names no visit, though another study of the patient does; it was left",
            "Write the visit into its description",
            patient=patient,
        )
        for study in studies
        if study.uid not in named
    ]
    claims: dict[Visit, list[Dated]] = defaultdict(list)
    for study in studies:
        if study.uid in named:
            claims[named[study.uid]].append(study)
    found = {}
    for visit, all_claiming in claims.items():
        # One that failed and was repeated claims nothing.
        claiming = [study for study in all_claiming if study.usable] or all_claiming
        why = f"Visit {visit}, by the description of the study."
        last = max(claiming, key=lambda study: (study.date or dt.date.min, study.uid))
        found[last.uid] = Assigned(visit, why)
        if len(claiming) > 1:
            dates = {study.date for study in claiming}
            if len(dates) < len(claiming) or None in dates:
                del found[last.uid]
                what = f"is one of {len(claiming)} studies that claim visit {visit}, and their dates tell no order"
                problems.append(
                    error("FC125", last.place, what, "Leave the one that is wanted", patient=patient)
                )
                continue
            what = f"is one of {len(claiming)} studies that claim visit {visit}; the last of them was taken"
            problems.append(
                warning("FC125", last.place, what, "Check that it repeats the others", patient=patient)
            )
    return found, problems


def _by_date(studies: Sequence[Dated], patient: str) -> tuple[dict[str, Assigned], list[Problem]]:
    dates = [study.date for study in studies]
    reason = ""
    if None in dates:
        reason = "and not every study has a date"
    elif len(set(dates)) < len(dates):
        reason = "and two lie on one day"
    elif len(studies) > len(_VISITS):
        reason = f"and {len(studies)} studies are more than {len(_VISITS)} visits"
    if reason:
        what = f"is one of {len(studies)} studies whose descriptions name no visit, {reason}"
        remedy = "Write T0 to T3 into the descriptions, or leave the studies that are none"
        return {}, [error("FC125", studies[0].place, what, remedy, patient=patient)]
    ordered = sorted(studies, key=lambda study: study.date or dt.date.min)
    why = f"by the order of the dates of {len(studies)} studies, since no description names a visit"
    found = {
        study.uid: Assigned(visit, f"Visit {visit}, {why}.")
        for study, visit in zip(ordered, _VISITS, strict=False)
    }
    what = f"names no visit; T0 to T{len(studies) - 1} were given {why}"
    remedy = "Check that no visit between them is missing, or write the visits into the descriptions"
    return found, [warning("FC125", ordered[0].place, what, remedy, patient=patient)]
