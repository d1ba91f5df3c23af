"""A training step of the default model at its real size, in a process of its own: ``python -m`` this with a device.

In its own process, since a driver that crashes or a machine that runs out of memory must not end the check. It prints
one JSON object: device, reason, seconds of the second step, peak bytes, and bytes the device has.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from fedchemo.shared.errors import FedchemoError

if TYPE_CHECKING:
    import torch

PATIENTS = 16
"""Two batches of the default size: the first one also starts up the device."""


class Noise:
    """Images of nobody.

    Args:
        channels: of an image.
        grid: voxels along each edge.
    """

    def __init__(self, channels: int, grid: int) -> None:
        self._shape = (channels, grid, grid, grid)

    def __contains__(self, patient: object) -> bool:
        """Everybody has one."""
        return True

    def batch(self, patients: Sequence[str]) -> torch.Tensor:
        """Return random images, float32 (n, C, G, G, G)."""
        import torch

        generator = torch.Generator().manual_seed(0)
        return torch.randn((len(patients), *self._shape), generator=generator)


def step(device: str) -> dict[str, object]:
    """Train two steps on random patients; return what it took.

    Raises:
        FedchemoError: FC310 if the device does not work, FC321 if its memory does not suffice.
    """
    import numpy as np
    import torch

    from fedchemo.client.training.data import TrainingData
    from fedchemo.client.training.device import choose
    from fedchemo.client.training.loop import train_round
    from fedchemo.shared.clinical.encoding import names
    from fedchemo.shared.configuration import SiteConfiguration
    from fedchemo.shared.model.build import build

    configuration = SiteConfiguration()
    chosen, reason = choose(device)
    if chosen.type == "cpu":
        torch.set_num_threads(1)  # as a client does
    features = len(names(configuration.clinical))
    imaging = configuration.imaging
    data = TrainingData(
        images=Noise(len(imaging.channels), imaging.grid),
        clinical=np.zeros((PATIENTS, features), dtype=np.float32),
        labels=np.arange(PATIENTS, dtype=np.float32) % 2,
        patients=[f"nobody-{number}" for number in range(PATIENTS)],
        channels=imaging.channels,
    )
    model = build(configuration.model, imaging, features)
    ends = [time.monotonic()]
    train_round(
        model,
        data,
        configuration.training,
        augment=imaging.augment,
        seed=0,
        site="check",
        round_number=1,
        device=chosen,
        progress=lambda _step, _steps, _loss: ends.append(time.monotonic()),
    )
    peak, total = _memory(chosen)
    return {
        "device": str(chosen),
        "reason": reason,
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "batch": configuration.training.batch_size,
        "first_s": round(ends[1] - ends[0], 4),
        "seconds": round(ends[2] - ends[1], 4),
        "peak": peak,
        "available": total,
    }


def _memory(device: torch.device) -> tuple[int, int]:
    """Return the most bytes in use at a time, and how many there are for this process."""
    import torch

    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        reserved = torch.cuda.max_memory_reserved(device)
        return reserved, free + torch.cuda.memory_reserved(device)
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return peak, _available() + peak


def _available() -> int:
    """Return the bytes of memory that the system could give now; 0 if it does not tell."""
    try:
        with open("/proc/meminfo", encoding="ascii") as file:  # noqa: PTH123 - no file in the usual sense
            fields = dict(line.split(":", 1) for line in file)
        return int(fields["MemAvailable"].split()[0]) * 1024
    except (OSError, KeyError, ValueError):
        return 0


if __name__ == "__main__":
    try:
        told = step(sys.argv[1])
    except FedchemoError as error:
        told = {"code": error.code, "what": error.what}
    sys.stdout.write(json.dumps(told) + "\n")
