"""A site's prepared images by their settings: prepared when a run first asks, repaired when one is damaged."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import torch

from fedchemo.client.cache import ImageCache
from fedchemo.client.cohort import Cohort
from fedchemo.client.site import Notice
from fedchemo.client.training.data import ImageSource
from fedchemo.client.training.placement import on_device
from fedchemo.shared.configuration import ImagingSettings
from fedchemo.shared.errors import FedchemoError
from fedchemo.shared.wire.messages import Request

Answer = TypeVar("Answer")
DAMAGED = "FC210"


class PreparedImages:
    """Images on the device that a site computes on.

    Args:
        cohort: looked at only when a request that was accepted needs images.
        cache: where prepared images lie.
        most: settings that are kept at a time.
        device: where the site computes.
        notice: told how far a preparation is, and which images are set aside.
        workers: patients that are prepared at a time.
    """

    def __init__(
        self,
        cohort: Cohort,
        cache: Path,
        *,
        most: int,
        device: torch.device,
        notice: Notice,
        workers: int,
    ) -> None:
        self._cohort, self._cache, self._most = cohort, cache, most
        self._device, self._notice, self._workers = device, notice, workers
        self._kept: dict[ImagingSettings, tuple[ImageCache, ImageSource]] = {}
        """The one used last stands last."""

    def of(self, settings: ImagingSettings) -> ImageSource:
        """Return the prepared images, preparing them at the first request that names these settings."""
        if settings in self._kept:
            self._kept[settings] = self._kept.pop(settings)
            return self._kept[settings][1]
        folders = {
            patient: visits[settings.visit]
            for patient, visits in self._cohort.images.items()
            if settings.enabled and settings.visit in visits
        }
        self._make_room()
        images = ImageCache(self._cache, settings)
        refused = images.fill(
            folders,
            progress=lambda done, total: self._notice("images", {"done": done, "total": total}),
            workers=self._workers,
        )
        for patient, why in refused.items():
            self._notice("image_set_aside", {"patient": patient, "why": str(why)})
        self._kept[settings] = images, on_device(images, self._device)
        return self._kept[settings][1]

    def repaired(self, request: Request, answer: Callable[[], Answer]) -> Answer:
        """Return an answer; if a prepared image is damaged or gone by now, prepare anew and answer once more.

        The same image gives the same bits; one whose source cannot be read any more is set aside, as at the start.
        """
        try:
            return answer()
        except FedchemoError as error:
            if error.code != DAMAGED:
                raise
            self._notice("image_damaged", {"run": request.run, "round": request.round, "what": error.what})
        self._kept.pop(request.configuration.imaging, None)
        return answer()

    def _make_room(self) -> None:
        """Remove the preparations that were not used for longest: ever new settings must not fill the disk."""
        while len(self._kept) >= self._most:
            oldest, _ = self._kept.pop(next(iter(self._kept)))
            oldest.remove(spared=[images for images, _ in self._kept.values()])
