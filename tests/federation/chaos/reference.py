"""The model that a run must end with, computed from nothing but who answered what, and each site's own data.

Every site is asked again, here and at peace, what it was asked in each exchange that counted. The mean is taken
with Python's own integers, which have no length: a second implementation of what the coordinator does.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fedchemo.client.app import client_app
from fedchemo.client.cohort import read_site
from fedchemo.client.participant import Participant
from fedchemo.client.policy import Policy
from fedchemo.client.policy.permission import allowed_part
from fedchemo.server.rounds.exchange import Answer
from fedchemo.server.rounds.opening import Opening, fit_clinical
from fedchemo.server.rounds.terms import Terms
from fedchemo.shared.clinical.encoding import names, variables
from fedchemo.shared.clinical.statistics import pool
from fedchemo.shared.configuration import RunConfiguration, parse
from fedchemo.shared.model.build import build
from fedchemo.shared.model.initialise import initialise, set_clinical
from fedchemo.shared.model.packing import pack
from fedchemo.shared.wire.messages import (
    MESSAGE_TYPES,
    LogisticReply,
    StatisticsReply,
    StatisticsRequest,
    TrainReply,
    TrainRequest,
)
from fedchemo.shared.wire.objects import take_apart
from fedchemo.shared.wire.records import Weights, arrays, config, read_reply
from fedchemo.simulations.engines.local import LocalGrid
from tests.federation.chaos.history import History

from flwr.app import Message, RecordDict  # isort: skip - silenced by then

UNTIMED = {"seconds"}
"""What of a reply says how long it took."""


class Reference:
    """Asks the sites of a run again.

    Args:
        run: the run folder.
        sites: name -> site folder.

    Attributes:
        models: round -> the model after it, float32; 0 is the clinical model.
        pieces: round and site -> SHA-256 of the pieces of weights that the site must have sent.
        differences: in words, where a reply that counted is not what its site answers.
    """

    def __init__(self, run: Path, sites: dict[str, str]) -> None:
        begun = tomllib.loads((run / "federation.toml").read_text())
        configuration = parse(RunConfiguration, begun["run"], source=str(run))
        self._site = configuration.site
        self._terms = Terms(configuration.name, begun["fingerprint"], self._site, configuration.purpose)
        self._history = History.read(run)
        self._answered = self._history.answered()
        policy = Policy()
        found = {
            name: Participant(allowed_part(read_site(Path(folder)), policy), run / "cache", policy=policy)
            for name, folder in sites.items()
        }
        app = client_app(lambda context: found[str(context.node_config["site"])])
        self._grid = LocalGrid(app, sorted(found), workers=1)
        self.models: dict[int, Weights] = {}
        self.pieces: dict[tuple[int, str], set[str]] = {}
        self.differences: list[str] = []

    @property
    def quorum(self) -> int:
        return 0

    def compute(self) -> None:
        """Compute every round's model."""
        request = self._terms.request(StatisticsRequest)
        replies = {
            site: read_reply(message.content, StatisticsReply)[0]
            for site, message in self._ask_again(
                "statistics", 0, RecordDict({"config": config(request)})
            ).items()
        }
        sums = [moments for site in sorted(replies) if (moments := replies[site].moments) is not None]
        roles = {site: replies[site].role for site in sorted(replies)}
        opening = Opening(roles, pool(variables(self._site.clinical), sums), replies)
        coefficients = fit_clinical(self, self._terms, opening)  # type: ignore[arg-type]
        model = build(self._site.model, self._site.imaging, len(names(self._site.clinical)))
        initialise(model, self._site.seed)
        set_clinical(model, coefficients[:-1], float(coefficients[-1]))
        weights = self.models[0] = pack(model)
        for number in sorted(number for kind, number in self._answered if kind == "train"):
            asked = self._terms.request(TrainRequest, round=number, statistics=opening.statistics)
            content = RecordDict({"config": config(asked), "arrays": arrays(weights)})
            updates = []
            for site, message in self._ask_again("train", number, content).items():
                reply, update = read_reply(message.content, TrainReply)
                assert update is not None
                updates.append((update, reply.examples))
                objects = take_apart(message)[2]
                self.pieces[number, site] = {
                    name for name, part in objects.items() if type(part).__name__ == "Piece"
                }
            weights = self.models[number] = _mean(updates)
        self._grid.close()

    def ask(
        self, kind: str, _reply: type, _sites: Sequence[str], record: Any, *, round_number: int, **_: Any
    ) -> Iterator[Answer[LogisticReply]]:
        """Be the exchange of `fit_clinical`, in which those answer who answered then."""
        for site, message in self._ask_again(kind, round_number, RecordDict({"config": record})).items():
            yield Answer(site, read_reply(message.content, LogisticReply)[0], None)

    def _ask_again(self, kind: Any, number: int, content: RecordDict) -> dict[str, Message]:
        """Ask those whose replies counted, and hold what they answer against what counted."""
        counted = self._answered.get((kind, number), {})
        nodes = self._grid.sites()
        sites = {nodes[site]: site for site in counted}
        messages = [Message(content, dst_node_id=node, message_type=MESSAGE_TYPES[kind]) for node in sites]
        replies = {sites[reply.metadata.src_node_id]: reply for reply in self._grid.replies(messages)}
        for site, reply in sorted(replies.items()):
            told = read_reply(reply.content, REPLIES[kind])[0].model_dump(mode="json")
            if {k: v for k, v in told.items() if k not in UNTIMED} != {
                k: v for k, v in counted[site].items() if k not in UNTIMED
            }:
                self.differences.append(f"{kind} of round {number}: {site} answers something else in peace")
        return dict(sorted(replies.items()))


REPLIES: dict[str, Any] = {
    "statistics": StatisticsReply,
    "logistic": LogisticReply,
    "train": TrainReply,
}


def _mean(updates: list[tuple[Weights, int]]) -> Weights:
    """Return the mean by number of patients, each term rounded to multiples of 2^-32 as the design says."""
    patients = sum(examples for _, examples in updates)
    sums = [0] * len(updates[0][0])
    for update, examples in updates:
        for index, value in enumerate(update.tolist()):
            sums[index] += round(value * examples * 2**32)  # exact until it is rounded, half to even
    return np.array([total / (2.0**32 * patients) for total in sums], dtype=np.float32)
