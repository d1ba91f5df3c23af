"""A networked run, from its start or from where it was interrupted: the coordinator and the round loop."""

from __future__ import annotations

import contextlib
import datetime
from collections.abc import Mapping, Sequence
from pathlib import Path

from fedchemo.server.events import EventLog, Listener
from fedchemo.server.fleet.coordinator import Coordinator
from fedchemo.server.history import counted_events
from fedchemo.server.result import save_result
from fedchemo.server.resume import Resumed, reopen, where
from fedchemo.server.rounds.loop import Outcome, RoundLoop
from fedchemo.server.rounds.patience import Patience
from fedchemo.server.run_folder import RunFolder
from fedchemo.server.summary import Rows, from_sums
from fedchemo.shared.configuration import RunConfiguration
from fedchemo.shared.federation import FederationFolder


def coordinate(
    federation: Path,
    configuration: RunConfiguration,
    out: Path,
    *,
    listen: str | None = None,
    port: int | None = None,
    overwrite: bool = False,
    listeners: Sequence[Listener] = (),
) -> tuple[Outcome, Mapping[str, Rows]]:
    """Run one federation over the network and write its run folder.

    Args:
        federation: folder made by ``fedchemo provision``.
        configuration: of the run.
        out: the run folder.
        listen: address to listen on, if it is not the federation's first host.
        port: port to listen on, if it is not the federation's.
        overwrite: replace a run that is there.
        listeners: told of every event.

    Returns:
        The outcome, and the figures of ``model`` and ``baseline`` by score histogram.

    Raises:
        FedchemoError: FC003, FC401, FC402, and those of the coordinator (FC5xx, FC6xx).
    """
    listening = _Listening(federation, listen, port)
    folder = RunFolder(out, overwrite=overwrite)
    folder.origin = {
        "command": "server",
        "federation": str(federation.resolve()),
        "listen": listen,
        "port": port,
    }
    with folder.begun_or_removed():
        done = _run(listening, folder, configuration, listeners)
    assert done is not None  # a run that begins has no result yet
    return done


def resume(
    out: Path,
    *,
    federation: Path | None = None,
    listen: str | None = None,
    port: int | None = None,
    force: bool = False,
    listeners: Sequence[Listener] = (),
) -> tuple[Resumed, tuple[Outcome, Mapping[str, Rows]] | None]:
    """Go on with a run that was interrupted, to the same bits as if it had not been.

    Args:
        out: the run folder.
        federation: the federation's folder, if it is not where it was.
        listen: address to listen on, if not the one before.
        port: port to listen on, if not the one before.
        force: go on though a version differs.
        listeners: told of every event.

    Returns:
        What was taken up; and what `coordinate` returns, or None if the result was there already.

    Raises:
        FedchemoError: as `fedchemo.server.resume.reopen` and `coordinate`.
    """
    taken = reopen(out, command="server", force=force)
    try:
        if taken.has_ended:
            return taken, None
        origin = taken.begun.origin
        place = federation or Path(str(origin["federation"]))
        listening = _Listening(place, listen or origin.get("listen"), port or origin.get("port"))
        return taken, _run(listening, taken.folder, taken.begun.configuration, listeners, taken)
    finally:
        taken.folder.release()


class _Listening:
    """A coordinator whose events go where the run's go, once there is a run."""

    def __init__(self, federation: Path, listen: str | None, port: int | None) -> None:
        self.federation = federation
        self.events = EventLog()
        self.coordinator = Coordinator(
            federation, host=listen, port=port, tell=lambda kind, details: self.events.emit(kind, **details)
        )


def _run(
    listening: _Listening,
    folder: RunFolder,
    configuration: RunConfiguration,
    listeners: Sequence[Listener],
    taken: Resumed | None = None,
) -> tuple[Outcome, Mapping[str, Rows]] | None:
    """Run the rounds that are left; None if there is nothing to do but to tell the sites."""
    coordinator = listening.coordinator
    with contextlib.ExitStack() as stack:
        events = stack.enter_context(contextlib.closing(EventLog(folder.events, *listeners)))
        listening.events = events
        if taken:
            taken.announce(events, keeps_result=True)
        stack.enter_context(coordinator)
        events.emit("listening", address=coordinator.address)
        for what in FederationFolder(listening.federation).warnings(datetime.datetime.now(datetime.UTC)):
            events.emit("warning", what=what)
        grid = stack.enter_context(coordinator.grid())
        patience = _patience(configuration, folder)
        loop = RoundLoop(grid, configuration, folder, events, **where(taken), patience=patience)
        if taken and taken.has_result:
            loop.say_goodbye()
            return None
        figures: dict[str, Rows] = {}

        def keep(outcome: Outcome) -> None:
            shown = [name for name in ("model", "personal", "baseline") if name in outcome.tests]
            figures.update({name: from_sums(outcome.tests[name]) for name in shown})
            save_result(folder, configuration, outcome, figures, exact=False)

        return loop.run(keep), figures


def _patience(configuration: RunConfiguration, folder: RunFolder) -> Patience | None:
    """Return how long to wait for the last sites, with what the run's events so far tell of each."""
    if not configuration.patience:
        return None
    patience = Patience(factor=configuration.patience, floor_s=configuration.patience_floor_s)
    patience.recall(counted_events(folder.events))
    return patience
