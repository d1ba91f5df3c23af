"""Looks at every examination of a site: a few volumes in memory at a time, whatever the number of patients."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fedchemo.client.cohort import Problem
from fedchemo.client.cohort.problems import error, warning
from fedchemo.shared.errors import FedchemoError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fedchemo.client.cohort import Cohort
    from fedchemo.shared.imaging.volume import Phases

Progress = Callable[[int, int], None]
Look = Callable[["Phases"], object]

# Coarse enough that noise and rounding do not count, fine enough that no two patients are alike.
_SIGNATURE = (12, 12, 6)
# Functional tumour volume and a drawn mask differ by a factor of two or three; units by a thousand.
_VOLUME_FACTOR = 10.0


@dataclass(frozen=True)
class Examined:
    """What one visit's files say.

    Attributes:
        patient: whose.
        visit: T0 to T3.
        folder: where they lie.
        problems: an error sets this image aside.
        digest: SHA-256 of the voxels of all phases; empty where they cannot be read.
        signature: the pre-contrast volume and early less pre, each in at most 12 x 12 x 6 blocks, standardised,
            float32 (2, blocks); None where they cannot be read.
        seen: what ``look`` made of the phases; None where they cannot be read.
    """

    patient: str
    visit: str
    folder: Path
    problems: tuple[Problem, ...]
    digest: str = ""
    signature: NDArray[np.float32] | None = None
    seen: object = None


def examine_images(
    cohort: Cohort, *, workers: int = 1, progress: Progress | None = None, look: Look | None = None
) -> list[Examined]:
    """Examine every visit with images, sorted by patient and visit.

    Args:
        cohort: the site.
        workers: visits in memory at a time, in threads: unpacking and most of the arithmetic let others run.
            Each needs some 300 MB for 256 x 256 x 80.
        look: called with the phases of each visit that can be read, such as to draw them; what it returns is kept.
        progress: told, in this thread, how many visits of how many are done.
    """
    visits = [
        (patient, visit, folder)
        for patient, there in cohort.images.items()
        for visit, folder in there.items()
    ]
    volumes = cohort.clinical["tumour_volume_cc"].to_dict()
    found: list[Examined] = []
    pool = ThreadPoolExecutor(max_workers=max(1, workers), thread_name_prefix="validate")
    try:
        running = [
            pool.submit(
                examine, patient, visit, folder, volumes.get(patient) if visit == "T0" else None, look
            )
            for patient, visit, folder in visits
        ]
        for done, future in enumerate(as_completed(running), 1):
            found.append(future.result())
            if progress is not None:
                progress(done, len(running))
    finally:
        pool.shutdown(cancel_futures=True)
    return sorted(found, key=lambda item: (item.patient, item.visit))


def examine(
    patient: str,
    visit: str,
    folder: Path,
    tumour_volume_cc: float | None = None,
    look: Look | None = None,
) -> Examined:
    """Examine one visit; whatever is wrong with it becomes a problem, never an exception."""
    from fedchemo.shared.imaging import quality, volume

    try:
        phases = volume.load_phases(folder)
        faults, doubts = quality.faults(phases), []
        if not faults:
            # Without a mask the crop needs enhancement, so that its lack keeps the image from being prepared.
            looks = quality.doubts(phases)
            faults = [look for look in looks if look.code == "FC208"]
            doubts = [look for look in looks if look.code != "FC208"]
        problems = [_problem(error, patient, folder, fault) for fault in faults]
        problems += [_problem(warning, patient, folder, doubt) for doubt in doubts]
        if not faults:
            problems += _volumes(patient, folder, phases, tumour_volume_cc)
        return Examined(
            patient=patient,
            visit=visit,
            folder=folder,
            problems=tuple(problems),
            digest=_digest(phases),
            signature=np.stack([_blocks(phases.pre), _blocks(phases.early - phases.pre)]),
            seen=_look(look, phases),
        )
    except FedchemoError as first:
        found = volume.faults(folder) or [first]
    except Exception as odd:  # noqa: BLE001 - one case, however odd, must not stop a site
        found = [FedchemoError("FC099", f"{folder}: {type(odd).__name__}: {odd}")]
    return Examined(patient, visit, folder, tuple(_problem(error, patient, folder, fault) for fault in found))


def _look(look: Look | None, phases: Phases) -> object:
    try:
        return look(phases) if look else None
    except Exception:  # noqa: BLE001 - what cannot be drawn is no problem of the site's
        return None


def _problem(make: Callable[..., Problem], patient: str, folder: Path, fault: FedchemoError) -> Problem:
    # What a fault says begins with its file or folder.
    file, _, what = fault.what.partition(": ")
    if not file.startswith(str(folder)):
        file, what = str(folder), fault.what
    return make(fault.code, file, re.sub(r"\s+", " ", what), fault.entry.remedy.rstrip("."), patient=patient)


def _volumes(patient: str, folder: Path, phases: Phases, tumour_volume_cc: float | None) -> Iterator[Problem]:
    if phases.lesion is None or tumour_volume_cc is None or not tumour_volume_cc > 0:
        return
    mask = float(phases.lesion.sum()) * float(np.prod(phases.voxels_mm)) / 1000
    if not 1 / _VOLUME_FACTOR < mask / tumour_volume_cc < _VOLUME_FACTOR:
        what = f"marks {mask:.3g} cm3, but tumour_volume_cc is {tumour_volume_cc:g}"
        remedy = "Check the unit of tumour_volume_cc, and whether the mask is this patient's"
        yield warning("FC173", folder / "lesion.nii.gz", what, remedy, patient=patient)


def _digest(phases: Phases) -> str:
    digest = hashlib.sha256(str(phases.pre.shape).encode())
    for phase in (phases.pre, phases.early, phases.late):
        digest.update(phase.data)
    return digest.hexdigest()


def _blocks(volume: NDArray[np.float32]) -> NDArray[np.float32]:
    blocks: NDArray[np.floating] = volume
    for axis, count in enumerate(_SIGNATURE):
        edges = np.linspace(0, volume.shape[axis], min(count, volume.shape[axis]) + 1).astype(int)[:-1]
        sizes = np.diff([*edges, volume.shape[axis]])
        shape = [-1 if other == axis else 1 for other in range(3)]
        blocks = np.add.reduceat(blocks, edges, axis=axis) / sizes.reshape(shape).astype(np.float32)
    spread = float(blocks.std())
    standard = (blocks - blocks.mean()) / (spread or 1.0)
    return np.asarray(standard.ravel(), dtype=np.float32)
