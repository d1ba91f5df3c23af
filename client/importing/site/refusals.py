"""When an import is refused: nothing is written, and the reason names no patient."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

from fedchemo.client.importing.contract import Found
from fedchemo.client.importing.site.joining import Joined
from fedchemo.client.importing.site.manifest import Slot
from fedchemo.client.importing.site.words import Words
from fedchemo.shared.errors import FedchemoError

if TYPE_CHECKING:
    import pandas as pd

    from fedchemo.client.importing.tables.contract import ImportedTables

_LISTED = 20


def require_readable(tables: ImportedTables, words: Words) -> None:
    """Refuse tables with a problem that is about no one patient.

    Raises:
        FedchemoError: with the code of the first such problem, and all of them in words.
    """
    wrong = [
        problem for problem in tables.problems if problem.severity == "error" and problem.patient is None
    ]
    if wrong:
        lines = [str(words.told(problem, None)) for problem in wrong[:_LISTED]]
        if len(wrong) > _LISTED:
            lines.append(f"and {len(wrong) - _LISTED} more")
        count = "1 error" if len(wrong) == 1 else f"{len(wrong)} errors"
        raise FedchemoError(
            wrong[0].code, "\n".join([f"{count} in the tables", *(f"  {line}" for line in lines)])
        )


def require_examinations(found: Found, report: Path) -> None:
    """Refuse folders without any examination that can be used.

    Raises:
        FedchemoError: FC155.
    """
    if found.examinations:
        return
    reasons = Counter(problem.code for problem in found.problems if problem.severity == "error")
    if not reasons:
        raise FedchemoError("FC155", "no DICOM or NIfTI examination lies in the --images folders")
    listed = ", ".join(f"{count} x {code}" for code, count in reasons.most_common())
    raise FedchemoError("FC155", f"every examination was set aside ({listed}); the sources are in {report}")


def require_common(joined: Joined, rows: Collection[str], rule: str) -> None:
    """Refuse images and tables that have no patient in common.

    Raises:
        FedchemoError: FC157.
    """
    if not set(joined.identifiers) & set(rows):
        unjoined = f", and {len(joined.unjoined)} identifiers that do not fit" if joined.unjoined else ""
        raise FedchemoError(
            "FC157",
            f"{len(rows)} patients in the tables, {len(joined.identifiers)} in the images{unjoined}; joined by {rule}",
        )


def require_outcomes(pcr: pd.Series[float], *, prediction_only: bool, set_aside: int) -> None:
    """Refuse a cohort that cannot be trained on, unless it is meant to predict only.

    Args:
        pcr: outcomes of the patients who take part; NaN is not known.
        prediction_only: whether outcomes are needed.
        set_aside: patients who do not take part.

    Raises:
        FedchemoError: FC156.
    """
    aside = f"; {set_aside} were set aside" if set_aside else ""
    if pcr.empty:
        raise FedchemoError("FC156", f"no patient of the tables can take part{aside}")
    if prediction_only:
        return
    classes = sorted(pcr.dropna().unique())
    if not classes:
        raise FedchemoError("FC156", f"none of {len(pcr)} patients has an outcome{aside}")
    if len(classes) == 1:
        what = "with" if classes[0] == 1 else "without"
        raise FedchemoError(
            "FC156", f"all {pcr.notna().sum()} patients with an outcome are {what} pCR{aside}"
        )


def require_still_there(patients: Collection[str], examinations: Collection[Slot]) -> None:
    """Refuse to drop what an earlier import wrote.

    Args:
        patients: pseudonyms in the site folder's table and not in the input.
        examinations: those in the site folder and not in the input.

    Raises:
        FedchemoError: FC158.
    """
    if not patients and not examinations:
        return
    some = sorted({*patients, *(patient for patient, _ in examinations)})
    listed = ", ".join(some[:5]) + (" ..." if len(some) > 5 else "")
    what = f"{len(patients)} patients and {len(examinations)} examinations are gone from the input: {listed}"
    raise FedchemoError("FC158", what)
