"""The commands ``fedchemo client pause`` and ``resume``: halt a running client, and let it go on."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Annotated

import typer

from fedchemo.client.commands.state import KIT, STATE


def pause(
    state: Annotated[Path | None, STATE] = None,
    kit: Annotated[Path | None, KIT] = None,
) -> None:
    """Halt a running client: it stays a member, gives processor and memory bandwidth to others, and answers later.

    A run whose deadline passes meanwhile goes on without this site; a late answer does not count.
    """
    from fedchemo.client.signals import PAUSE

    _send(PAUSE, state, kit, said="halts; `fedchemo client resume` lets it go on")


def resume(
    state: Annotated[Path | None, STATE] = None,
    kit: Annotated[Path | None, KIT] = None,
) -> None:
    """Let a client go on that was paused."""
    from fedchemo.client.signals import RESUME

    _send(RESUME, state, kit, said="goes on")


def _send(number: signal.Signals, state: Path | None, kit: Path | None, *, said: str) -> None:
    """Send a signal to the client of a state folder.

    Raises:
        FedchemoError: FC923 if the folder is not there, FC634 if no client runs with it, or as another user.
    """
    from fedchemo.client.state_folder import StatePaths
    from fedchemo.shared.errors import FedchemoError

    found = StatePaths.find(state, kit)
    process = found.running()
    try:
        os.kill(process, number)
    except OSError as error:
        raise FedchemoError("FC634", f"process {process} of {found.path}: {error.strerror}") from error
    typer.echo(f"the client of {found.path} (process {process}) {said}")
