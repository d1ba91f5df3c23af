"""The first exchanges of a run: who is there, federated statistics, and the clinical model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt

from fedchemo.server.rounds.again import until_quorum
from fedchemo.server.rounds.exchange import Answer, Exchanges
from fedchemo.server.rounds.terms import Terms
from fedchemo.shared.clinical import logistic
from fedchemo.shared.clinical.encoding import names, variables
from fedchemo.shared.clinical.statistics import ClinicalStatistics, pool
from fedchemo.shared.errors import FedchemoError
from fedchemo.shared.wire.messages import (
    LogisticReply,
    LogisticRequest,
    Role,
    StatisticsReply,
    StatisticsRequest,
)
from fedchemo.shared.wire.records import config

MOST_STEPS = 30
CONVERGED = 1e-9
LARGEST_SITE = 20_000
"""Training patients of one site: more than any hospital treats, and few enough to leave others room in the sum."""
MOST_WITHHELD = 1000
"""Training patients of a site whose policy does not tell how many they are."""


@dataclass(frozen=True)
class Opening:
    """What the coordinator knows of its sites: before the first round, and of those that have joined since."""

    roles: dict[str, Role]
    statistics: ClinicalStatistics
    replies: dict[str, StatisticsReply]

    def check_examples(self, site: str, examples: int) -> None:
        """Hold the weight that an update claims against the number of patients that its site has told before.

        Raises:
            FedchemoError: FC403.
        """
        told = self.replies[site].training
        if examples > MOST_WITHHELD if told is None else examples != told:
            before = "told no number of" if told is None else f"told of {told}"
            raise FedchemoError(
                "FC403", f"{site} {before} training patients, and claims {examples} behind an update"
            )

    @property
    def training_patients(self) -> int:
        """Training patients of all sites that train, without those of sites that withhold their number."""
        return sum(self.replies[site].training or 0 for site in self.sites("train"))

    def sites(self, role: Role) -> list[str]:
        """Return the sites that have this role, sorted."""
        return sorted(site for site, has in self.roles.items() if has == role)

    def joined_by(self, replies: Mapping[str, StatisticsReply]) -> Opening:
        """Return an opening with more sites, and the same statistics."""
        all_replies = {**self.replies, **replies}
        roles = {site: all_replies[site].role for site in sorted(all_replies)}
        return Opening(roles, self.statistics, all_replies)


def gather_statistics(exchanges: Exchanges, terms: Terms) -> Opening:
    """Ask every site that is online for its role and its sums, and pool them.

    Raises:
        FedchemoError: FC401 without the quorum, FC402 if no site may train.
    """

    def attempt() -> Mapping[str, StatisticsReply]:
        return ask_roles(exchanges, terms, exchanges.wait_for_quorum())

    replies = until_quorum(exchanges, attempt, what="statistics")
    described = variables(terms.configuration.clinical)
    sums = [sent for site in sorted(replies) if (sent := replies[site].moments) is not None]
    roles = {site: replies[site].role for site in sorted(replies)}
    if "train" not in roles.values():
        raise FedchemoError("FC402", f"none of {sorted(roles)} has enough patients to train")
    return Opening(roles, pool(described, sums), dict(replies))


def ask_roles(
    exchanges: Exchanges, terms: Terms, sites: Iterable[str], *, round_number: int = 0
) -> dict[str, StatisticsReply]:
    """Ask sites for their roles, their sizes and their sums; return what is in order.

    Raises:
        FedchemoError: FC401 without the quorum.
    """
    described = variables(terms.configuration.clinical)

    def fits(answer: Answer[StatisticsReply]) -> None:
        sent = answer.reply.moments
        if answer.reply.role == "train" and (sent is None or len(sent) != len(described)):
            raise FedchemoError("FC304", f"{answer.site} sent no sums of {len(described)} variables")
        if (answer.reply.training or 0) > LARGEST_SITE:
            raise FedchemoError("FC403", f"{answer.site} tells of {answer.reply.training} training patients")

    request = config(terms.request(StatisticsRequest, round=round_number))
    answers = exchanges.ask(
        "statistics", StatisticsReply, list(sites), request, round_number=round_number, accept=fits
    )
    return {answer.site: answer.reply for answer in answers}


def fit_clinical(exchanges: Exchanges, terms: Terms, opening: Opening) -> npt.NDArray[np.float64]:
    """Return the coefficients of the clinical logistic model, (features + 1,), intercept last.

    Each exchange is one Newton step; a step that does not lower the penalised log-loss is halved. It stops
    when a step is below 1e-9, which is after six to eight exchanges.

    Raises:
        FedchemoError: FC401 if in an exchange fewer than the quorum of training sites answer.
    """
    coefficients = np.zeros(len(names(terms.configuration.clinical)) + 1)
    best, before, step = np.inf, coefficients, coefficients
    for index in range(MOST_STEPS):
        step_of = partial(_newton_sums, exchanges, terms, opening, index, coefficients)
        what = f"step {index} of the clinical model"
        pooled = logistic.pool(until_quorum(exchanges, step_of, what=what, of=opening.sites("train")))
        reached = logistic.objective(pooled, coefficients)
        if reached > best + 1e-9 * abs(best):
            step = step / 2
            coefficients = before + step
            continue
        best, before = reached, coefficients
        step = logistic.newton_step(pooled, coefficients)
        if np.abs(step).max() < CONVERGED:
            break
        coefficients = coefficients + step
    return before


def _newton_sums(
    exchanges: Exchanges,
    terms: Terms,
    opening: Opening,
    index: int,
    coefficients: npt.NDArray[np.float64],
) -> list[logistic.LogisticSums]:
    """Return the sums of each training site at these coefficients."""
    training = opening.sites("train")
    request = terms.request(
        LogisticRequest,
        round=index,
        statistics=opening.statistics,
        coefficients=tuple(coefficients.tolist()),
    )
    answers = exchanges.ask(
        "logistic",
        LogisticReply,
        training,
        config(request),
        round_number=index,
        quorum=min(exchanges.quorum, len(training)),
        accept=partial(_check, size=len(coefficients)),
    )
    return [_sums(answer.reply) for answer in answers]


def _check(answer: Answer[LogisticReply], *, size: int) -> None:
    if len(answer.reply.gradient) != size or len(answer.reply.hessian) != size * size:
        raise FedchemoError("FC304", f"the logistic sums of {answer.site} have the wrong length")


def _sums(reply: LogisticReply) -> logistic.LogisticSums:
    gradient = np.array(reply.gradient)
    hessian = np.array(reply.hessian).reshape(len(gradient), len(gradient))
    return logistic.LogisticSums(reply.count, reply.loss, gradient, hessian)
