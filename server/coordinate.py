"""A networked run from start to end: the coordinator, the round loop, and the run folder."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from pathlib import Path

from fedchemo.server.events import EventLog, Listener
from fedchemo.server.fleet.coordinator import Coordinator
from fedchemo.server.result import save_result
from fedchemo.server.rounds.loop import Outcome, RoundLoop
from fedchemo.server.run_folder import RunFolder
from fedchemo.server.summary import Rows, from_sums
from fedchemo.shared.configuration import RunConfiguration


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
    with contextlib.ExitStack() as stack:
        coordinator = Coordinator(
            federation, host=listen, port=port, tell=lambda kind, details: events.emit(kind, **details)
        )
        folder = stack.enter_context(RunFolder(out, overwrite=overwrite).begun_or_removed())
        events = stack.enter_context(contextlib.closing(EventLog(folder.events, *listeners)))
        stack.enter_context(coordinator)
        events.emit("listening", address=coordinator.address)
        with coordinator.grid() as grid:
            outcome = RoundLoop(grid, configuration, folder, events).run()
        figures = {name: from_sums(outcome.tests[name]) for name in ("model", "baseline")}
        save_result(folder, configuration, outcome, figures, exact=False)
    return outcome, figures
