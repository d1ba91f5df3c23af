"""``columns.toml``: from a hospital's columns and codes to ours."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from fedchemo.client.cohort.images import VISITS
from fedchemo.client.cohort.problems import Problem, error
from fedchemo.client.importing.tables.contract import Joining, JoinKind
from fedchemo.client.importing.tables.units import FACTORS, MUST_BE_STATED
from fedchemo.shared.clinical.schema import SCHEMA

CLINICAL = tuple(column.name for column in SCHEMA[1:])
"""Variables of a patient."""
MEASURED = ("ftv_cc", "longest_diameter_mm", "sphericity", "bpe")
"""Variables of a visit."""
KINDS = {column.name: column.kind for column in SCHEMA} | dict.fromkeys(MEASURED, "number") | {"date": "date"}
_ALLOWED: dict[str, tuple[str, ...]] = {column.name: column.values for column in SCHEMA if column.values}

Text = Annotated[str, Field(min_length=1, max_length=300)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Variable(_Part):
    """Where a variable stands and how it is written there."""

    column: Text | None = None
    any_of: tuple[Text, ...] = ()
    """Of a yes or no: yes if one of these columns says so, no if all say no (hormone receptors: ER, PR)."""
    voxels: Text | None = None
    """Of a volume: the column of the number of voxels in the lesion's mask."""
    spacing: tuple[Text, ...] = ()
    """With voxels: the three columns of the voxel's size; one may be named twice."""
    spacing_unit: Literal["mm", "cm"] = "mm"
    unit: str | None = None
    codes: dict[str, str | int | float] = {}
    """What is written -> what it means; ``"missing"`` is a meaning. Codes that are not listed are problems."""
    missing: tuple[str | int | float, ...] = ()
    """What means missing in this column, beyond empty, NA and the like."""
    pending: tuple[str, ...] = ()
    """Of pcr: what means that it is not known yet."""
    format: str | None = None
    """Of a date, as for strptime: ``%d.%m.%Y``."""
    zero_is_missing: bool = False
    optional: bool = False
    """The column may be absent."""
    checked: bool = False
    """Somebody looked at the unit: values far from what is usual are right."""

    @model_validator(mode="after")
    def _one_source(self) -> Variable:
        sources = (self.column is not None) + bool(self.any_of) + (self.voxels is not None)
        if sources != 1:
            msg = "name one of column, any_of and voxels"
            raise ValueError(msg)
        if (self.voxels is not None) != (len(self.spacing) == 3) or (self.spacing and self.voxels is None):
            msg = "voxels needs a spacing of three columns, and nothing else has one"
            raise ValueError(msg)
        return self

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column it needs."""
        if self.column is not None:
            return (self.column,)
        return self.any_of or tuple(dict.fromkeys((self.voxels or "", *self.spacing)))


class Identifier(_Part):
    """The column of patients, and how identifiers become join keys."""

    column: Text
    join: JoinKind = "exact"
    digits: Annotated[int, Field(ge=0, le=32)] = 0
    pattern: str = ""
    pad: bool = False

    @model_validator(mode="after")
    def _complete(self) -> Identifier:
        if self.join in {"last-digits", "zero-padded"} and self.digits == 0:
            msg = f"{self.join} needs digits, such as 6"
            raise ValueError(msg)
        if (self.join == "pattern") != bool(self.pattern):
            msg = "join = 'pattern' and pattern go together"
            raise ValueError(msg)
        try:
            re.compile(self.pattern)
        except re.error as wrong:
            msg = f"pattern is no regular expression: {wrong}"
            raise ValueError(msg) from wrong
        return self

    @property
    def joining(self) -> Joining:
        """The rule."""
        return Joining(self.join, self.digits, self.pattern, self.pad)


class Rows(_Part):
    """Which rows of a table of several data sets are meant."""

    identifier: str = ""
    """A regular expression at the identifier's beginning, whatever the case."""
    where: dict[str, tuple[str | int | float, ...]] = {}
    """Column -> the values it may have; case, spaces and punctuation do not count."""

    @field_validator("identifier")
    @classmethod
    def _compiles(cls, pattern: str) -> str:
        try:
            re.compile(pattern)
        except re.error as wrong:
            msg = f"is no regular expression: {wrong}"
            raise ValueError(msg) from wrong
        return pattern


class Recognise(_Part):
    """By which columns a shipped mapping knows its table."""

    columns: tuple[Text, ...] = ()
    absent: tuple[Text, ...] = ()


class VisitColumn(_Part):
    """Of a table with a row a visit: where the visit stands."""

    column: Text
    codes: dict[str, str] = {}

    @field_validator("codes")
    @classmethod
    def _visits(cls, codes: dict[str, str]) -> dict[str, str]:
        if wrong := [visit for visit in codes.values() if visit not in {*VISITS, "missing"}]:
            msg = f"{wrong[0]} is none of {', '.join(VISITS)}"
            raise ValueError(msg)
        return codes


