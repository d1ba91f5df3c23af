"""Whether a column can be in the unit that its mapping states, by its middle value."""

from __future__ import annotations

import statistics
from collections.abc import Mapping

from fedchemo.client.cohort.problems import Problem, error, warning
from fedchemo.client.importing.tables.mapping import Variable

# Medians of I-SPY1, I-SPY2 and Duke at T0: 3 to 15 cm3, 36 to 68 mm, sphericity 0.2, BPE 20 %. A wrong unit is at
# least a factor of ten, so the windows reach half of that in both directions. After treatment tumours are smaller;
# those that vanished (0) do not count.
_BEFORE = {
    "tumour_volume_cc": (0.1, 300.0),
    "ftv_cc": (0.1, 300.0),
    "longest_diameter_mm": (9.0, 150.0),
    "sphericity": (0.02, 1.0),
    "bpe": (1.5, 300.0),
}
USUAL = {"age_years": (20.0, 95.0), **_BEFORE}
"""Variable -> where the middle value of a column lies, in our unit."""
_AFTER = {**_BEFORE, "ftv_cc": (0.02, 300.0), "longest_diameter_mm": (4.0, 150.0), "bpe": (1.0, 300.0)}
_ENOUGH = 5


def implausible(
    where: str, name: str, variable: Variable, title: str, values: Mapping[str | None, list[float]]
) -> Problem | None:
    """Return what is wrong with a column's unit (FC144), or None.

    Args:
        where: the table, for the message.
        name: the variable.
        variable: as mapped; ``checked`` means that somebody looked.
        title: the column's name.
        values: visit -> values in our unit, those out of range among them.
    """
    if variable.checked or name not in _BEFORE:
        return None
    for visit, numbers in values.items():
        low, high = (_AFTER if visit in {"T1", "T2", "T3"} else _BEFORE)[name]
        some = [number for number in numbers if number > 0]
        if not some or low <= statistics.median(some) <= high:
            continue
        # Of a few patients the middle value says little: the column is left out, but the import goes on.
        make = error if len(some) >= _ENOUGH else warning
        at = f" at {visit}" if visit else ""
        what = f"has a middle value{at} outside the usual {low:g} to {high:g} of {name}: is its unit right?"
        return make(
            "FC144", where, what, "Correct unit in the mapping, or write checked = true", column=title
        )
    return None
