"""A hospital's client from kit and site folder to a node that serves runs, saying in words what it does."""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from fedchemo.client.state_folder import StateFolder
from fedchemo.shared.errors import FedchemoError
from fedchemo.shared.kit import Kit, read_kit

if TYPE_CHECKING:
    from rich.console import Console

    from fedchemo.client.fleet.node import HospitalNode


def join_federation(
    kit_file: Path,
    site_folder: Path,
    *,
    state: Path | None,
    device: str,
    once: bool,
    patience_s: float | None,
    console: Console,
) -> None:
    """Take part in a federation's runs until stopped, or until one has ended.

    Args:
        kit_file: the kit.
        site_folder: this hospital's patients.
        state: the state folder, if not the default.
        device: ``auto``, ``cpu`` or ``cuda:N``.
        once: return when one run has ended.
        patience_s: how long to look for a coordinator that cannot be reached; None is for ever.
        console: where to say what happens.

    Raises:
        FedchemoError: of the kit (FC5xx), the site folder (FC1xx), the network (FC6xx), FC310, FC910, FC911.
    """
    # What can be wrong on this machine is told before torch is loaded and before anything is sent.
    kit = read_kit(kit_file)
    diary = _Diary(console, kit)
    diary.say(f"kit of {kit.site} for the federation {kit.federation}, coordinator {kit.address}")

    from fedchemo.client.cohort import read_site

    cohort = read_site(site_folder)
    if cohort.site != kit.site:
        raise FedchemoError(
            "FC911", f"{site_folder} is the folder of {cohort.site}, the kit is that of {kit.site}"
        )
    counts = ", ".join(f"{len(cohort.patients(split))} {split}" for split in ("train", "validation", "test"))
    diary.say(f"{len(cohort.clinical)} patients ({counts}), {len(cohort.images)} with images")
    for problem in cohort.problems:
        diary.say(f"warning: {problem}")

    with contextlib.closing(StateFolder(state or StateFolder.default(kit.federation, kit.site))) as kept:
        import torch

        from fedchemo.client.app import client_app
        from fedchemo.client.fleet.node import HospitalNode
        from fedchemo.client.participant import Participant
        from fedchemo.client.training.device import choose

        chosen, reason = choose(device)
        diary.say(f"computing on {chosen}: {reason}")
        if chosen.type == "cpu":
            # One thread gives the same bits on every machine of a type; more would not.
            torch.set_num_threads(1)
        participant = Participant(
            cohort, kept.images, device=chosen, notice=diary.notice, preparing=os.cpu_count() or 1
        )
        app = client_app(lambda _: participant)
        node = HospitalNode(kit, app, on_event=diary.notice, patience=patience_s)
        if once:
            diary.ended = node.stop
        with _stopping_on_signals(node):
            node.run()
    diary.say("left the federation")


class _Diary:
    """Says in words what the client does; it is for the hospital and never leaves it."""

    def __init__(self, console: Console, kit: Kit) -> None:
        self._console = console
        self._kit = kit
        self._round = 0
        self._trouble = ""
        self.ended: Callable[[], None] = lambda: None
        """Called when a run has ended."""

    def say(self, line: str) -> None:
        """Print a line with the time."""
        from rich.markup import escape

        now = dt.datetime.now().astimezone().strftime("%H:%M:%S")
        self._console.print(f"[dim]{now}[/] {escape(line)}", soft_wrap=True)

    def notice(self, event: str, details: Mapping[str, object]) -> None:
        """Put an event of the participant or the node into words."""
        match event:
            case "training":
                self._training(details)
            case "images" if details["done"] == details["total"]:
                self.say(f"images of {details['total']} patients are prepared")
            case "image_set_aside":
                self.say(f"set aside the images of {details['patient']}: {details['why']}")
            case "refused":
                self.say(f"refused a request: {details['code']}: {details['what']}")
            case "failed":
                self.say(
                    f"could not answer a request, and sent {details.get('code', 'FC990')}: {details['what']}"
                )
            case "run_finished":
                self.say(f'the run "{details["run"]}" has ended: {details["outcome"]}')
                self.ended()
            case "connecting":
                self.say(f"looking for the coordinator at {details['address']}")
            case "connected":
                self._trouble = ""
                self.say(f"joined {self._kit.federation} as {details['site']}; waiting for work")
            case "disconnected":
                self._disconnected(details)
            case "withdrawn":
                self.say("the coordinator withdrew its request; nothing was sent")
            case "replied" if details["type"] == "train":
                size = int(str(details["bytes"])) / 1e6
                self.say(
                    f"round {self._round}: sent an update ({size:.1f} MB) after {details['seconds']:.1f} s"
                )

    def _disconnected(self, details: Mapping[str, object]) -> None:
        """Say it once for each kind of trouble: the node tries again every few seconds."""
        if details["code"] != self._trouble:
            self._trouble = str(details["code"])
            self.say(f"no connection ({details['code']}: {details['what']}); trying again until there is one")

    def _training(self, details: Mapping[str, object]) -> None:
        number = int(str(details["round"]))
        if number != self._round:
            self._round = number
            self.say(f"round {number}: training on {details['steps']} batches")


@contextlib.contextmanager
def _stopping_on_signals(node: HospitalNode) -> Iterator[None]:
    """Let SIGTERM and Ctrl-C end the node after what it has in hand; elsewhere than the main thread, do nothing."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {
        number: signal.signal(number, lambda *_: node.stop()) for number in (signal.SIGTERM, signal.SIGINT)
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
