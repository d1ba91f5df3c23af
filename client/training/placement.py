"""Images kept on the device they are trained on, as far as its memory allows."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch

from fedchemo.client.training.data import ImageSource


def on_device(source: ImageSource, device: torch.device) -> ImageSource:
    """Return ``source`` itself for the CPU; for a CUDA device, a source that keeps images there.

    Make it once and keep it for the life of the process, or each round copies every image again.
    """
    return source if device.type == "cpu" else DeviceImages(source, device)


def half_free(device: torch.device) -> bool:
    """Tell whether less than half of a CUDA device's memory is in use, by anyone."""
    free, total = torch.cuda.mem_get_info(device)
    return free > total // 2


class DeviceImages:
    """Images of another source on a device: copied when first asked for, as fp16, while there is room.

    Once there is no room, images that are not there yet are copied for each batch that wants them. A patient
    of 48x48x48x3 takes 0.66 MB, so half of an 8 GB card keeps six thousand.

    Args:
        source: what to keep. It should hold no more than fp16 can: `fedchemo.client.cache.ImageCache` does not.
        device: where to keep it.
        has_room: asked, with the device, before more is kept.
    """

    def __init__(
        self,
        source: ImageSource,
        device: torch.device,
        *,
        has_room: Callable[[torch.device], bool] = half_free,
    ) -> None:
        self._source = source
        self._device = device
        self._has_room = has_room
        self._kept: dict[str, torch.Tensor] = {}

    def __contains__(self, patient: str) -> bool:
        return patient in self._source

    @property
    def kept(self) -> int:
        """How many images are on the device."""
        return len(self._kept)

    def batch(self, patients: Sequence[str]) -> torch.Tensor:
        """Return float32 (n, C, G, G, G) on the device."""
        found = {patient: self._kept[patient] for patient in patients if patient in self._kept}
        missing = [patient for patient in dict.fromkeys(patients) if patient not in found]
        if missing:
            copied = self._copy(self._source.batch(missing).half())
            # A clone for each: a view would keep its whole batch alive.
            found.update(zip(missing, copied, strict=True))
            if self._has_room(self._device):
                self._kept.update({patient: found[patient].clone() for patient in missing})
        return torch.stack([found[patient] for patient in patients]).float()

    def _copy(self, images: torch.Tensor) -> torch.Tensor:
        """Copy to the device; from page-locked memory, so that the CPU need not wait for the copy to end."""
        if self._device.type == "cuda":
            images = images.pin_memory()
        return images.to(self._device, non_blocking=True)
