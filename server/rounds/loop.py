"""The round loop: from the first exchange to the model that is the result.

Flower's strategy objects decide what is sent and how the mean becomes the next global model; the drawing of
sites, the aggregation and the bookkeeping are ours. After each round a checkpoint holds all that the next one
depends on, so that a run which is killed at any instant and resumed ends with the same bits.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np

from fedchemo.server.checkpoint import Checkpoint
from fedchemo.server.evaluation import Ranking, stretch_of
from fedchemo.server.events import EventLog
from fedchemo.server.rounds.again import until_quorum
from fedchemo.server.rounds.cycle import cycle
from fedchemo.server.rounds.drawing import draw
from fedchemo.server.rounds.drawn_grid import drawn_grid
from fedchemo.server.rounds.exchange import Answer, Exchanges, SiteGrid
from fedchemo.server.rounds.joining import Newcomers
from fedchemo.server.rounds.opening import Opening, fit_clinical, gather_statistics
from fedchemo.server.rounds.patience import Patience
from fedchemo.server.rounds.selection import Selection, summed_log_loss
from fedchemo.server.rounds.strategy_state import restore, state_of
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
from fedchemo.shared.model.stretched import stretched
from fedchemo.shared.wire.messages import (
    EvaluateReply,
    EvaluateRequest,
    FinishReply,
    FinishRequest,
    PersonalReply,
    PersonalRequest,
    TrainReply,
    TrainRequest,
)
from fedchemo.shared.wire.records import Weights, arrays, config

FAREWELL_S = 10.0
RETURN_S, GOODBYE_S = 120.0, 10.0
"""How long a resumed run waits for the sites that it had: a site looks for its coordinator every 18 s at least."""


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
    """``model``, ``baseline`` and, if the run leaves sites models of their own, ``personal`` -> site -> scores on test
    patients."""
    rankings: Mapping[str, Ranking]
    """``model`` and ``baseline`` -> the same test patients by the stretched model; see `fedchemo.server.evaluation`."""
    validation: Mapping[str, ScoreSums]
    """Site -> scores of the model on validation patients, for its calibration."""
    marks: tuple[str, ...] = ()
    """Why the run is not reproducible to the bit; mostly nothing."""


def _keep_nothing(_outcome: Outcome) -> None:
    """Be the default of what is done with an outcome before the sites are told."""


@dataclass
class RoundLoop:
    """Coordinates one run over a grid of sites.

    Args:
        grid: the way to the sites.
        configuration: of the run.
        folder: the run's.
        events: where everything is recorded.
        resumed: where the run stood when it was interrupted; None begins it.
        expected: sites to wait for before a run begins again that was interrupted before its first checkpoint.
        marks: why the run is not reproducible to the bit.
        patience: how long to wait for the last sites of an exchange; None is until the deadline. Virtual sites wait
            for one another, so that what one of them took says nothing of it.
    """

    grid: SiteGrid
    configuration: RunConfiguration
    folder: RunFolder
    events: EventLog
    resumed: Checkpoint | None = None
    expected: tuple[str, ...] = ()
    marks: tuple[str, ...] = ()
    patience: Patience | None = None
    _judged: dict[str, ScoreSums] = field(default_factory=dict, init=False)
    """Scores of the model that the current round starts from."""

    def __post_init__(self) -> None:
        run, site = self.configuration, self.configuration.site
        features = names(site.clinical)
        self._model = build(site.model, site.imaging, len(features))
        initialise(self._model, site.seed)
        self.manifest = manifest(self._model)
        self.fingerprint = fingerprint(site, self.manifest, features)
        self._terms = Terms(run.name, self.fingerprint, site, run.purpose, run.strategy.at_sites)
        self._exchanges = Exchanges(
            self.grid, self.events, run.quorum, run.deadline_s, run.wait_s, self.patience
        )
        self._newcomers = Newcomers(self._exchanges, self._terms)
        self._method = method(run.strategy)
        self._selection = Selection(self.resumed.candidates if self.resumed else ())
        self._digest = ""

    def run(self, keep: Callable[[Outcome], None] = _keep_nothing) -> Outcome:
        """Run every round, or those that are left, and return the model.

        Args:
            keep: told the outcome before the sites are told that the run has ended: what it writes is there then.

        Raises:
            FedchemoError: FC401 if an exchange misses its quorum, FC402 if no site may train, FC004 if the run
                folder cannot be written, FC406 if the best round's checkpoint has been damaged since.
        """
        run = self.configuration
        if not self.folder.begun:
            self.folder.write_configuration(run, self.fingerprint)
        self._digest = self.folder.read_begun().digest
        outcome = "failed"
        try:
            if self.resumed is None:
                self.events.emit(
                    "run_started",
                    run=run.name,
                    rounds=run.rounds,
                    strategy=run.strategy.name,
                    fingerprint=self.fingerprint,
                )
            result = self._rounds()
            keep(result)
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

    def say_goodbye(self) -> None:
        """Tell the sites of a run whose result is there already that it has ended."""
        if self.resumed is not None:
            self._exchanges.wait_for_return(self.resumed.opening.roles, seconds=GOODBYE_S)
        self._finish("completed")

    def _rounds(self) -> Outcome:
        run = self.configuration
        at = self.resumed or self._open()
        opening, weights = at.opening, at.weights
        set_clinical(self._model, np.array(at.coefficients[:-1]), at.coefficients[-1])
        baseline = pack(self._model)
        if self.resumed:
            restore(self._method.strategy, at.strategy)
            self._exchanges.wait_for_return(at.present, seconds=min(RETURN_S, run.wait_s))
        for number in range(at.round + 1, run.rounds + 1):
            opening = self._newcomers.welcome(number, opening)
            weights, present = until_quorum(
                self._exchanges,
                partial(self._train, number, weights, opening),
                what=f"round {number}",
                of=opening.sites("train"),
            )
            # The round's model is scored in the next round's exchange, so that it travels only once.
            self._note_scores(number - 1)
            self._write(number, weights, opening, at.coefficients, present)
        self._judged = self._ask_scores("validation", weights, sorted(opening.roles), opening, run.rounds)
        best, everybody = self._note_scores(run.rounds), sorted(opening.roles)
        validation = self._judged
        if best != run.rounds:
            weights = self.folder.checkpoints.weights(best)
            validation = self._ask_scores("validation", weights, everybody, opening, best)
        self.events.emit("best_round", round=best)
        tests, rankings = {}, {}
        for name, vector, number in (("baseline", baseline, 0), ("model", weights, best)):
            tests[name] = self._ask_scores("test", vector, everybody, opening, number)
            stretch = stretch_of(tests[name])
            if stretch is not None:
                sharper = stretched(vector, self.manifest, stretch)
                again = self._ask_scores("test", sharper, sorted(tests[name]), opening, number)
                rankings[name] = Ranking(stretch, again)
        if run.strategy.at_sites.is_personal:
            tests["personal"] = self._ask_personal(weights, opening, best)
        return Outcome(
            weights,
            baseline,
            best,
            opening,
            self.manifest,
            self.fingerprint,
            tests,
            rankings,
            validation,
            self.marks,
        )

    def _open(self) -> Checkpoint:
        """Hold the exchanges before the first round, and return where the run stands then."""
        self._exchanges.wait_for_return(self.expected, seconds=min(RETURN_S, self.configuration.wait_s))
        opening = gather_statistics(self._exchanges, self._terms)
        coefficients = fit_clinical(self._exchanges, self._terms, opening)
        set_clinical(self._model, coefficients[:-1], float(coefficients[-1]))
        told = tuple(coefficients.tolist())
        return self._write(0, pack(self._model), opening, told, sorted(opening.roles))

    def _write(
        self,
        number: int,
        weights: Weights,
        opening: Opening,
        coefficients: tuple[float, ...],
        present: list[str],
    ) -> Checkpoint:
        """Write the checkpoint of a round, and remove those that nothing needs any more."""
        made = Checkpoint(
            round=number,
            weights=weights,
            strategy=state_of(self._method.strategy),
            opening=opening,
            coefficients=coefficients,
            candidates=self._selection.candidates,
            present=tuple(present),
            marks=self.marks,
            events=self.folder.events_size(),
        )
        self.folder.checkpoints.write(made, run=self._digest)
        # The one before stays, in case this one is damaged.
        kept = {number, number - 1, *(candidate.round for candidate in made.candidates)}
        self.folder.checkpoints.prune(kept, every=self.configuration.keep_every)
        return made

    def _train(self, number: int, weights: Weights, opening: Opening) -> tuple[Weights, list[str]]:
        """Run one round from the global model ``weights``; return the next one and the sites that were there."""
        run = self.configuration
        training = opening.sites("train")
        online = set(self._exchanges.wait_for_quorum(opening.roles, of=training))
        candidates = [site for site in training if site in online]
        drawn = draw(candidates, seed=run.site.seed, round_number=number, fraction=run.fraction)
        self.events.emit("round_started", round=number, sites=drawn)
        there = set(opening.roles) & online
        request = self._terms.request(
            TrainRequest,
            round=number,
            statistics=opening.statistics,
            candidates=sorted({candidate.round for candidate in self._selection.candidates}),
        )
        if self._method.is_cycle:
            # Each site trains from other weights: those of the round's start are judged in an exchange of their own.
            self._judged = self._ask_scores("validation", weights, sorted(there), opening, number - 1)
            return cycle(self._exchanges, self._method, request, weights, drawn, opening), sorted(there)
        nodes = self.grid.sites()
        messages = self._method.strategy.configure_train(
            number,
            arrays(weights),
            config(request),
            drawn_grid([nodes[site] for site in drawn if site in nodes]),
        )
        updates = Updates(
            self._method, len(weights), training=run.site.training, patients=opening.training_patients
        )
        self._judged = {}

        def accept(answer: Answer[TrainReply]) -> None:
            opening.check_examples(answer.site, answer.reply.examples)
            updates.add(answer)

        for answer in self._exchanges.send(
            "train",
            TrainReply,
            messages,
            drawn,
            round_number=number,
            quorum=min(run.quorum, len(drawn)),
            accept=accept,
        ):
            self._note_parts(answer.site, answer.reply.parts)
            if answer.reply.validation is not None:
                self._judged[answer.site] = answer.reply.validation
        # Sites that do not train in this round judge the same model on their own.
        if others := sorted(there - set(drawn)):
            self._judged |= self._ask_scores("validation", weights, others, opening, number - 1)
        return updates.next_model(number), sorted(there)

    def _ask_scores(
        self, split: str, weights: Weights, sites: list[str], opening: Opening, number: int
    ) -> dict[str, ScoreSums]:
        request = self._terms.request(
            EvaluateRequest, round=number, statistics=opening.statistics, split=split
        )
        answers = self._exchanges.ask(
            "evaluate", EvaluateReply, sites, config(request), arrays(weights), round_number=number, quorum=0
        )
        scores = {}
        for answer in answers:
            self._note_parts(answer.site, answer.reply.parts)
            if answer.reply.scores is not None:
                scores[answer.site] = answer.reply.scores
        return scores

    def _note_parts(self, site: str, parts: int) -> None:
        """Mark the run, once a site, if a site has computed its batches in parts: equal but for rounding."""
        why = f"{site} ran out of memory and computed its batches in parts"
        if parts > 1 and why not in self.marks:
            self.marks = (*self.marks, why)
            self.events.emit("not_reproducible", why=why)

    def _ask_personal(self, weights: Weights, opening: Opening, best: int) -> dict[str, ScoreSums]:
        """Let each training site make its own model of the result, and return how well it predicts there."""
        request = self._terms.request(PersonalRequest, round=best, statistics=opening.statistics)
        answers = self._exchanges.ask(
            "personal",
            PersonalReply,
            opening.sites("train"),
            config(request),
            arrays(weights),
            round_number=best,
            quorum=0,
        )
        return {answer.site: answer.reply.scores for answer in answers if answer.reply.scores is not None}

    def _note_scores(self, number: int) -> int:
        """Record the scores of a round's model and return the best round so far."""
        patients = sum(site.n for site in self._judged.values())
        self.events.emit(
            "model_scored",
            round=number,
            sites=sorted(self._judged),
            patients=patients,
            log_loss=summed_log_loss(self._judged) / patients if patients else None,
        )
        return self._selection.note(number, self._judged)

    def _finish(self, outcome: str) -> None:
        """Tell the sites that the run is over; nobody has to answer."""
        request = self._terms.request(FinishRequest, outcome=outcome)
        seconds = min(FAREWELL_S, self.configuration.deadline_s)
        farewell = replace(self._exchanges, quorum=0, deadline_s=seconds, patience=None)
        for _ in farewell.ask("finish", FinishReply, sorted(self.grid.sites()), config(request), quorum=0):
            pass
        self.events.emit("run_ended", outcome=outcome)
