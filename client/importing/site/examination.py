"""One examination: its voxels read, measured and written, whole or not at all."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

# Loaded once by the server that workers are forked from.
import numpy as np
import pydicom  # noqa: F401
from nibabel.affines import voxel_sizes
from nibabel.spatialimages import HeaderDataError

from fedchemo.client.importing.contract import Scan
from fedchemo.client.importing.deidentification.volumes import write_volume
from fedchemo.client.importing.lesion.functional import functional_tumour
from fedchemo.client.importing.lesion.volume import volume_cc
from fedchemo.client.importing.site.manifest import Slot, Written, stamps
from fedchemo.shared.errors import FedchemoError
from fedchemo.shared.imaging.volume import LESION, PHASES, load_phases

if TYPE_CHECKING:
    from numpy.typing import NDArray

RECIPE = 1
"""Counts up when the same examination would give other files; everything is then written anew."""

CROPPED_MM = 120.0
"""Largest side of an image that counts as cropped to the tumour; in a whole breast, vessels and the heart pass the rule
of functional tumour volume as well."""


@dataclass(frozen=True)
class Task:
    """What a worker is told.

    Attributes:
        slot: whose, and which visit.
        key: see `Written`.
        read: returns the voxels.
        folder: the ``images`` folder to write into.
        measure: whether functional tumour volume is to be measured if there is no mask.
    """

    slot: Slot
    key: str
    read: Callable[[], Scan]
    folder: Path
    measure: bool = False


@dataclass(frozen=True)
class Refusal:
    """Why an examination cannot be used.

    Attributes:
        code: of the catalogue.
        what: what was found, which may name files of the hospital.
        clean: whether ``what`` names nothing but the site folder, and may be shown.
    """

    code: str
    what: str
    clean: bool = False


def write_examination(task: Task) -> Written | Refusal:
    """Write ``<folder>/<pseudonym>/<visit>`` with what `load_phases` accepts, or return why it cannot be.

    The files are written under another name, read back as training would read them, synced and renamed.

    Raises:
        FedchemoError: FC004 if the disk is full: that is no fault of the examination, and ends the import.
    """
    try:
        scan = task.read()
    except FedchemoError as error:
        return Refusal(error.code, error.what)
    except OSError as error:
        return Refusal("FC202", f"{error.filename or 'a file'}: {error.strerror or error}")
    except MemoryError:
        return Refusal("FC203", "the volumes do not fit into memory", clean=True)
    except Exception as error:  # noqa: BLE001 - one case, however odd, must not stop a site
        return Refusal("FC099", f"{type(error).__name__}: {error}")
    patient, visit = task.slot
    try:
        (task.folder / patient).mkdir(parents=True, exist_ok=True, mode=0o700)
        part = Path(tempfile.mkdtemp(dir=task.folder / patient, prefix=f".{visit}.", suffix=".part"))
    except OSError as error:
        raise FedchemoError("FC004", f"{task.folder}: {error.strerror or error}") from error
    try:
        volumes, notes = _measured(scan, measure=task.measure)
        notes += _write(scan, part)
        load_phases(part)
        target = task.folder / patient / visit
        shutil.rmtree(target, ignore_errors=True)
        part.rename(target)
        return Written(task.key, stamps(target), volumes, tuple(notes))
    except FedchemoError as error:
        if error.code == "FC004":
            raise
        return Refusal(error.code, error.what.replace(str(part), f"{patient}/{visit}"), clean=True)
    except OSError as error:
        raise FedchemoError("FC004", f"{task.folder}: {error.strerror or error}") from error
    except (ValueError, np.linalg.LinAlgError, HeaderDataError) as error:
        return Refusal("FC203", f"{type(error).__name__}: {error}")
    except Exception as error:  # noqa: BLE001 - as above
        return Refusal("FC099", f"{type(error).__name__}: {error}")
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _measured(scan: Scan, *, measure: bool) -> tuple[dict[str, float], list[str]]:
    """Return volumes in cm3 of the masks that mark anything; without one, by the published rule where it applies."""
    masks = {"lesion": scan.lesion, "ftv": scan.ftv}
    found = {
        name: volume_cc(mask, scan.affine) for name, mask in masks.items() if mask is not None and mask.any()
    }
    if found or not measure:
        return found, []
    extent = voxel_sizes(scan.affine) * scan.pre.shape
    if extent.max() > CROPPED_MM:
        size = " x ".join(f"{millimetres:.0f}" for millimetres in extent)
        return {}, [
            f"No tumour volume was measured: there is no mask, and {size} mm hold more than the tumour."
        ]
    return {"rule": functional_tumour(scan.pre, scan.early, scan.late, scan.affine).volume_cc}, []


def _write(scan: Scan, folder: Path) -> list[str]:
    """Write the phases and the mask, synced; return what was done beyond that."""
    notes = []
    for name in PHASES:
        _place(folder / f"{name}.nii.gz", getattr(scan, name), scan)
    mask: NDArray[np.bool_] | None = scan.lesion
    if mask is not None and not mask.any():
        notes.append("The lesion mask marks nothing and was left out.")
        mask = None
    elif mask is None and scan.ftv is not None and scan.ftv.any():
        notes.append("The functional tumour volume was taken as the lesion mask.")
        mask = scan.ftv
    if mask is not None:
        _place(folder / f"{LESION}.nii.gz", mask, scan)
    return notes


def _place(path: Path, volume: NDArray[np.generic], scan: Scan) -> None:
    write_volume(path, volume, scan.affine)
    path.chmod(0o600)
