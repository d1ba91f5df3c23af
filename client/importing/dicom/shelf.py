"""Headers kept on disk until their patient's turn comes, so that memory does not grow with the cohort."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import Self

from fedchemo.client.importing.dicom.header import Header, packed, unpacked

_TABLE = "CREATE TABLE headers (patient TEXT, study TEXT, series TEXT, instance TEXT, folder TEXT, line TEXT)"


class Shelf:
    """A temporary database of headers, gone when it is closed.

    SQLite gives it a file of its own that no other user may read and that has no name, once it outgrows memory.
    """

    def __init__(self) -> None:
        self._database = sqlite3.connect("")
        # Nothing here outlives the process, so nothing needs to survive its crash.
        self._database.execute("PRAGMA journal_mode = OFF")
        self._database.execute("PRAGMA synchronous = OFF")
        self._database.execute(_TABLE)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._database.close()

    def add(self, headers: Iterable[Header]) -> None:
        """Keep headers."""
        self._database.executemany(
            "INSERT INTO headers VALUES (?, ?, ?, ?, ?, ?)",
            (
                (one.patient, one.study, one.series, one.instance, os.path.dirname(one.path), packed(one))  # noqa: PTH120
                for one in headers
            ),
        )

    def patients(self) -> list[str]:
        """Return the identifiers, sorted; the index that later questions need is made."""
        self._database.execute("CREATE INDEX IF NOT EXISTS of_patient ON headers (patient)")
        return [
            row[0] for row in self._database.execute("SELECT DISTINCT patient FROM headers ORDER BY patient")
        ]

    def headers(self, patient: str) -> Iterator[Header]:
        """Yield a patient's headers, ordered by study, series and path."""
        rows = self._database.execute(
            "SELECT line FROM headers WHERE patient = ? ORDER BY study, series, rowid", (patient,)
        )
        return (unpacked(row[0]) for row in rows)

    def shared_folders(self) -> list[tuple[str, int]]:
        """Return folders with images of more than one patient, and of how many."""
        return self._database.execute(
            "SELECT folder, COUNT(DISTINCT patient) AS n FROM headers GROUP BY folder HAVING n > 1 ORDER BY folder"
        ).fetchall()

    def contested(self) -> set[str]:
        """Return the identities of studies, series and images that stand under more than one patient."""
        found: set[str] = set()
        for what in ("study", "series", "instance"):
            rows = self._database.execute(
                f"SELECT {what} FROM headers GROUP BY {what} HAVING COUNT(DISTINCT patient) > 1"  # noqa: S608 - of three fixed words
            )
            found.update(row[0] for row in rows)
        return found
