"""What ``--mlflow`` and ``--tensorboard`` ask for."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fedchemo.server.events import Listener

if TYPE_CHECKING:
    from fedchemo.server.tracking.feed import Tracker

PANEL = "Tracking"
MlflowOption = Annotated[
    str | None,
    typer.Option(
        "--mlflow",
        metavar="URI|DIR",
        help="Log the run to MLflow as well: a server's URI, or a folder.",
        rich_help_panel=PANEL,
    ),
]
TensorboardOption = Annotated[
    Path | None,
    typer.Option(
        "--tensorboard", metavar="DIR", help="Write the run for TensorBoard as well.", rich_help_panel=PANEL
    ),
]


@dataclass(frozen=True)
class Tracking:
    """Where runs are logged beside their folders.

    Attributes:
        mlflow: a URI or a folder; None is nowhere.
        tensorboard: a folder; None is nowhere.
        experiment: under which MLflow lists the runs.
    """

    mlflow: str | None = None
    tensorboard: Path | None = None
    experiment: str = "fedchemo"

    @contextlib.contextmanager
    def of(self, name: str, say: Callable[[str], None]) -> Iterator[list[Listener]]:
        """Yield listeners that log a run; trouble on the way is said at the end and ends nothing.

        Args:
            name: of the run.
            say: told what went wrong, in words.

        Raises:
            FedchemoError: FC790 if a package is not installed, FC791 if nothing can be logged there.
        """
        from fedchemo.server.tracking.feed import Feed

        feeds = {what: Feed(tracker) for what, tracker in self._trackers(name).items()}
        try:
            yield list(feeds.values())
        finally:
            for what, feed in feeds.items():
                if trouble := feed.close():
                    say(f"{what}: the run is not logged in full: {trouble}")

    def check(self) -> None:
        """Refuse what could not be logged at all, and make the experiment, before several processes do.

        Raises:
            FedchemoError: FC790, FC791.
        """
        if self.mlflow is not None:
            from fedchemo.server.tracking.mlflow_runs import MlflowRuns

            MlflowRuns(self.mlflow, experiment=self.experiment, name="")
        if self.tensorboard is not None:
            from fedchemo.server.tracking.tensorboard_files import require_installed

            require_installed()

    def _trackers(self, name: str) -> dict[str, Tracker]:
        found: dict[str, Tracker] = {}
        if self.mlflow is not None:
            from fedchemo.server.tracking.mlflow_runs import MlflowRuns

            found["MLflow"] = MlflowRuns(self.mlflow, experiment=self.experiment, name=name)
        if self.tensorboard is not None:
            from fedchemo.server.tracking.tensorboard_files import TensorboardFiles

            found["TensorBoard"] = TensorboardFiles(self.tensorboard, name=name)
        return found


NOWHERE = Tracking()
"""What is asked for as a rule."""
