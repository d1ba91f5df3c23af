"""The run on a terminal: rounds, the state of each site, and metrics, as they happen."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from fedchemo.server.events import Event
from fedchemo.shared.catalogue import CATALOGUE, refusals

MOST_ROWS = 24
"""Sites shown at once; a terminal has no more lines."""


@dataclass
class _Site:
    state: str = "online"
    training: object = None
    loss: float | None = None
    validation: float | None = None
    seconds: float | None = None


class RunView:
    """Listens to the events of a run; on a terminal it draws, elsewhere it prints a line a round."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._sites: dict[str, _Site] = {}
        self._progress = Progress(
            TextColumn("[bold]{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=console,
        )
        self._task = self._progress.add_task("rounds", total=None)
        self._note = ""
        self._live = Live(get_renderable=self._draw, console=console, refresh_per_second=8, transient=True)

    @contextlib.contextmanager
    def shown(self) -> Iterator[RunView]:
        """Draw while the body runs."""
        if self._console.is_terminal:
            with self._live:
                yield self
        else:
            yield self

    def __call__(self, event: Event) -> None:
        """Take one event."""
        kind = str(event["event"])
        handler = getattr(self, f"_on_{kind}", None)
        if handler:
            handler(event)

    def _on_run_started(self, event: Event) -> None:
        self._progress.update(
            self._task, total=cast("float", event["rounds"]), description=str(event["strategy"])
        )

    def _on_resumed(self, event: Event) -> None:
        number, rounds = cast("int", event["round"]), cast("int", event["rounds"])
        self._progress.update(self._task, total=rounds, completed=number, description=str(event["strategy"]))
        self._say(f"resumed after round {number} of {rounds}")

    def _on_checkpoint_damaged(self, event: Event) -> None:
        self._say(f"a checkpoint cannot be used, so the run goes on from an older one: {event['what']}")

    def _on_not_reproducible(self, event: Event) -> None:
        self._say(f"the run is marked as not reproducible: {event['why']}")

    def _on_waiting(self, event: Event) -> None:
        self._say(
            f"waiting for {event['quorum']} sites; online: {', '.join(cast('list[str]', event['online'])) or 'none'}"
        )

    def _on_warning(self, event: Event) -> None:
        self._say(f"warning: {event['what']}")

    def _on_site_online(self, event: Event) -> None:
        self._sites.setdefault(str(event["site"]), _Site())
        self._say(f"{event['site']} is online")

    def _on_site_refused(self, event: Event) -> None:
        self._say(f"refused a caller from {event['peer']}: {event['code']}")

    def _on_exchange_started(self, event: Event) -> None:
        for site in cast("list[str]", event["sites"]):
            self._sites.setdefault(site, _Site()).state = f"{event['kind']} ..."

    def _on_site_answered(self, event: Event) -> None:
        site = self._sites.setdefault(str(event["site"]), _Site())
        reply = cast("dict[str, object]", event["reply"])
        site.state, site.seconds = "ready", cast("float", event["seconds"])
        if event["kind"] == "statistics":
            site.training = reply["training"] if reply["role"] == "train" else "evaluates only"
        if event["kind"] == "train":
            site.loss = cast("float | None", reply["loss"])
        scores = {"train": reply.get("validation"), "evaluate": reply.get("scores")}.get(str(event["kind"]))
        if scores:
            sums = cast("dict[str, float]", scores)
            site.validation = sums["loss_sum"] / sums["n"]

    def _on_site_failed(self, event: Event) -> None:
        code = str(event["code"])
        refused = code in refusals.ENTRIES and code != "FC990"
        word = "refused" if refused else "failed"
        self._sites.setdefault(str(event["site"]), _Site()).state = f"{word}: {code}"
        title = f" {CATALOGUE[code].title}" if code in CATALOGUE else ""
        self._say(
            f"{event['site']} {word} ({event['kind']}): {code}{title}; see `fedchemo explain-error {code}`"
        )

    def _on_inside_site_failed(self, event: Event) -> None:
        self._say(f"inside {event['site']}: {event['type']}: {event['what']}")

    def _on_inside_site_row_set_aside(self, event: Event) -> None:
        self._say(f"inside {event['site']}: set aside: {event['why']}")

    def _on_inside_site_refused(self, event: Event) -> None:
        self._say(f"inside {event['site']}: {event['code']}: {event['what']}")

    def _on_site_silent(self, event: Event) -> None:
        self._sites.setdefault(str(event["site"]), _Site()).state = "silent"
        self._say(f"{event['site']} did not answer ({event['kind']})")

    def _on_model_scored(self, event: Event) -> None:
        number, loss = cast("int", event["round"]), cast("float | None", event["log_loss"])
        self._progress.update(self._task, completed=number)
        told = (
            f"validation log-loss {loss:.4f} on {event['patients']} patients"
            if loss is not None
            else "too few patients of each class at every site to score it"
        )
        name = f"round {number}" if number else "clinical model"
        self._note = f"{name}: {told}"
        if not self._console.is_terminal:
            self._console.print(self._note)

    def _say(self, line: str) -> None:
        self._console.print(line)

    def _draw(self) -> Group:
        table = Table(box=None, padding=(0, 2))
        for heading in (
            "site",
            "state",
            "training patients",
            "training loss",
            "validation log-loss",
            "seconds",
        ):
            table.add_column(heading, justify="left" if heading in {"site", "state"} else "right")
        for name in sorted(self._sites)[:MOST_ROWS]:
            site = self._sites[name]
            table.add_row(
                name,
                site.state,
                _text(site.training),
                _text(site.loss),
                _text(site.validation),
                _text(site.seconds),
            )
        hidden = len(self._sites) - MOST_ROWS
        more = [f"  and {hidden} more sites"] if hidden > 0 else []
        return Group(self._progress, self._note, table, *more)


def _text(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.3f}"
    return "" if value is None else str(value)
