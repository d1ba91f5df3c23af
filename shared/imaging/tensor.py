"""From the phases of a visit to one tensor: centre, crop, resample, combine."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np

from fedchemo.shared.configuration import ImagingSettings

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fedchemo.shared.imaging.volume import Phases

IMAGING_VERSION = 1
"""Raised whenever the same files and settings would give another tensor; tensors of older versions are rebuilt."""


def recipe(settings: ImagingSettings) -> str:
    """Return all that decides a tensor besides its files, as text to be hashed.

    ``enabled``, ``visit`` and ``augment`` do not: they choose files and what happens to a finished tensor.
    """
    chosen = settings.model_dump(mode="json", include={"channels", "grid", "spacing_mm"})
    return json.dumps({"version": IMAGING_VERSION, **chosen}, sort_keys=True)


def to_tensor(phases: Phases, settings: ImagingSettings) -> NDArray[np.float32]:
    """Return the channels in a cube around the lesion, float32 (C, G, G, G), axes in RAS+ order.

    The volume is scaled by its own pre-contrast mean and SD, cropped to what the cube needs, and then
    resampled. Where the cube reaches beyond the volume it holds air: the smallest pre-contrast value in
    ``pre``, ``early`` and ``late``, zero in the differences. Repeating the edge instead would draw the lesion
    on into columns where nothing was measured, and zero would claim tissue of mean brightness.

    The same phases and settings give the same bits, whatever the number of threads; nothing is random.

    Raises:
        FedchemoError: FC208 if there is no mask and nothing enhances.
    """
    from fedchemo.shared.imaging.centre import lesion_centre
    from fedchemo.shared.imaging.channels import combine, measure
    from fedchemo.shared.imaging.resample import lay_cube, resample

    scale = measure(phases.pre)
    axes = lay_cube(
        phases.pre.shape,
        phases.voxels_mm,
        lesion_centre(phases),
        grid=(settings.grid,) * 3,
        spacing_mm=settings.spacing_mm,
    )
    crop = tuple(axis.voxels for axis in axes)
    # Resampling is linear, so it may come before the channels; what is outside then is zero above air.
    above_air = [
        resample(phase[crop] - np.float32(scale.air), axes)
        for phase in (phases.pre, phases.early, phases.late)
    ]
    return combine(above_air, channels=settings.channels, scale=scale)
