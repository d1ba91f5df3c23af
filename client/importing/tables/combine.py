"""Several tables together: one value a patient and variable, and every contradiction."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations

from fedchemo.client.cohort.problems import Problem, error
from fedchemo.client.importing.tables.extract import Key, Said, TableReading
from fedchemo.client.importing.tables.values import Value

# Ages are given in whole years here and with decimals there, rounded or cut off: below a year they agree. Measurements
# agree as far as they are rounded: a cubic millimetre count and its cubic centimetres with one decimal, say.
_TOLERANCE = {"age_years": 1.0, "longest_diameter_mm": 1.0, "sphericity": 0.01, "bpe": 0.5}
_VOLUMES = ("tumour_volume_cc", "ftv_cc")
_VOLUME_CC = 0.1
_VOLUME_SHARE = 0.02


@dataclass(frozen=True)
class Contradiction:
    """What the tables say of a patient, and not all the same.

    Attributes:
        patient: the join key.
        visit: None if it is about the patient.
        variable: which.
        said: every place that says something, in the order of the tables.
    """

    patient: str
    visit: str | None
    variable: str
    said: tuple[Said, ...]

    def problem(self) -> Problem:
        """Return it as a problem that names every place (FC145)."""
        first, *others = self.said
        at = f" at {self.visit}" if self.visit else ""
        elsewhere = "; ".join(str(said.place) for said in others)
        return error(
            "FC145",
            first.place.where,
            f"is not the same {self.variable}{at} as in {elsewhere}; the patient is set aside",
            "Find out which is right and correct the other",
            row=first.place.row,
            column=first.place.column,
            value=" / ".join(said.written for said in self.said),
            patient=self.patient,
        )


@dataclass(frozen=True)
class Combined:
    """All tables together.

    Attributes:
        values: join key -> visit and variable -> the value of the first table that has one; a contradicted one is
            left away.
        contradictions: sorted by patient, visit and variable.
    """

    values: dict[str, dict[Key, Value]]
    contradictions: tuple[Contradiction, ...]


def combine(readings: Sequence[TableReading]) -> Combined:
    """Put what tables say together; an earlier table's value stands where several agree."""
    said: dict[str, dict[Key, list[Said]]] = {}
    for reading in readings:
        for patient, variables in reading.said.items():
            mine = said.setdefault(patient, {})
            for key, more in variables.items():
                mine.setdefault(key, []).extend(more)
    values: dict[str, dict[Key, Value]] = {}
    contradictions = []
    for patient in sorted(said):
        values[patient] = {}
        for (visit, variable), each in sorted(
            said[patient].items(), key=lambda item: (item[0][0] or "", item[0][1])
        ):
            if agree(variable, [one.value for one in each]):
                values[patient][visit, variable] = each[0].value
            else:
                contradictions.append(Contradiction(patient, visit, variable, tuple(each)))
    return Combined(values, tuple(contradictions))


def agree(variable: str, values: Iterable[Value]) -> bool:
    """Say whether values of one variable can be one value, written with different care."""
    return all(_same(variable, one, other) for one, other in combinations(values, 2))


def _same(variable: str, one: Value, other: Value) -> bool:
    if isinstance(one, str) and isinstance(other, str):
        return _letters(one) == _letters(other)
    if isinstance(one, dt.date) or isinstance(other, dt.date):
        return one == other
    left, right = float(one), float(other)
    if variable in _VOLUMES:
        return abs(left - right) <= max(_VOLUME_CC, _VOLUME_SHARE * max(left, right))
    if variable in _TOLERANCE:
        return abs(left - right) < _TOLERANCE[variable]
    return left == right


def _letters(text: str) -> str:
    # Arms are written with and without spaces around a plus.
    return "".join(letter for letter in text.casefold() if letter.isalnum())
