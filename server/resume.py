"""Taking up a run that was interrupted: what is checked first, and where it goes on."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypedDict, cast

from fedchemo.server.checkpoint import Checkpoint
from fedchemo.server.events import EventLog
from fedchemo.server.history import every_event
from fedchemo.server.run_folder import CONFIGURATION, SUMMARY, Begun, RunFolder
from fedchemo.shared.errors import FedchemoError

COMMANDS = {"server": "fedchemo server resume RUN", "simulate": "fedchemo simulate --resume RUN"}
"""What begins a run -> what resumes it."""
NEEDED = {
    "server": {"federation"},
    "simulate": {"sites", "minimum_patients", "device", "cache"},
}
"""What must be known of how a run was begun."""


class Where(TypedDict):
    """Arguments of the round loop."""

    resumed: Checkpoint | None
    expected: tuple[str, ...]
    marks: tuple[str, ...]


@dataclass(frozen=True)
class Resumed:
    """An interrupted run, locked for this process.

    Attributes:
        folder: the run's.
        begun: what it was begun with.
        checkpoint: where it goes on; None is at its beginning.
        damaged: a sentence for each newer checkpoint that cannot be used.
        marks: why the run is not reproducible to the bit.
        expected: sites to wait for if there is no checkpoint.
        has_result: the result is whole; the sites may not have been told.
        has_ended: nothing is left to do.
    """

    folder: RunFolder
    begun: Begun
    checkpoint: Checkpoint | None
    damaged: tuple[str, ...] = ()
    marks: tuple[str, ...] = ()
    expected: tuple[str, ...] = ()
    has_result: bool = False
    has_ended: bool = False
    _void_to: int = field(default=0, repr=False)

    def announce(self, events: EventLog, *, keeps_result: bool) -> None:
        """Record that the run goes on, and which events before this one no longer count.

        Args:
            events: where.
            keeps_result: a result that is there is left as it is, so that the events that made it count. A simulation
                asks its sites again.
        """
        for what in self.damaged:
            events.emit("checkpoint_damaged", what=what)
        run = self.begun.configuration
        at = self.checkpoint
        done = at.events if at else 0
        events.emit(
            "resumed",
            run=run.name,
            round=at.round if at else 0,
            rounds=run.rounds,
            strategy=run.strategy.name,
            void_from=self._void_to if keeps_result and self.has_result else done,
            void_to=self._void_to,
        )
        for why in self.marks:
            if at is None or why not in at.marks:
                events.emit("not_reproducible", why=why)


def where(taken: Resumed | None) -> Where:
    """Return what `fedchemo.server.rounds.loop.RoundLoop` must know to go on, or to begin."""
    if taken is None:
        return {"resumed": None, "expected": (), "marks": ()}
    return {"resumed": taken.checkpoint, "expected": taken.expected, "marks": taken.marks}


def reopen(path: Path, *, command: str, force: bool = False) -> Resumed:
    """Take up an interrupted run.

    Args:
        path: its folder.
        command: ``server`` or ``simulate``; it must be the one that began the run.
        force: go on though a version differs; the run is marked as not reproducible.

    Raises:
        FedchemoError: FC404 if there is no run, FC407 if a version differs, FC408 if the settings or the
            fingerprint are not those that the run began with, FC409 if another process writes the folder,
            FC410 if another command began the run, FC004 if the folder cannot be written.
    """
    if not path.is_dir():
        raise FedchemoError("FC404", f"{path} is no folder")
    folder = RunFolder.reopen(path)
    try:
        return _checked(folder, command=command, force=force)
    except BaseException:
        folder.release()
        raise


def _checked(folder: RunFolder, *, command: str, force: bool) -> Resumed:
    begun = folder.read_begun()
    origin = str(begun.origin.get("command", ""))
    if origin != command:
        how = f": use `{COMMANDS[origin]}`" if origin in COMMANDS else ""
        raise FedchemoError("FC410", f"{folder.path} was not begun by {command}{how}")
    if missing := NEEDED[command] - set(begun.origin):
        raise FedchemoError(
            "FC404", f"{folder.path}/{CONFIGURATION} does not say its {', '.join(sorted(missing))}"
        )
    folder.origin = dict(begun.origin)
    if begun.digest != begun.written:
        raise FedchemoError("FC408", f"the settings in {folder.path}/{CONFIGURATION} were changed")
    size = folder.events_size()
    has_result = _has_result(folder)
    if has_result and _has_ended(folder):
        return Resumed(folder, begun, None, has_result=True, has_ended=True)
    others = begun.other_versions()
    if others and not force:
        raise FedchemoError("FC407", f"{folder.path} was begun with {', '.join(others)}")
    _check_fingerprint(begun, folder)
    found = folder.checkpoints.newest(run=begun.digest)
    at = found.checkpoint
    marks = (*(at.marks if at else ()), *(f"resumed with another version: {other}" for other in others))
    return Resumed(
        folder,
        begun,
        at,
        damaged=found.damaged,
        marks=tuple(dict.fromkeys(marks)),
        expected=() if at else _asked_first(folder),
        has_result=has_result,
        _void_to=size,
    )


def _check_fingerprint(begun: Begun, folder: RunFolder) -> None:
    from fedchemo.shared.clinical.encoding import names
    from fedchemo.shared.model.build import structure
    from fedchemo.shared.model.fingerprint import fingerprint
    from fedchemo.shared.model.packing import manifest

    site = begun.configuration.site
    features = names(site.clinical)
    now = fingerprint(site, manifest(structure(site.model, site.imaging, len(features))), features)
    if now != begun.fingerprint:
        raise FedchemoError(
            "FC408",
            f"{folder.path} has fingerprint {begun.fingerprint[:12]}…, this installation makes {now[:12]}…",
        )


def _has_result(folder: RunFolder) -> bool:
    """Tell whether the model and its summary are there, and what they were when they were written."""
    from fedchemo.shared.model.artefact import load

    try:
        json.loads((folder.path / SUMMARY).read_bytes())
        load(folder.path)
    except (OSError, ValueError, FedchemoError):
        return False
    return True


def _has_ended(folder: RunFolder) -> bool:
    ends = [event for event in _events(folder) if event["event"] in {"run_ended", "resumed"}]
    return bool(ends) and ends[-1].get("outcome") == "completed"


def _asked_first(folder: RunFolder) -> tuple[str, ...]:
    """Return the sites that took part in the first exchange, whose events are all that is left of it."""
    asked: tuple[str, ...] = ()
    for event in _events(folder):
        if (
            event["event"] == "exchange_started"
            and event.get("kind") == "statistics"
            and not event.get("round")
        ):
            asked = tuple(cast("list[str]", event["sites"]))
    return asked


def _events(folder: RunFolder) -> Iterator[Mapping[str, Any]]:
    return every_event(folder.events)
