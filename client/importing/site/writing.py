"""All examinations of a cohort written side by side, those that lie there already left as they are."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

from fedchemo.client.cohort.problems import Problem, error
from fedchemo.client.importing.contract import Examination
from fedchemo.client.importing.site.examination import RECIPE, Refusal, Task, write_examination
from fedchemo.client.importing.site.manifest import Manifest, Slot, Written
from fedchemo.client.importing.site.place import SitePlace
from fedchemo.client.importing.site.workers import Died, Workers
from fedchemo.shared.catalogue import CATALOGUE
from fedchemo.shared.configuration import Visit

Key = tuple[str, Visit]
"""Join key and visit."""

_DIED = "ended the process that read it: out of memory, or a decoder failed"


@dataclass
class WrittenAll:
    """What became of a cohort's examinations, by join key and visit.

    Attributes:
        written: those that lie in the site folder, or will when it is published.
        refused: why others cannot be used.
        unchanged: how many of the written ones were there before.
    """

    written: dict[Key, Written] = field(default_factory=dict)
    refused: dict[Key, Problem] = field(default_factory=dict)
    unchanged: int = 0


def write_all(
    examinations: Mapping[Key, Examination],
    names: Mapping[str, str],
    *,
    measured: Collection[Key],
    place: SitePlace,
    manifest: Manifest,
    workers: int,
    progress: Callable[[int, int], None],
) -> WrittenAll:
    """Write examinations into the staging folder.

    Args:
        examinations: what is wanted.
        names: join key to pseudonym.
        measured: of which the tumour volume is to be measured if there is no mask.
        place: where.
        manifest: what is there; each examination is added when it is whole.
        workers: processes; 0 works in this one.
        progress: told how many are done.

    Raises:
        FedchemoError: FC004 if the disk is full.
    """
    result = WrittenAll()
    tasks: list[Task] = []
    keys: dict[Slot, Key] = {}
    for key, examination in sorted(examinations.items()):
        slot = (names[key[0]], key[1])
        keys[slot] = key
        measure = key in measured
        task = Task(slot, _hash(examination, measure), examination.read, place.staged_images, measure)
        known = manifest.get(slot)
        if known is not None and known.key == task.key and place.holds(slot, known):
            result.written[key] = known
            result.unchanged += 1
        else:
            tasks.append(task)
    progress(result.unchanged, len(keys))
    came = Workers(write_examination, count=workers).run(tasks)
    for done, (task, what) in enumerate(came, result.unchanged + 1):
        key = keys[task.slot]
        match what:
            case Written():
                manifest.add(task.slot, what)
                result.written[key] = what
            case Refusal():
                result.refused[key] = _problem(examinations[key], what)
            case Died():
                died = Refusal(
                    "FC202", "ended the process that read it: out of memory, or a decoder failed", clean=True
                )
                result.refused[key] = _problem(examinations[key], died)
        progress(done, len(keys))
    return result


def _hash(examination: Examination, measure: bool) -> str:
    return hashlib.sha256(f"{RECIPE} {examination.key} {measure}".encode()).hexdigest()


def _problem(examination: Examination, refusal: Refusal) -> Problem:
    entry = CATALOGUE[refusal.code]
    what = refusal.what if refusal.clean else entry.title[0].lower() + entry.title[1:]
    return error(
        refusal.code,
        examination.source,
        what,
        entry.remedy.rstrip("."),
        column=examination.visit,
        value=refusal.what,
        patient=examination.patient,
    )
