"""A run for TensorBoard: one folder of event files, which ``tensorboard --logdir`` shows."""

from __future__ import annotations

import re
from pathlib import Path

from fedchemo.server.tracking.measures import Measured
from fedchemo.shared.errors import FedchemoError


def require_installed() -> None:
    """Do nothing if TensorBoard is there.

    Raises:
        FedchemoError: FC790 if it is not.
    """
    try:
        import torch.utils.tensorboard  # noqa: F401
    except ImportError as error:
        raise FedchemoError("FC790", f"--tensorboard: {error}") from error


class TensorboardFiles:
    """Writes ``folder/name``.

    Args:
        folder: of several runs.
        name: of this one; what cannot stand in a folder's name becomes ``_``.

    Raises:
        FedchemoError: FC790 if TensorBoard is not installed, FC791 if the folder cannot be written.
    """

    def __init__(self, folder: Path, *, name: str) -> None:
        require_installed()
        from torch.utils.tensorboard.writer import SummaryWriter

        try:
            self._writer = SummaryWriter(str(folder / re.sub(r"[^A-Za-z0-9 ,._+-]", "_", name)))
        except OSError as error:
            raise FedchemoError("FC791", f"--tensorboard {folder}: {error.strerror or error}") from error

    def begin(self, about: dict[str, str]) -> None:
        """Begin a run; its settings are a text."""
        self._writer.add_text("run", "  \n".join(f"{name}: {value}" for name, value in about.items()))

    def measure(self, found: Measured) -> None:
        """Write numbers at their round and time."""
        for name, value in found.values.items():
            self._writer.add_scalar(name, value, found.round, walltime=found.time)

    def end(self, how: str) -> None:
        """End the run."""
        self._writer.add_text("outcome", how)
        self._writer.close()
