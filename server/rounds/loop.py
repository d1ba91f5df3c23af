"""The round loop: from the first exchange to the model that is the result.

Flower's strategy objects decide what is sent and how the mean becomes the next global model; the drawing of
sites, the aggregation and the bookkeeping are ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from fedchemo.server.events import EventLog
from fedchemo.server.rounds.drawing import draw
from fedchemo.server.rounds.drawn_grid import drawn_grid
from fedchemo.server.rounds.exchange import Exchanges, SiteGrid
from fedchemo.server.rounds.opening import Opening, fit_clinical, gather_statistics
from fedchemo.server.rounds.selection import best_round, summed_log_loss
from fedchemo.server.rounds.terms import Terms
from fedchemo.server.rounds.updates import Updates
from fedchemo.server.run_folder import RunFolder
from fedchemo.server.strategies import method
from fedchemo.shared.clinical.encoding import names
from fedchemo.shared.configuration import RunConfiguration
from fedchemo.shared.errors import FedchemoError
from fedchemo.shared.metrics.summary import ScoreSums
from fedchemo.shared.model.build import build
from fedchemo.shared.model.fingerprint import fingerprint
from fedchemo.shared.model.initialise import initialise, set_clinical
from fedchemo.shared.model.packing import Manifest, manifest, pack
from fedchemo.shared.wire.messages import (
    EvaluateReply,
    EvaluateRequest,
    FinishReply,
    FinishRequest,
    TrainReply,
    TrainRequest,
)
from fedchemo.shared.wire.records import Weights, arrays, config


@dataclass(frozen=True)
class Outcome:
    """What a run ends with."""

    weights: Weights
    baseline: Weights
    best: int
    opening: Opening
    manifest: Manifest
    fingerprint: str
    tests: Mapping[str, Mapping[str, ScoreSums]]
    """``model`` and ``baseline`` -> site -> scores on test patients."""


@dataclass
class RoundLoop:
    """Coordinates one run over a grid of sites."""

    grid: SiteGrid
    configuration: RunConfiguration
    folder: RunFolder
    events: EventLog
    scores: dict[int, dict[str, ScoreSums]] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        run, site = self.configuration, self.configuration.site
        features = names(site.clinical)
        self._model = build(site.model, site.imaging, len(features))
        initialise(self._model, site.seed)
        self.manifest = manifest(self._model)
        self.fingerprint = fingerprint(site, self.manifest, features)
        self._terms = Terms(run.name, self.fingerprint, site)
        self._exchanges = Exchanges(self.grid, self.events, run.quorum, run.deadline_s, run.wait_s)
        self._method = method(run.strategy)

    def run(self) -> Outcome:
        """Run every round and return the model.

        Raises:
            FedchemoError: FC401 if an exchange misses its quorum, FC402 if no site may train.
        """
        run = self.configuration
        self.folder.write_configuration(run, self.fingerprint)
        self.events.emit(
            "run_started",
            run=run.name,
            rounds=run.rounds,
            strategy=run.strategy.name,
            fingerprint=self.fingerprint,
        )
        outcome = "failed"
        try:
            result = self._rounds()
            outcome = "completed"
        except FedchemoError as error:
            self.events.emit("run_failed", code=error.code, what=error.what)
            raise
        except KeyboardInterrupt:
            outcome = "stopped"
            self.events.emit("run_stopped")
            raise
        finally:
            self._finish(outcome)
        return result

    def _rounds(self) -> Outcome:
        run = self.configuration
        opening = gather_statistics(self._exchanges, self._terms)
        coefficients = fit_clinical(self._exchanges, self._terms, opening)
        set_clinical(self._model, coefficients[:-1], float(coefficients[-1]))
        baseline = weights = pack(self._model)
        best = 0
        for number in range(1, run.rounds + 1):
            weights = self._train(number, weights, opening)
            # The round's model is scored in the next round's exchange, so that it travels only once.
            self._note_scores(number - 1)
            details = {"sites": sorted(self.scores.get(number - 1, {}))}
            self.folder.write_checkpoint(number, weights, details)
            best = best_round(self.scores, last=number - 1) if number > 1 else number
            self.folder.prune_checkpoints({number, best}, every=run.keep_every)
        self._score(run.rounds, weights, sorted(opening.roles), opening)
        self._note_scores(run.rounds)
        best = best_round(self.scores, last=run.rounds)
        if best != run.rounds:
            weights = self.folder.read_checkpoint(best)
        self.events.emit("best_round", round=best)
        tests = {
            "baseline": self._ask_scores("test", baseline, sorted(opening.roles), opening, 0),
            "model": self._ask_scores("test", weights, sorted(opening.roles), opening, best),
        }
        return Outcome(weights, baseline, best, opening, self.manifest, self.fingerprint, tests)

    def _train(self, number: int, weights: Weights, opening: Opening) -> Weights:
        """Run one round from the global model ``weights`` and return the next one."""
        run = self.configuration
        online = set(self._exchanges.wait_for_quorum(opening.roles))
        candidates = [site for site in opening.sites("train") if site in online]
        drawn = draw(candidates, seed=run.site.seed, round_number=number, fraction=run.fraction)
        self.events.emit("round_started", round=number, sites=drawn)
        request = self._terms.request(TrainRequest, round=number, statistics=opening.statistics)
        nodes = self.grid.sites()
        messages = self._method.strategy.configure_train(
            number,
            arrays(weights),
            config(request),
            drawn_grid([nodes[site] for site in drawn if site in nodes]),
        )
        updates = Updates(self._method, len(weights))
        judged = self.scores.setdefault(number - 1, {})
        for answer in self._exchanges.send(
            "train",
            TrainReply,
            messages,
            drawn,
            round_number=number,
            quorum=min(run.quorum, len(drawn)),
            accept=updates.add,
        ):
            if answer.reply.validation is not None:
                judged[answer.site] = answer.reply.validation
        # Sites that do not train in this round judge the same model on their own.
        others = sorted((set(opening.roles) & online) - set(drawn))
        self._score(number - 1, weights, others, opening)
        return updates.next_model(number)

    def _score(self, number: int, weights: Weights, sites: list[str], opening: Opening) -> None:
        if sites:
            self.scores.setdefault(number, {}).update(
                self._ask_scores("validation", weights, sites, opening, number)
            )

    def _ask_scores(
        self, split: str, weights: Weights, sites: list[str], opening: Opening, number: int
    ) -> dict[str, ScoreSums]:
        request = self._terms.request(
            EvaluateRequest, round=number, statistics=opening.statistics, split=split
        )
        answers = self._exchanges.ask(
            "evaluate", EvaluateReply, sites, config(request), arrays(weights), round_number=number, quorum=0
        )
        return {answer.site: answer.reply.scores for answer in answers if answer.reply.scores is not None}

    def _note_scores(self, number: int) -> None:
        scores = self.scores.get(number, {})
        patients = sum(site.n for site in scores.values())
        self.events.emit(
            "model_scored",
            round=number,
            sites=sorted(scores),
            patients=patients,
            log_loss=summed_log_loss(scores) / patients if patients else None,
        )

    def _finish(self, outcome: str) -> None:
        """Tell the sites that the run is over; nobody has to answer."""
        request = self._terms.request(FinishRequest, outcome=outcome)
        farewell = Exchanges(self.grid, self.events, 0, min(10.0, self.configuration.deadline_s), 0.0)
        for _ in farewell.ask("finish", FinishReply, sorted(self.grid.sites()), config(request), quorum=0):
            pass
        self.events.emit("run_ended", outcome=outcome)
