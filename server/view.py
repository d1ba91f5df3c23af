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
from fedchemo.server.rounds.patience import is_slow
from fedchemo.shared.catalogue import CATALOGUE, refusals

MOST_ROWS = 24
"""Sites shown at once; a terminal has no more lines."""
MOST_NAMES = 8
"""Sites named in one line."""


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
        missing = f"; missing: {_names(event['missing'])}" if event["missing"] else ""
        self._say(
            f"waiting for {event['quorum']} sites, at most {_duration(event['left_s'])} more; "
            f"online: {_names(event['online'])}{missing}"
        )

    def _on_awaiting_answers(self, event: Event) -> None:
        self._say(
            f"{_exchange(event)}: {event['answered']} have answered; waiting for {_names(event['missing'])}, at most "
            f"{_duration(event['left_s'])} more"
        )

    def _on_wait_cut_short(self, event: Event) -> None:
        self._say(
            f"{_exchange(event)}: goes on without {_names(event['sites'])}, after {_duration(event['seconds'])} and "
            "several times what they usually take"
        )

    def _on_late_reply(self, event: Event) -> None:
        late = _duration(event["seconds"])
        self._say(f"{event['site']} answered {_exchange(event)} too late, after {late}: not counted")

    def _on_quorum_lost(self, event: Event) -> None:
        self._say(f"{event['exchange']} has lost its quorum and is held again: {_failures(event)}")

    def _on_site_joined(self, event: Event) -> None:
        does = "trains from now on" if event["role"] == "train" else "evaluates only"
        self._say(f"{event['site']} joins in round {event['round']} and {does}")

    def _on_site_admitted(self, event: Event) -> None:
        self._say(f"{event['site']} may take part from now on")

    def _on_site_removed(self, event: Event) -> None:
        self._say(f"{event['site']} may take part no more")
        self._sites.pop(str(event["site"]), None)

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
        usual = cast("float | None", event.get("usual_s"))
        if is_slow(site.seconds, usual):
            site.state = f"slow: {_duration(site.seconds)}, usually {_duration(usual)}"
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
        state, told = ("silent", "did not answer") if event["online"] else ("away", "is not online")
        self._sites.setdefault(str(event["site"]), _Site()).state = state
        self._say(f"{event['site']} {told} ({event['kind']})")

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


def _exchange(event: Event) -> str:
    """Return which exchange an event is of, in words."""
    return f"{event['kind']} of round {event['round']}"


def _names(sites: object) -> str:
    """Return the first names of a list, and how many more there are."""
    names = cast("list[str]", sites)
    more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
    return (", ".join(names[:MOST_NAMES]) or "none") + more


def _failures(event: Event) -> str:
    failures = cast("dict[str, str]", event["failures"])
    return _names([f"{site} {code}" for site, code in sorted(failures.items())])


def _duration(seconds: object) -> str:
    """Return seconds in words: to a tenth below ten, in minutes above ten."""
    count = cast("float", seconds)
    if count >= 600:
        return f"{count / 60:.0f} min"
    return f"{count:.0f} s" if count >= 10 else f"{count:.1f} s"


def _text(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.3f}"
    return "" if value is None else str(value)
