"""What a run folder tells afterwards: how it ended, who took part, what was scored, what left each hospital.

Scores come from events that count; what left a hospital and how long it took also from those that a resumed run did
again: it left all the same.
"""

from __future__ import annotations

import datetime as dt
import json
import tomllib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from fedchemo.server.history import counted_events, every_event
from fedchemo.server.run_folder import SUMMARY, Begun, read_begun
from fedchemo.shared.configuration import parse
from fedchemo.shared.errors import FedchemoError
from fedchemo.shared.metrics.summary import ScoreSums
from fedchemo.shared.wire.messages import StatisticsReply

Event = Mapping[str, Any]
ROUND = ("train", "evaluate")
"""The kinds of exchange that rounds consist of."""
Scores = Mapping[str, Mapping[str, ScoreSums]]
"""``model`` or ``baseline`` -> site -> scores on test patients."""


@dataclass(frozen=True)
class Scored:
    """The global model of a round on validation patients; None where too few were scored."""

    round: int
    patients: int
    log_loss: float | None
    by_site: Mapping[str, float]


@dataclass(frozen=True)
class Passage:
    """What one hospital answered to one kind of exchange.

    Attributes:
        site: the hospital.
        kind: of the exchange.
        answers: how many.
        size: bytes of their contents; None if they were not recorded.
        seconds: until they were there, summed.
    """

    site: str
    kind: str
    answers: int
    size: int | None
    seconds: float


@dataclass(frozen=True)
class Took:
    """What the exchanges of one kind took, from the coordinator's side; ``sent`` in bytes, None if not recorded."""

    kind: str
    exchanges: int
    seconds: float
    sent: int | None


