"""What came of an import: figures that may be shown, and the full story for the hospital alone."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from fedchemo.client.importing.site.words import Told


@dataclass
class Outcome:
    """A site folder that was made. Nothing in it names a patient but by pseudonym.

    Attributes:
        site: the site's name.
        dataset: what the patients were collected for.
        out: the site folder.
        report: the file with the full story (mode 0600).
        patients: in ``clinical.csv``.
        positives: of them with pCR.
        negatives: of them without.
        with_images: of them with images of any visit.
        examinations: visit to how many.
        written: examinations written by this import.
        unchanged: examinations that were there already.
        removed_examinations: removed from the site folder: set aside now, or gone from the input.
        removed_patients: likewise.
        set_aside: patients that cannot take part, and why.
        not_taken: examinations that cannot be used, and why; their patients take part.
        images_only: pseudonyms with images and no row in a table.
        tables_only: how many patients have a row and no images.
        warnings: what the site can live with.
        exposed: attribute that identifies a person, to the number of files that hold it.
        burned_in: series in whose pixels a name may be written.
        volumes: where the tumour volumes came from that no table gave, to how many.
        taken: what was taken, in sentences, to how many examinations.
        left: what was left, likewise.
        done: what was done to examinations beyond copying them, likewise.
        notes: what was done to the tables.
    """

    site: str
    dataset: str
    out: Path
    report: Path
    patients: int = 0
    positives: int = 0
    negatives: int = 0
    with_images: int = 0
    examinations: dict[str, int] = field(default_factory=dict)
    written: int = 0
    unchanged: int = 0
    removed_examinations: int = 0
    removed_patients: int = 0
    set_aside: list[Told] = field(default_factory=list)
    not_taken: list[Told] = field(default_factory=list)
    images_only: list[str] = field(default_factory=list)
    tables_only: int = 0
    warnings: list[Told] = field(default_factory=list)
    exposed: dict[str, int] = field(default_factory=dict)
    burned_in: list[str] = field(default_factory=list)
    volumes: dict[str, int] = field(default_factory=dict)
    taken: dict[str, int] = field(default_factory=dict)
    left: dict[str, int] = field(default_factory=dict)
    done: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """Return what may be shown, for JSON."""
        return {**asdict(self), "out": str(self.out), "report": str(self.report)}
