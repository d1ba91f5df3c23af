"""Images and table rows put together by the tables' rule; who is in only one of them is said, not guessed."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from fedchemo.client.cohort.problems import Problem, error, warning
from fedchemo.client.importing.contract import Examination
from fedchemo.shared.configuration import Visit

if TYPE_CHECKING:
    from fedchemo.client.importing.tables.contract import ImportedTables, Joining


@dataclass
class Joined:
    """Who has what, by join key.

    Attributes:
        examinations: (join key, visit) to the examination to take.
        identifiers: join key to the identifiers that the images have for this patient.
        set_aside: join key to why the patient cannot take part.
        not_taken: (join key, visit) to why the examination cannot be used; the patient stays.
        unjoined: problems of identifiers that the rule makes nothing of.
        images_only: join keys that have images and no row.
        tables_only: join keys that have a row and no image.
        warnings: what the import can live with.
    """

    examinations: dict[tuple[str, Visit], Examination] = field(default_factory=dict)
    identifiers: dict[str, set[str]] = field(default_factory=dict)
    set_aside: dict[str, list[Problem]] = field(default_factory=dict)
    not_taken: dict[tuple[str, Visit | None], list[Problem]] = field(default_factory=dict)
    unjoined: list[Problem] = field(default_factory=list)
    images_only: set[str] = field(default_factory=set)
    tables_only: set[str] = field(default_factory=set)
    warnings: list[Problem] = field(default_factory=list)

    def known(self, keys: Collection[str]) -> set[str]:
        """Return every identifier that is known, with these join keys."""
        return {*keys, *self.identifiers, *(name for names in self.identifiers.values() for name in names)}

    def put_aside(self, key: str, problem: Problem) -> None:
        """Set a patient aside for a reason."""
        self.set_aside.setdefault(key, []).append(problem)

    def leave(self, slot: tuple[str, Visit | None], problem: Problem) -> None:
        """Leave an examination for a reason."""
        self.not_taken.setdefault(slot, []).append(problem)
        if slot[1] is not None:
            self.examinations.pop((slot[0], slot[1]), None)


def join(tables: ImportedTables, examinations: Sequence[Examination], problems: Sequence[Problem]) -> Joined:
    """Put examinations and rows together.

    Args:
        tables: clinical frame and visits, by join key.
        examinations: what the readers of images found.
        problems: what they found wrong.
    """
    joined = Joined()
    for problem in tables.problems:
        _place_table_problem(joined, tables, problem)
    rows = {str(key) for key in tables.clinical.index} | set(joined.set_aside)
    _place_examinations(joined, tables.join, examinations, rows)
    for problem in problems:
        _place_image_problem(joined, tables.join, problem)
    with_images = set(joined.identifiers)
    joined.images_only = with_images - rows
    joined.tables_only = rows - with_images
    return joined


def _place_table_problem(joined: Joined, tables: ImportedTables, problem: Problem) -> None:
    if problem.severity == "warning" or problem.patient is None:
        joined.warnings.append(problem)
        return
    # Tables name the patient by identifier or by join key; both lead to the same patient.
    known = problem.patient in tables.clinical.index or problem.patient in tables.places
    key = problem.patient if known else tables.join.key(problem.patient)
    if key is None:
        joined.unjoined.append(problem)
    else:
        joined.put_aside(key, problem)


def _place_examinations(
    joined: Joined, joining: Joining, examinations: Sequence[Examination], rows: Collection[str]
) -> None:
    found: dict[tuple[str, Visit], list[Examination]] = {}
    for examination in examinations:
        key = joining.key(examination.patient)
        if key is None:
            joined.unjoined.append(_no_key(examination.patient, str(examination.source), joining.rule))
            continue
        joined.identifiers.setdefault(key, set()).add(examination.patient)
        found.setdefault((key, examination.visit), []).append(examination)
    for slot, same in sorted(found.items()):
        joined.examinations[slot] = same[0]
        if len(same) > 1:
            joined.leave(slot, _twice(slot, same))
    for key, names in sorted(joined.identifiers.items()):
        if len(names) > 1 and key in rows:
            what = f"{len(names)} identifiers of the images become one patient by the rule ({joining.rule})"
            remedy = "Make sure that they are one person; if not, give the images identifiers that differ"
            listed = ", ".join(sorted(names))
            joined.warnings.append(warning("FC159", "images", what, remedy, value=listed, patient=key))


def _place_image_problem(joined: Joined, joining: Joining, problem: Problem) -> None:
    if problem.severity == "warning" or problem.patient is None:
        joined.warnings.append(problem)
        return
    key = joining.key(problem.patient)
    if key is None:
        joined.unjoined.append(problem)
        return
    joined.identifiers.setdefault(key, set()).add(problem.patient)
    joined.leave((key, None), problem)


def _no_key(patient: str, source: str, rule: str) -> Problem:
    what = f"is an identifier that the tables' rule ({rule}) makes nothing of"
    remedy = "Correct the identifier in the images, or the rule in the mapping of the table"
    return error("FC159", source, what, remedy, value=patient, patient=patient)


def _twice(slot: tuple[str, Visit], same: Sequence[Examination]) -> Problem:
    what = f"was found {len(same)} times, and nothing tells which examination is meant"
    remedy = "Give the images in one format and once, or correct the identifier of the other patient"
    sources = ", ".join(str(examination.source) for examination in same)
    return error("FC153", sources, what, remedy, column=slot[1], patient=same[0].patient)
