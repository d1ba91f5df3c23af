"""The site folder on disk: whose it is, where it grows unseen, and how it appears whole.

An import builds beside what is there. A new site folder grows under a hidden name and is renamed when it is whole;
in one that is there already, examinations and tables are replaced one by one, each in one step, so that whoever
reads it meanwhile finds a valid site folder.
"""

from __future__ import annotations

import hashlib
import hmac
import shutil
import tempfile
from collections.abc import Collection, Mapping
from pathlib import Path

import tomli_w

from fedchemo.client.cohort.description import read_description
from fedchemo.client.cohort.images import VISITS
from fedchemo.client.importing.site.manifest import Slot, Written
from fedchemo.client.importing.site.request import Destination
from fedchemo.shared.atomic import write_text
from fedchemo.shared.errors import FedchemoError

_TABLES = ("clinical.csv", "visits.csv")


class SitePlace:
    """A site folder that an import writes.

    Args:
        destination: where.
        key: the hospital's pseudonym key; a mark derived from it says which import a folder belongs to.
        scratch: a folder that is there, for what is thrown away again.

    Raises:
        FedchemoError: FC154 if the folder holds anything that an import with this name and key did not make.
    """

    def __init__(self, destination: Destination, key: bytes, scratch: Path) -> None:
        self._scratch = scratch
        self.out = destination.out
        self._name = destination.name
        self._dataset = destination.dataset
        message = f"site folder of {destination.name}".encode()
        self._notes = f"made by fedchemo data import {hmac.digest(key, message, hashlib.sha256).hex()[:16]}"
        self._require_ours()
        # Inside a folder that is there, since it may be a disk of its own; else beside it, to be renamed.
        self.staging = (
            self.out / ".fedchemo-import"
            if self.out.is_dir()
            else self.out.with_name(f".{self.out.name}.fedchemo-import")
        )

    def _require_ours(self) -> None:
        if not self.out.exists():
            return
        if not self.out.is_dir():
            raise FedchemoError("FC154", f"{self.out} is a file")
        described = self.out / "site.toml"
        if not described.is_file():
            if inside := [child for child in self.out.iterdir() if not _ignored(child.name)]:
                raise FedchemoError(
                    "FC154", f"{self.out} is no site folder, and holds {len(inside)} files or folders"
                )
            return
        found = read_description(described)[0]
        if found is None:
            raise FedchemoError("FC154", f"{self.out} holds a site.toml that cannot be read")
        if found.name != self._name:
            raise FedchemoError("FC154", f"{self.out} is the folder of {found.name}, not of {self._name}")
        if found.notes != self._notes:
            made = found.notes.startswith("made by fedchemo data import")
            what = "was imported with another --state" if made else "was not made by fedchemo data import"
            raise FedchemoError("FC154", f"{self.out} is the folder of {found.name}, but {what}")

    @property
    def staged_images(self) -> Path:
        """Where examinations are written first."""
        return self.staging / "images"

    def holds(self, slot: Slot, written: Written) -> bool:
        """Tell whether an examination lies here whole, published or not."""
        return any(
            written.lies_in(images / slot[0] / slot[1])
            for images in (self.staged_images, self.out / "images")
        )

    def published(self) -> set[Slot]:
        """Return the examinations in the site folder."""
        images = self.out / "images"
        folders = images.glob("*/*") if images.is_dir() else ()
        return {(f.parent.name, v) for f in folders for v in VISITS if f.name == v and f.is_dir()}

    def patients(self) -> set[str]:
        """Return the patients of the site folder's table; none if there is no table that can be read."""
        path = self.out / "clinical.csv"
        if not path.is_file():
            return set()
        from fedchemo.client.cohort.table import read_table

        table, _ = read_table(path, known=("patient_id",), required=("patient_id",))
        return set() if table is None else {str(patient) for patient in table["patient_id"] if patient}

    def sweep(self) -> None:
        """Remove what a killed import left unfinished, if anything."""
        beside = self.out.with_name(f".{self.out.name}.fedchemo-import")
        if beside != self.staging:
            shutil.rmtree(beside, ignore_errors=True)
        for part in (*self.staged_images.glob("*/.*.part"), *self.staged_images.glob("*/*/.*.part")):
            shutil.rmtree(part, ignore_errors=True)

    def check(self, tables: Mapping[str, str]) -> None:
        """Read tables as the client would read them in a site folder.

        Raises:
            SiteProblems: FC101 if they are not those of a site folder.
        """
        from fedchemo.client.cohort.problems import SiteProblems
        from fedchemo.client.cohort.reader import read_site

        with tempfile.TemporaryDirectory(dir=self._scratch) as folder:
            self._describe(Path(folder), tables)
            cohort = read_site(Path(folder))
        # A reader sets single bad rows aside; an import must not write any.
        if any(problem.severity == "error" for problem in cohort.problems):
            raise SiteProblems(cohort.problems)

    def publish(self, tables: Mapping[str, str], slots: Collection[Slot]) -> None:
        """Make the site folder hold these tables and these examinations, and nothing else.

        Args:
            tables: content of ``clinical.csv``, and of ``visits.csv`` if there is any visit.
            slots: examinations, each staged or published already.

        Raises:
            SiteProblems: FC101 if the result would not be a site folder that can be read; nothing changes then.
            FedchemoError: FC004 if it cannot be written.
        """
        try:
            self.check(tables)
            if not self.out.exists():
                self._describe(self.staging, tables)
                _only(self.staging / "images", slots)
                self.staging.chmod(0o700)
                self.staging.rename(self.out)
                return
            self._renew(tables, slots)
        except OSError as error:
            where = error.filename or self.out
            raise FedchemoError("FC004", f"{where}: {error.strerror or error}") from error

    def _renew(self, tables: Mapping[str, str], slots: Collection[Slot]) -> None:
        old = self.staging / "old"
        images = self.out / "images"
        for patient, visit in sorted(slots):
            new, place = self.staged_images / patient / visit, images / patient / visit
            if not new.is_dir():
                continue
            place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            if place.exists():
                old.mkdir(exist_ok=True)
                replaced = old / f"{patient}-{visit}"
                shutil.rmtree(replaced, ignore_errors=True)
                place.rename(replaced)
            new.rename(place)
        # First the table, so that a folder of images never lacks its row.
        self._describe(self.out, tables)
        _only(images, slots)
        shutil.rmtree(self.staging, ignore_errors=True)

    def _describe(self, folder: Path, tables: Mapping[str, str]) -> None:
        """Write the tables, and ``site.toml`` last: without it a folder is no site folder."""
        for name in _TABLES:
            if name in tables:
                write_text(folder / name, tables[name], mode=0o600)
            else:
                (folder / name).unlink(missing_ok=True)
        description = {"name": self._name, "dataset": self._dataset, "notes": self._notes}
        write_text(folder / "site.toml", tomli_w.dumps(description), mode=0o600)


def _only(images: Path, slots: Collection[Slot]) -> None:
    """Remove every examination but these, and the folders of patients that have none left."""
    for patient in sorted(images.iterdir()) if images.is_dir() else ():
        if not patient.is_dir():
            continue
        for visit in sorted(patient.iterdir()):
            if visit.name in VISITS and (patient.name, visit.name) not in slots:
                shutil.rmtree(visit)
        if not any(patient.iterdir()):
            patient.rmdir()
    if images.is_dir() and not any(images.iterdir()):
        images.rmdir()


def _ignored(name: str) -> bool:
    # What desktops and disks leave behind, and our own folder of an import that was killed.
    return name.startswith(".") or name in {"lost+found", "Thumbs.db", "desktop.ini"}
