"""The tables of a study on a terminal; the files hold more."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from typing import Any

import pandas as pd
from rich.table import Table

from fedchemo.simulations.studies.analysis import Tables
from fedchemo.simulations.studies.comparing import EVERYBODY
from fedchemo.simulations.studies.settings import Study

FIGURES = {
    "AUC": "auc",
    "mean over sites": "auc, mean over sites",
    "slope": "calibration slope",
    "Brier": "brier",
    "ECE": "expected calibration error",
}
LONGEST = 24
"""Rows of subgroups that are shown: those of the first condition, and sites only if they are few."""


def shown(found: Tables, study: Study) -> Iterator[Table]:
    """Yield the tables: methods, comparisons, subgroups and gaps of the first strategy."""
    yield _methods(found, study)
    if len(found.comparisons):
        yield _comparisons(found, study)
    yield from _groups(found, study)


def _axes(study: Study) -> list[str]:
    """Return the axes on which a study has more than one place; the others say nothing."""
    sizes = {"partition": study.partition, "variant": study.variant, "privacy": study.privacy}
    return [axis for axis, values in sizes.items() if len(values) > 1]


def _table(title: str, caption: str, texts: list[str], numbers: list[str]) -> Table:
    made = Table(title=title, title_justify="left", caption=caption, caption_justify="left")
    for heading in texts:
        made.add_column(heading)
    for heading in numbers:
        made.add_column(heading, justify="right")
    return made


def _methods(found: Tables, study: Study) -> Table:
    axes = [*_axes(study), "method"]
    made = _table(
        study.question or study.name,
        "test patients, 95 % intervals over patients and seeds; ideal slope 1",
        axes,
        ["n", *FIGURES],
    )
    for _, rows in found.estimates.groupby(["partition", "variant", "privacy", "method"], sort=False):
        known = {each["figure"]: each for each in rows.to_dict("records")}
        at = rows.iloc[0]
        cells = [_interval(known.get(name)) for name in FIGURES.values()]
        made.add_row(*(str(at[axis]) for axis in axes), str(int(rows["n"].max())), *cells)
    return made


def _comparisons(found: Tables, study: Study) -> Table:
    axes = _axes(study)
    made = _table(
        f"Differences of AUC on the same patients; margin {study.margin:g}",
        "Holm: corrected for all comparisons; equal: p of a difference of the margin or more",
        [*axes, "first less second"],
        ["n", "AUC", "p (Holm)", "p equal", "Brier"],
    )
    for each in found.comparisons.to_dict("records"):
        pair = f"{each['first']} less {each['second']}"
        pair += "" if each["among"] == EVERYBODY else f", {each['among']}"
        made.add_row(
            *(str(each[axis]) for axis in axes),
            pair,
            str(each["n"]),
            _interval(each, sign="+"),
            f"{each['p_holm']:.3f}",
            f"{each['p_equivalence']:.3f}",
            _prefixed(each, "brier", sign="+"),
        )
    return made


def _groups(found: Tables, study: Study) -> Iterator[Table]:
    first = study.strategy[0].title
    if not len(found.subgroups):
        return
    rows = _of_first_condition(found.subgroups)
    made = _table(
        f"Subgroups, {first}",
        "against others: AUC here less AUC among all other patients; withheld below 5 of a class",
        ["by", "group"],
        ["n (pCR)", "AUC", "against others", "observed", "predicted"],
    )
    for each in rows.head(LONGEST).to_dict("records"):
        positives = "" if pd.isna(each["positives"]) else f" ({int(each['positives'])})"
        made.add_row(
            each["grouping"],
            each["group"],
            f"{each['n']}{positives}",
            _prefixed(each, "auc"),
            _prefixed(each, "against_others", sign="+"),
            _number(each["observed"]),
            _number(each["predicted"]),
        )
    yield made
    if len(found.gaps):
        made = _table(
            f"Fairness gaps, {first}: best group less worst",
            "by chance: the gap of groups that are shuffled among patients of the same outcome",
            ["by", "figure"],
            ["gap", "by chance", "p", "best", "worst"],
        )
        for each in _of_first_condition(found.gaps).to_dict("records"):
            made.add_row(
                each["grouping"],
                each["figure"],
                _interval({**each, "value": each["gap"]}),
                _number(each["by_chance"]),
                _number(each["p"]),
                each["best"],
                each["worst"],
            )
        yield made


def _of_first_condition(table: pd.DataFrame) -> pd.DataFrame:
    condition = ["variant", "partition", "privacy"]
    return table[(table[condition] == table[condition].iloc[0]).all(axis=1)]


def _prefixed(each: dict[Hashable, Any], name: str, *, sign: str = "") -> str:
    found: dict[Hashable, Any] = {bound: each.get(f"{name}_{bound}") for bound in ("low", "high")}
    return _interval({**found, "value": each.get(name)}, sign=sign)


def _interval(each: dict[Hashable, Any] | None, *, sign: str = "") -> str:
    if each is None or pd.isna(each["value"]):
        return "too few"
    low, high = (format(each[name], f"{sign}.2f") for name in ("low", "high"))
    # Escaped, or rich would take the bracket for markup.
    return f"{each['value']:{sign}.3f} \\[{low}, {high}]"


def _number(value: float | None) -> str:
    return "too few" if value is None or pd.isna(value) else f"{value:.3f}"
