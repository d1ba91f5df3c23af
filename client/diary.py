"""Says in words what the client does; it is for the hospital and never leaves it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from fedchemo.shared.kit import Kit

if TYPE_CHECKING:
    from rich.console import Console


Details = Mapping[str, object]


class Diary:
    """Puts events of the participant, the approvals and the node into words on a console.

    Args:
        console: where to say it.
        kit: whose client it is.
        answering: what to type to answer a run that asks, without the word itself: ``... approve``.
    """

    def __init__(self, console: Console, kit: Kit, *, answering: str = "fedchemo client approve") -> None:
        self._console = console
        self._kit = kit
        self._answering = answering
        self._round = 0
        self._trouble = self._computing = ""
        self.ended: Callable[[], None] = lambda: None
        """Called when a run has ended."""

    def say(self, line: str) -> None:
        """Print a line with the time; what could steer the terminal is replaced, since parts may come from others."""
        from rich.markup import escape

        now = dt.datetime.now().astimezone().strftime("%H:%M:%S")
        shown = "".join(
            one if one.isprintable() or one == "\n" else "\N{REPLACEMENT CHARACTER}" for one in line
        )
        self._console.print(f"[dim]{now}[/] {escape(shown)}", soft_wrap=True)

    def notice(self, event: str, details: Mapping[str, object]) -> None:
        """Put an event into words, if there are words for it."""
        handler = getattr(self, f"_on_{event}", None)
        if handler:
            handler(details)

    def _on_images(self, details: Details) -> None:
        if details["done"] == details["total"]:
            self.say(f"images of {details['total']} patients are prepared")

    def _on_image_set_aside(self, details: Details) -> None:
        self.say(f"set aside the images of {details['patient']}: {details['why']}")

    def _on_image_damaged(self, details: Details) -> None:
        self.say(f"prepares the images anew: {details['what']}")

    def _on_worker_ready(self, details: Details) -> None:
        said = f"computing on {details['device']}: {details['reason']}"
        if said != self._computing:
            self._computing = said
            self.say(said)

    def _on_worker_ended(self, details: Details) -> None:
        self.say(f"{details['code']}: {details['what']}; the next request gets a new one")

    def _on_out_of_memory(self, details: Details) -> None:
        self.say(f"out of memory ({details['code']}): tries again, each batch in {details['parts']} parts")

    def _on_paused(self, _details: Details) -> None:
        self.say("paused: stays a member and answers later; `fedchemo client resume` lets it go on")

    def _on_resumed(self, _details: Details) -> None:
        self.say("goes on")

    def _on_still_waiting(self, _details: Details) -> None:
        self.say("please type yes or no")

    def _on_approved(self, details: Details) -> None:
        self.say(f'takes part in the run "{details["run"]}": approved {details["how"]}')

    def _on_denied(self, details: Details) -> None:
        self.say(f'does not take part in the run "{details["run"]}": denied {details["how"]}')

    def _on_refused(self, details: Details) -> None:
        self.say(f"refused a request: {details['code']}: {details['what']}")

    def _on_failed(self, details: Details) -> None:
        code = details.get("code", "FC990")
        if details.get("type"):
            self.say(f"could not answer a request, and sent {code}: {details['what']}")
        else:
            self.say(f"met {code} in what the coordinator sent: {details['what']}")

    def _on_clipped(self, details: Details) -> None:
        self.say(f"the update had norm {details['norm']:.4g}; cut to {details['largest']:.4g} by the policy")

    def _on_suppressed(self, details: Details) -> None:
        self.say(str(details["what"]))

    def _on_personal(self, details: Details) -> None:
        self.say(f'the run "{details["run"]}" has left this hospital a model of its own: {details["path"]}')
        self.say(f"    the run's model here: {details['before']}")
        self.say(f"    its own model here:   {details['after']}")

    def _on_run_finished(self, details: Details) -> None:
        self.say(f'the run "{details["run"]}" has ended: {details["outcome"]}')
        self.ended()

    def _on_run_over(self, _details: Details) -> None:
        """Say nothing: the end of a run of which nothing was asked here is told as a refusal."""
        self.ended()

    def _on_connecting(self, details: Details) -> None:
        self.say(f"looking for the coordinator at {details['address']}")

    def _on_connected(self, details: Details) -> None:
        self._trouble = ""
        self.say(f"joined {self._kit.federation} as {details['site']}; waiting for work")

    def _on_versions(self, details: Details) -> None:
        self.say(f"warning: {details['code']}: {details['what']}")

    def _on_withdrawn(self, _details: Details) -> None:
        self.say("the coordinator withdrew its request; nothing was sent")

    def _on_replied(self, details: Details) -> None:
        if details["type"] == "train" and not details["code"]:
            size, seconds = int(str(details["bytes"])) / 1e6, float(str(details["seconds"]))
            self.say(f"round {self._round}: sent an update ({size:.1f} MB) after {seconds:.1f} s")

    def _on_asked(self, details: Details) -> None:
        minutes = float(str(details["wait_s"])) / 60
        self.say(
            f'the run "{details["run"]}" asks this hospital to take part\n'
            f"    purpose: {details['purpose'] or 'none stated'}\n"
            f"    model:   fingerprint {details['fingerprint']}\n"
            f"    it {details['settings']}"
        )
        here = "type yes or no here, or elsewhere" if details["terminal"] else "type"
        self.say(
            f"to take part, {here}:  {self._answering} {details['number']}   "
            f"(or, to say no, with --deny); without an answer it is refused after {minutes:g} minutes"
        )

    def _on_disconnected(self, details: Details) -> None:
        """Say it once for each kind of trouble: the node tries again every few seconds."""
        if details["code"] != self._trouble:
            self._trouble = str(details["code"])
            self.say(f"no connection ({details['code']}: {details['what']}); trying again until there is one")

    def _on_queueing(self, details: Details) -> None:
        self.say(f"the update is ready, and waits for its turn to be sent since {details['seconds']:.0f} s")

    def _on_training(self, details: Details) -> None:
        number = int(str(details["round"]))
        if number != self._round:
            self._round = number
            self.say(f"round {number}: training on {details['steps']} batches")