@dataclass(frozen=True)
class Account:
    """A run, as its folder tells it.

    Attributes:
        path: the folder.
        begun: what ``federation.toml`` says.
        summary: what ``summary.json`` says; None if the run has no result.
        counted: its events, each once.
        everything: its events, those included that were done again.
    """

    path: Path
    begun: Begun
    summary: Mapping[str, Any] | None
    counted: tuple[Event, ...]
    everything: tuple[Event, ...]

    @property
    def simulated(self) -> bool:
        """Whether its hospitals were virtual."""
        return self.begun.origin.get("command") == "simulate"

    @property
    def outcome(self) -> str:
        """How it ended: completed, failed or stopped; ``not ended`` if it was killed or goes on."""
        ends = [event["outcome"] for event in self.counted if event["event"] == "run_ended"]
        return str(ends[-1]) if ends else "not ended"

    @property
    def failure(self) -> str | None:
        """The code of the error that it ended with."""
        codes = [event["code"] for event in self.counted if event["event"] == "run_failed"]
        return str(codes[-1]) if codes and self.outcome == "failed" else None

    @property
    def best(self) -> int | None:
        """The round whose model is the result; 0 is the clinical model."""
        return None if self.summary is None else int(self.summary["best_round"])

    @property
    def marks(self) -> tuple[str, ...]:
        """Why it is not reproducible to the bit; mostly nothing."""
        return tuple(map(str, (self.summary or {}).get("not_reproducible", ())))

    @property
    def resumed(self) -> int:
        """How often it was taken up again."""
        return sum(event["event"] == "resumed" for event in self.everything)

    @cached_property
    def sites(self) -> Mapping[str, StatisticsReply]:
        """Who took part, with the counts that they told, sorted."""
        found = {
            str(event["site"]): parse(
                StatisticsReply, event["reply"], source=str(self.path / "events.jsonl"), code="FC780"
            )
            for event in self.counted
            if event["event"] == "site_answered" and event["kind"] == "statistics"
        }
        return dict(sorted(found.items()))

    @cached_property
    def datasets(self) -> tuple[str, ...]:
        """The data sets that a simulation's site folders name; empty where they cannot be known."""
        found = set()
        for folder in self.begun.origin.get("sites", ()):
            try:
                content = tomllib.loads((self.path / str(folder) / "site.toml").read_text(encoding="utf-8"))
            except (OSError, ValueError):
                continue
            found.add(str(content.get("dataset", "")))
        return tuple(sorted(found - {""}))

    @cached_property
    def rounds(self) -> tuple[Scored, ...]:
        """The global model after each round on validation patients."""
        by_round: dict[int, dict[str, float]] = defaultdict(dict)
        found = []
        for event in self.counted:
            if event["event"] == "site_answered":
                # Weights are scored by whoever receives them, so a training answer scores the round before.
                for number, scores in (
                    (
                        event["round"] - 1,
                        event["reply"].get("validation") if event["kind"] == "train" else None,
                    ),
                    (event["round"], event["reply"].get("scores") if event["kind"] == "evaluate" else None),
                ):
                    if scores:
                        by_round[number][str(event["site"])] = scores["loss_sum"] / scores["n"]
            elif event["event"] == "model_scored":
                number = int(event["round"])
                by_site = dict(sorted(by_round.pop(number, {}).items()))
                found.append(Scored(number, event["patients"], event["log_loss"], by_site))
        return tuple(found)

    @cached_property
    def training_loss(self) -> Mapping[str, Mapping[int, float]]:
        """Site -> round -> mean loss of its training in that round."""
        found: dict[str, dict[int, float]] = defaultdict(dict)
        for event in self.counted:
            if event["event"] == "site_answered" and event["kind"] == "train":
                loss = event["reply"]["loss"]
                if loss is not None:
                    found[str(event["site"])][int(event["round"])] = float(loss)
        return dict(sorted(found.items()))

    @cached_property
    def scores(self) -> Scores:
        """The sites' scores on test patients; empty without a result."""
        told = (self.summary or {}).get("scores", {})
        return {
            str(model): {
                str(site): parse(ScoreSums, sums, source=str(self.path / SUMMARY), code="FC780")
                for site, sums in sites.items()
            }
            for model, sites in told.items()
        }

    @cached_property
    def passages(self) -> tuple[Passage, ...]:
        """What left each hospital, sorted by site; the kinds in the order in which they first occurred."""
        answers: dict[tuple[str, str], list[Event]] = defaultdict(list)
        for event in self.everything:
            if event["event"] in {"site_answered", "site_failed"}:
                answers[str(event["site"]), str(event["kind"])].append(event)
        kinds = list(dict.fromkeys(kind for _, kind in answers))
        return tuple(
            Passage(
                site,
                kind,
                len(found),
                _total(found, "bytes"),
                sum(float(event["seconds"]) for event in found),
            )
            for (site, kind), found in sorted(
                answers.items(), key=lambda item: (item[0][0], kinds.index(item[0][1]))
            )
        )

    @cached_property
    def took(self) -> tuple[Took, ...]:
        """What each kind of exchange took, in the order in which they first occurred."""
        ended: dict[str, list[Event]] = defaultdict(list)
        for event in self.everything:
            if event["event"] == "exchange_ended":
                ended[str(event["kind"])].append(event)
        return tuple(
            Took(
                kind, len(found), sum(float(event["seconds"]) for event in found), _total(found, "sent_bytes")
            )
            for kind, found in ended.items()
        )

    @cached_property
    def failures(self) -> Mapping[str, Counter[str]]:
        """Site -> code -> how often it refused or failed; ``FC405`` is no answer."""
        found: dict[str, Counter[str]] = defaultdict(Counter)
        for event in self.everything:
            if event["event"] == "site_failed":
                found[str(event["site"])][str(event["code"])] += 1
            elif event["event"] == "site_silent":
                found[str(event["site"])]["FC405"] += 1
        return dict(sorted(found.items()))

    @property
    def trained_seconds(self) -> float:
        """What the sites say that their training took, summed."""
        return sum(
            float(event["reply"]["seconds"])
            for event in self.everything
            if event["event"] == "site_answered" and event["kind"] == "train"
        )

    @property
    def times(self) -> tuple[dt.datetime, dt.datetime] | None:
        """When the first and the last event were."""
        if not self.everything:
            return None
        first, last = (dt.datetime.fromisoformat(self.everything[place]["time"]) for place in (0, -1))
        return first, last


def read_account(path: Path) -> Account:
    """Read a run folder, of a run that has ended or not.

    Raises:
        FedchemoError: FC404 if it holds no run, FC301 if a setting is not valid, FC780 if another of its files is
            damaged.
    """
    begun = read_begun(path)
    summary: Mapping[str, Any] | None = None
    file = path / SUMMARY
    if file.is_file():
        try:
            summary = json.loads(file.read_text(encoding="utf-8"))
            assert isinstance(summary, dict)
            assert isinstance(summary["best_round"], int)
        except (OSError, ValueError, KeyError, AssertionError) as error:
            raise FedchemoError("FC780", f"{file}: {type(error).__name__}") from error
    events = path / "events.jsonl"
    return Account(path, begun, summary, tuple(counted_events(events)), tuple(every_event(events)))


def _total(events: Iterable[Event], name: str) -> int | None:
    """Return a sum over events; None if one of them does not tell."""
    told = [event.get(name) for event in events]
    return None if None in told else sum(int(each) for each in told if each is not None)
