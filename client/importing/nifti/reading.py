"""The voxels of one examination, from NIfTI files that were chosen before."""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import nibabel
import numpy as np
from numpy.typing import NDArray

from fedchemo.client.importing.contract import Scan
from fedchemo.client.importing.deidentification.volumes import stored
from fedchemo.client.importing.nifti.headers import (
    Header,
    kind_of,
    parse,
    refusing,
    require_same_grid,
)
from fedchemo.shared.errors import FedchemoError
from fedchemo.shared.imaging.volume import LESION, PHASES

Axes = Literal["same", "reversed"]

_GZIP = b"\x1f\x8b"
# Beyond it, differences and quotients would leave float32.
_LARGEST_VALUE = 1e30


@dataclass(frozen=True)
class ReadScan:
    """Reads a scan when called; it can be sent to another process.

    Attributes:
        pre: a file; so are the next two.
        early: the phase nearest to the early time wanted.
        late: the phase nearest to the late time wanted.
        lesion: the mask's file, if there is one.
        placeholder: the mask's header holds no geometry (as in BreastDCEDL): it lies on the grid of the phases, its
            axes perhaps in reversed order.
        may_be_empty: nothing may be left of the lesion at this visit.
    """

    pre: Path
    early: Path
    late: Path
    lesion: Path | None = None
    placeholder: bool = False
    may_be_empty: bool = False

    def __call__(self) -> Scan:
        """Return the voxels as they are stored, with slope and intercept applied.

        Raises:
            FedchemoError: FC202 a file is damaged, FC203 no volume, FC204 geometry without sense, FC205 not one
                grid, FC206 a value is NaN, infinite or above 1e30, FC207 a phase is constant, FC209 the mask marks
                nothing. A message names a file by its role only.
        """
        volumes = [
            _phase(path, role_of(name))
            for name, path in zip(PHASES, (self.pre, self.early, self.late), strict=True)
        ]
        (first, pre), (_, early), (_, late) = volumes
        for name, (header, _) in zip(PHASES[1:], volumes[1:], strict=True):
            require_same_grid(first, header, role_of(name))
        return Scan(pre, early, late, first.affine, self._lesion(first))

    def _lesion(self, first: Header) -> NDArray[np.bool_] | None:
        if self.lesion is None:
            return None
        role = role_of(LESION)
        header, values = _voxels(self.lesion, role)
        if mask_axes(header, first, placeholder=self.placeholder) == "reversed":
            values = values.transpose()
        # Masks come as 0/1, 0/255 or resampled fractions; a label of any number is inside.
        marked = values > min(0.5, float(values.max()) / 2)
        if not marked.any() and not self.may_be_empty:
            raise FedchemoError("FC209", f"{role}: no voxel is marked")
        return np.ascontiguousarray(marked)


def role_of(name: str) -> str:
    """Return what messages call a volume."""
    return "lesion mask" if name == LESION else f"{name} phase"


def mask_axes(mask: Header, first: Header, *, placeholder: bool) -> Axes:
    """Return how a mask's axes lie on those of the phases.

    Args:
        mask: of the mask.
        first: of the pre-contrast phase.
        placeholder: the mask may carry a spacing of 1, 1, 1 and the axes z, y, x, which say nothing.

    Raises:
        FedchemoError: FC205 if the mask does not lie on the grid of the phases.
    """
    if placeholder and mask.spacing_mm == (1.0, 1.0, 1.0) and mask.shape[::-1] == first.shape:
        return "reversed"
    if placeholder and mask.spacing_mm == (1.0, 1.0, 1.0) and mask.shape == first.shape:
        return "same"
    require_same_grid(first, mask, role_of(LESION))
    return "same"


def _phase(path: Path, role: str) -> tuple[Header, NDArray[np.generic]]:
    header, values = _voxels(path, role)
    if values.min() == values.max():
        raise FedchemoError("FC207", f"{role}: every voxel is {values.flat[0]:g}")
    return header, values


def _voxels(path: Path, role: str) -> tuple[Header, NDArray[Any]]:
    with refusing(role):
        # The whole stream is read, so that its checksum is checked; nibabel alone would stop before it.
        content = path.read_bytes()
        if content.startswith(_GZIP):
            content = gzip.decompress(content)
        header = parse(content, role)
        image = kind_of(content, role).from_bytes(content)
        # A copy, lest the whole content is kept alive.
        values = np.array(_rescaled(nibabel.squeeze_image(image)))
        if values.dtype.kind == "f":
            _require_finite(values, role)
        return header, stored(values)


def _rescaled(image: Any) -> NDArray[np.generic]:
    """Return the values with slope and intercept applied; integers stay integers where both are."""
    slope, intercept = image.dataobj.slope, image.dataobj.inter
    raw: NDArray[np.generic] = np.asanyarray(image.dataobj.get_unscaled())
    if (slope, intercept) == (1, 0):
        return raw
    if raw.dtype.kind in "iu" and float(slope).is_integer() and float(intercept).is_integer():
        largest = float(np.abs(raw.astype(np.float64)).max()) * abs(slope) + abs(intercept)
        if largest < np.iinfo(np.int32).max:
            exact = raw.astype(np.int64) * int(slope) + int(intercept)
            kept: NDArray[np.generic] = exact.astype(raw.dtype)
            return kept if (kept == exact).all() else exact
    return np.asanyarray(image.dataobj)


def _require_finite(values: NDArray[Any], role: str) -> None:
    usable = np.abs(values) < _LARGEST_VALUE
    if not usable.all():
        where = tuple(int(i) for i in np.argwhere(~usable)[0])
        raise FedchemoError("FC206", f"{role}: voxel {where} is {values[where]:g}")
