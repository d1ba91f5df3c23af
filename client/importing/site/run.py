"""From what a hospital has to a site folder: `import_site`."""

from __future__ import annotations

import contextlib
import os
import traceback
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from fedchemo.client.importing.contract import Found
from fedchemo.client.importing.site.joining import Joined, join
from fedchemo.client.importing.site.manifest import Manifest
from fedchemo.client.importing.site.outcome import Outcome
from fedchemo.client.importing.site.place import SitePlace
from fedchemo.client.importing.site.readers import Readers, Watch, find_images, installed_readers
from fedchemo.client.importing.site.refusals import (
    require_common,
    require_examinations,
    require_outcomes,
    require_readable,
    require_still_there,
)
from fedchemo.client.importing.site.request import Destination, ImportRequest, settle
from fedchemo.client.importing.site.story import Story
from fedchemo.client.importing.site.telling import tell
from fedchemo.client.importing.site.words import Words
from fedchemo.client.importing.site.writing import WrittenAll, write_all
from fedchemo.shared.errors import FedchemoError

if TYPE_CHECKING:
    import pandas as pd

    from fedchemo.client.importing.deidentification.pseudonyms import Pseudonyms
    from fedchemo.client.importing.tables.contract import ImportedTables


def import_site(
    request: ImportRequest, *, watch: Watch | None = None, readers: Readers | None = None
) -> Outcome:
    """Make a site folder, or renew the one that an earlier import made.

    Patients and examinations that cannot be used are set aside with the reason. The site folder appears whole at the
    end; an import that was killed goes on where it was. The full story, with the hospital's identifiers and files,
    goes to ``<state>/import/report.json``, also when the import is refused.

    Args:
        request: what is wanted.
        watch: told the progress.
        readers: by default those of this release.

    Raises:
        FedchemoError: FC001, FC002 the request; FC004 a disk; FC150, FC151 the pseudonyms; FC154 to FC158 and
            errors of the tables refuse the import; FC910 another import uses the state folder.
    """
    destination = settle(request)
    with _private_files(), _locked(destination.state):
        story = Story(request, destination)
        try:
            return _Import(
                request, destination, story, watch or _unwatched, readers or installed_readers()
            ).run()
        except FedchemoError as error:
            story.refuse(error.code, error.what)
            raise
        except KeyboardInterrupt:
            story.refuse("", "interrupted; the next import goes on from here")
            raise
        except Exception as error:
            if os.environ.get("FEDCHEMO_DEBUG"):
                raise
            # What was not foreseen may name anybody.
            story.refuse("FC099", "".join(traceback.format_exception(error)))
            what = f"{type(error).__name__} during the import; {story.path} says more"
            raise FedchemoError("FC099", what) from None
        finally:
            story.write()


