"""Reads a site folder: every problem in one pass.

What is named here is imported when it is first used: pandas and pandera take a second to load, and the processes that
prepare images need only `fedchemo.client.cohort.problems`.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fedchemo.client.cohort.cohort import Cohort
    from fedchemo.client.cohort.problems import Problem, SiteProblems
    from fedchemo.client.cohort.reader import Reading, examine_site, read_site

__all__ = ["Cohort", "Problem", "Reading", "SiteProblems", "examine_site", "read_site"]

_HOMES = {
    "Cohort": "cohort",
    "Problem": "problems",
    "SiteProblems": "problems",
    "Reading": "reader",
    "examine_site": "reader",
    "read_site": "reader",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(name)
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