class TableMapping(_Part):
    """One ``columns.toml``."""

    title: Text
    source: str = ""
    file: str = ""
    """Pattern of the file names it is for, such as ``*mri*.xlsx``; empty: every table with these columns."""
    sheet: str = ""
    header: tuple[Annotated[int, Field(ge=1, le=50)], ...] | None = None
    """The rows of the header; absent: the first in which the columns are found."""
    decimal: Literal[".", ","] | None = None
    missing: tuple[str | int | float, ...] = ()
    identifier: Identifier
    rows: Rows = Rows()
    recognise: Recognise = Recognise()
    clinical: dict[str, Variable] = {}
    visit: VisitColumn | None = None
    measured: dict[str, Variable] = {}
    visits: dict[Literal["T0", "T1", "T2", "T3"], dict[str, Variable]] = {}

    @field_validator("header", mode="before")
    @classmethod
    def _one_row(cls, header: object) -> object:
        return (header,) if isinstance(header, int) else header

    @field_validator("header")
    @classmethod
    def _consecutive(cls, header: tuple[int, ...] | None) -> tuple[int, ...] | None:
        if header is not None and (
            not header or list(header) != list(range(header[0], header[0] + len(header)))
        ):
            msg = "name consecutive rows, such as [1, 2, 3]"
            raise ValueError(msg)
        return header

    @model_validator(mode="after")
    def _known_variables(self) -> TableMapping:
        for name, variable in self.clinical.items():
            _check_variable(f"clinical.{name}", name, variable, CLINICAL)
        for name, variable in self.measured.items():
            _check_variable(f"measured.{name}", name, variable, (*MEASURED, "date"))
        for visit, variables in self.visits.items():
            for name, variable in variables.items():
                _check_variable(f"visits.{visit}.{name}", name, variable, (*MEASURED, "date"))
        if bool(self.measured) != (self.visit is not None):
            msg = "[visit] names the column of the visit, [measured] what was measured then: both or neither"
            raise ValueError(msg)
        if not (self.clinical or self.measured or self.visits):
            msg = "map at least one variable, in [clinical], [visits.T0] or [measured]"
            raise ValueError(msg)
        return self

    def variables(self) -> list[tuple[str | None, str, Variable]]:
        """Return visit (None: of the patient; ``*``: by the visit column), name and variable, in order."""
        return [
            *((None, name, variable) for name, variable in self.clinical.items()),
            *(("*", name, variable) for name, variable in self.measured.items()),
            *((visit, name, v) for visit, variables in self.visits.items() for name, v in variables.items()),
        ]

    def required(self) -> list[str]:
        """Return the columns that must be there."""
        needed = [self.identifier.column, *self.rows.where]
        if self.visit:
            needed.append(self.visit.column)
        needed += [column for _, _, v in self.variables() if not v.optional for column in v.columns]
        return list(dict.fromkeys(needed))


def read_mapping(path: Path) -> tuple[TableMapping | None, list[Problem]]:
    """Read a mapping, and return it, or None and everything that is wrong with it (FC134)."""
    see = "See `fedchemo data import --guess`, which writes one for a table"
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except UnicodeDecodeError:
        return None, [error("FC134", path, "is not UTF-8 text", see)]
    except tomllib.TOMLDecodeError as wrong:
        return None, [error("FC134", path, f"is not TOML: {wrong}", see)]
    except OSError as wrong:
        return None, [error("FC134", path, f"cannot be read: {wrong.strerror}", "Check the path")]
    try:
        return TableMapping.model_validate(content), []
    except ValidationError as wrong:
        return None, [
            error(
                "FC134",
                path,
                found["msg"].removeprefix("Value error, "),
                "Remove it, or correct its spelling" if found["type"] == "extra_forbidden" else "Correct it",
                column=".".join(map(str, found["loc"])) or None,
            )
            for found in wrong.errors()
        ]


def _check_variable(where: str, name: str, variable: Variable, known: tuple[str, ...]) -> None:
    if name not in known:
        msg = f"{where}: no such variable; there are {', '.join(known)}"
        raise ValueError(msg)
    units = FACTORS.get(name)
    if variable.unit is not None and (units is None or variable.unit not in units):
        msg = f"{where}: unit is one of {', '.join(units)}" if units else f"{where}: has no unit"
        raise ValueError(msg)
    if name in MUST_BE_STATED and variable.unit is None and variable.voxels is None:
        msg = f"{where}: state its unit, {' or '.join(units or ())}"
        raise ValueError(msg)
    kind = KINDS[name]
    if variable.any_of and kind != "binary":
        msg = f"{where}: any_of is for yes or no"
        raise ValueError(msg)
    if variable.voxels and name not in {"tumour_volume_cc", "ftv_cc"}:
        msg = f"{where}: voxels is for a volume"
        raise ValueError(msg)
    for meaning in variable.codes.values():
        if meaning == "missing":
            continue
        if kind == "binary" and meaning not in {0, 1}:
            msg = f"{where}: a code means 0, 1 or missing, not {meaning}"
            raise ValueError(msg)
        if name in _ALLOWED and meaning not in _ALLOWED[name]:
            msg = f"{where}: a code means {', '.join(_ALLOWED[name])} or missing, not {meaning}"
            raise ValueError(msg)
        if kind == "number" and not isinstance(meaning, int | float):
            msg = f"{where}: a code means a number or missing, not {meaning}"
            raise ValueError(msg)
