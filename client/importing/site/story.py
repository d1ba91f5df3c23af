"""The full story of an import, for the hospital alone: ``<state>/import/report.json``, mode 0600."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from fedchemo.client.importing.contract import Found
from fedchemo.client.importing.site.joining import Joined
from fedchemo.client.importing.site.outcome import Outcome
from fedchemo.client.importing.site.request import Destination, ImportRequest
from fedchemo.client.importing.site.words import with_sources
from fedchemo.shared.atomic import write_text
from fedchemo.shared.errors import FedchemoError

if TYPE_CHECKING:
    from fedchemo.client.importing.deidentification.pseudonyms import Pseudonyms
    from fedchemo.client.importing.tables.contract import ImportedTables


class Story:
    """Gathers what happened, with identifiers and files, and writes it at the end, refused or not.

    Args:
        request: what was wanted.
        destination: where it is written.

    Raises:
        FedchemoError: FC004 if the state folder cannot be written.
    """

    def __init__(self, request: ImportRequest, destination: Destination) -> None:
        self.path = destination.state / "import" / "report.json"
        try:
            self.path.parent.mkdir(exist_ok=True, mode=0o700)
        except OSError as error:
            raise FedchemoError("FC004", f"{self.path.parent}: {error.strerror or error}") from error
        self._content: dict[str, Any] = {
            "site": destination.name,
            "out": str(destination.out),
            "images": [str(folder) for folder in request.images],
            "tables": [str(file) for file in request.tables],
            "mappings": [str(file) for file in request.mappings],
        }

    def tables(self, tables: ImportedTables) -> None:
        """Take what the tables said."""
        self._content["table_notes"] = list(tables.notes)
        self._content["join"] = tables.join.rule
        self._content["places"] = dict(tables.places)
        self._content["table_problems"] = [with_sources(problem, None) for problem in tables.problems]

    def found(self, found: Found) -> None:
        """Take what the readers of images found."""
        self._content["exposed"] = dict(found.exposed)
        self._content["burned_in"] = list(found.burned_in)
        self._content["image_problems"] = [with_sources(problem, None) for problem in found.problems]

    def joined(self, joined: Joined, pseudonyms: Pseudonyms) -> None:
        """Take who has what."""
        self._content["examinations"] = [
            {
                "pseudonym": pseudonyms.of(key),
                "visit": visit,
                "patient": examination.patient,
                "source": str(examination.source),
                "date": None if examination.date is None else examination.date.isoformat(),
                "times_s": examination.times_s,
                "scanner": vars(examination.scanner),
                "taken": list(examination.taken),
                "left": list(examination.left),
            }
            for (key, visit), examination in sorted(joined.examinations.items())
        ]
        self._content["set_aside"] = [
            with_sources(problem, pseudonyms.of(key))
            for key, problems in sorted(joined.set_aside.items())
            for problem in problems
        ]
        self._content["not_taken"] = [
            with_sources(problem, pseudonyms.of(key))
            for (key, _), problems in sorted(joined.not_taken.items(), key=lambda item: item[0][0])
            for problem in problems
        ] + [with_sources(problem, None) for problem in joined.unjoined]
        self._content["images_only"] = {pseudonyms.of(key): key for key in sorted(joined.images_only)}
        self._content["tables_only"] = {pseudonyms.of(key): key for key in sorted(joined.tables_only)}

    def free_text(self, values: dict[str, list[str]]) -> None:
        """Take the values of free text that were copied as they are."""
        self._content["copied_as_written"] = values

    def outcome(self, outcome: Outcome) -> None:
        """Take what may be shown as well."""
        self._content["summary"] = outcome.to_dict()

    def refuse(self, code: str, what: str) -> None:
        """Take why no site folder was made."""
        self._content["refused"] = {"code": code, "what": what}

    def write(self) -> None:
        """Write the report.

        Raises:
            FedchemoError: FC004 if it cannot be written.
        """
        write_text(
            self.path, json.dumps(self._content, indent=1, ensure_ascii=False, default=str) + "\n", mode=0o600
        )