@dataclass
class _Import:
    request: ImportRequest
    destination: Destination
    story: Story
    watch: Watch
    readers: Readers

    def run(self) -> Outcome:
        from fedchemo.client.importing.deidentification.pseudonyms import Pseudonyms, read_key
        from fedchemo.client.importing.site.frames import site_tables

        key = read_key(self.destination.state)
        place = SitePlace(self.destination, key, self.story.path.parent)
        pseudonyms = Pseudonyms(key)
        tables, found = self._read()
        joined = self._join(tables, found)
        self.story.joined(joined, pseudonyms)
        names = {k: pseudonyms.of(k) for k in map(str, tables.clinical.index) if k not in joined.set_aside}
        clinical = self._without_persons(tables, joined)
        self._refuse(tables, joined, names, place, pseudonyms)
        # Hours of images should not end in a table that cannot be used.
        place.check(site_tables(clinical, tables.visits, joined.examinations, {}, names).files)
        examinations = dict(joined.examinations)
        result = self._write(clinical, joined, names, place)
        self.story.joined(joined, pseudonyms)
        made = site_tables(clinical, tables.visits, examinations, result.written, names)
        joined.warnings += made.warnings
        before = place.published(), place.patients()
        place.publish(made.files, {(names[k], visit) for k, visit in result.written})
        if self.request.crosswalk is not None:
            from fedchemo.client.importing.deidentification.crosswalk import write_crosswalk

            write_crosswalk(self.request.crosswalk, _who_is_who(joined, names))
        outcome = Outcome(
            site=self.destination.name,
            dataset=self.destination.dataset,
            out=place.out,
            report=self.story.path,
            patients=len(names),
            positives=int((clinical.loc[list(names), "pcr"] == 1).sum()),
            negatives=int((clinical.loc[list(names), "pcr"] == 0).sum()),
            with_images=len({k for k, _ in result.written}),
            examinations=dict(sorted(Counter(visit for _, visit in result.written).items())),
            written=len(result.written) - result.unchanged,
            unchanged=result.unchanged,
            removed_examinations=len(before[0] - {(names[k], visit) for k, visit in result.written}),
            removed_patients=len(before[1] - set(names.values())),
            volumes=dict(Counter(made.origin.values()).most_common()),
        )
        done = [note for written in result.written.values() for note in written.notes]
        tell(outcome, self.request, tables, found, joined, names, pseudonyms, done=done)
        self.story.outcome(outcome)
        return outcome

    def _read(self) -> tuple[ImportedTables, Found]:
        self.watch("reading tables", 0, 1)
        tables = self.readers.tables(self.request.tables, mappings=self.request.mappings)
        self.watch("reading tables", 1, 1)
        self.story.tables(tables)
        require_readable(tables, Words((*self.request.tables, *self.request.mappings), tables.places))
        if not self.request.images:
            return tables, Found()
        found = find_images(self.readers, self.request.images, self.request.timing, self.watch)
        self.story.found(found)
        require_examinations(found, self.story.path)
        return tables, found

    def _join(self, tables: ImportedTables, found: Found) -> Joined:
        from fedchemo.client.importing.site.frames import out_of_range

        joined = join(tables, found.examinations, found.problems)
        usable = [k for k in map(str, tables.clinical.index) if k not in joined.set_aside]
        for k, problems in out_of_range(self.request.tables[0], tables.clinical, usable).items():
            for problem in problems:
                joined.put_aside(k, problem)
        return joined

    def _without_persons(self, tables: ImportedTables, joined: Joined) -> pd.DataFrame:
        from fedchemo.client.importing.site.free_text import without_persons

        clinical, warnings, values = without_persons(tables.clinical, joined.known(tables.places))
        joined.warnings += warnings
        self.story.free_text(values)
        return clinical

    def _refuse(
        self,
        tables: ImportedTables,
        joined: Joined,
        names: Mapping[str, str],
        place: SitePlace,
        pseudonyms: Pseudonyms,
    ) -> None:
        rows = {str(k) for k in tables.clinical.index} | set(joined.set_aside)
        if self.request.images:
            require_common(joined, rows, tables.join.rule)
        pcr = tables.clinical.loc[list(names), "pcr"]
        require_outcomes(pcr, prediction_only=self.request.prediction_only, set_aside=len(joined.set_aside))
        if self.request.remove_gone:
            return
        imaged = {(names[k], visit) for k, visit in joined.examinations if k in names}
        # An examination that cannot be used any more is there all the same, and its reason is told.
        refused = {*(k for k, _ in joined.not_taken), *joined.set_aside}
        there = {pseudonyms.of(k) for k in refused}
        gone = {slot for slot in place.published() - imaged if slot[0] not in there}
        require_still_there(place.patients() - {pseudonyms.of(k) for k in rows}, gone)

    def _write(
        self, clinical: pd.DataFrame, joined: Joined, names: Mapping[str, str], place: SitePlace
    ) -> WrittenAll:
        """Write every examination, and leave those that cannot be used."""
        lacking = set(map(str, clinical.index[clinical["tumour_volume_cc"].isna()]))
        manifest = Manifest(self.story.path.with_name("manifest.jsonl"))
        place.sweep()
        result = write_all(
            {slot: found for slot, found in joined.examinations.items() if slot[0] in names},
            names,
            measured={slot for slot in joined.examinations if slot[1] == "T0" and slot[0] in lacking},
            place=place,
            manifest=manifest,
            workers=self.request.workers,
            progress=lambda done, total: self.watch("writing images", done, total),
        )
        for slot, problem in result.refused.items():
            joined.leave(slot, problem)
        manifest.keep({(names[k], visit) for k, visit in result.written})
        return result


def _who_is_who(joined: Joined, names: Mapping[str, str]) -> dict[str, str]:
    """Return every identifier of the patients who take part, as tables join them and as images have them."""
    known = dict(names)
    for k, identifiers in joined.identifiers.items():
        if k in names:
            known.update(dict.fromkeys(identifiers, names[k]))
    return known


def _unwatched(_stage: str, _done: int, _total: int) -> None:
    """Nobody looks on."""


@contextlib.contextmanager
def _private_files() -> Iterator[None]:
    """Make every file and folder of the import the owner's alone."""
    before = os.umask(0o077)
    try:
        yield
    finally:
        os.umask(before)


@contextlib.contextmanager
def _locked(state: Path) -> Iterator[None]:
    import filelock

    try:
        state.mkdir(parents=True, exist_ok=True)
        state.chmod(0o700)
        lock = filelock.FileLock(state / "lock", mode=0o600)
        lock.acquire(blocking=False)
    except filelock.Timeout:
        raise FedchemoError("FC910", f"{state} is in use by another import") from None
    except OSError as error:
        raise FedchemoError("FC004", f"{state}: {error.strerror or error}") from error
    try:
        yield
    finally:
        lock.release()
