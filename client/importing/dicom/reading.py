"""An examination's voxels, read when they are wanted."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fedchemo.client.importing.contract import Scan
from fedchemo.client.importing.dicom.bilateral import side
from fedchemo.client.importing.dicom.pixels import Planes, read_planes
from fedchemo.client.importing.dicom.segmentation import read_ftv, read_lesion


@dataclass(frozen=True)
class ReadDicom:
    """Reads the files of one examination; see `Examination.read`.

    Attributes:
        pre, early, late: the slices of each phase.
        affine: sixteen numbers, voxel to RAS mm.
        lesion: a segmentation, and which of its segments count.
        ftv: an analysis mask, and the slice of each of its frames.
        both_breasts: whether the volume shows both, and is cut to one.
    """

    pre: Planes
    early: Planes
    late: Planes
    affine: tuple[float, ...]
    lesion: tuple[str, tuple[int, ...]] | None = None
    ftv: tuple[str, tuple[int, ...]] | None = None
    both_breasts: bool = False

    def __call__(self) -> Scan:
        """Return the voxels.

        Raises:
            FedchemoError: FC127 a slice cannot be read or decoded; FC128 a mask cannot be used.
        """
        pre, early, late = (
            read_planes(planes, name)
            for name, planes in (("pre", self.pre), ("early", self.early), ("late", self.late))
        )
        affine = np.array(self.affine, dtype=np.float64).reshape(4, 4)
        lesion = read_lesion(Path(self.lesion[0]), self.lesion[1], pre.shape, affine) if self.lesion else None
        ftv = read_ftv(Path(self.ftv[0]), self.ftv[1], pre.shape, affine) if self.ftv else None
        if not self.both_breasts:
            return Scan(pre, early, late, affine, lesion, ftv)
        outlined = lesion if lesion is not None and lesion.any() else ftv
        kept = side(pre, early, affine, outlined)
        return Scan(
            kept.of(pre),
            kept.of(early),
            kept.of(late),
            kept.affine(affine),
            None if lesion is None else kept.of(lesion).astype(np.bool_),
            None if ftv is None else kept.of(ftv).astype(np.bool_),
        )
