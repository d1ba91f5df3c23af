"""A round of cyclic weight transfer (Chang et al. 2018, J Am Med Inform Assoc 25:945): the sites one after another.

Each site trains from where the one before it got; the round ends with the weights of the last. Nothing is summed: the
coordinator and the next site see a single site's weights, so that secure aggregation cannot hide them.
"""

from __future__ import annotations

from collections.abc import Sequence

from fedchemo.server.rounds.drawn_grid import drawn_grid
from fedchemo.server.rounds.exchange import Answer, Exchanges
from fedchemo.server.rounds.opening import Opening
from fedchemo.server.rounds.updates import Updates
from fedchemo.server.strategies import Method
from fedchemo.shared.errors import FedchemoError
from fedchemo.shared.wire.messages import TrainReply, TrainRequest
from fedchemo.shared.wire.records import Weights, arrays, config


def cycle(
    exchanges: Exchanges,
    method: Method,
    request: TrainRequest,
    weights: Weights,
    sites: Sequence[str],
    opening: Opening,
) -> Weights:
    """Return the weights after each of some sites has trained, float32 (parameters,).

    A site that fails or stays silent is passed over.

    Args:
        exchanges: the way to the sites.
        method: cyclic weight transfer.
        request: of the round; each site gets the same one.
        weights: the global model.
        sites: in the order in which they train.
        opening: what each has told of its patients.

    Raises:
        FedchemoError: FC401 if fewer than the quorum have trained.
    """
    trained = 0
    for site in sites:
        updates = Updates(method, len(weights))

        def accept(answer: Answer[TrainReply], updates: Updates = updates) -> None:
            opening.check_examples(answer.site, answer.reply.examples)
            updates.add(answer)

        nodes = exchanges.grid.sites()
        messages = (
            method.strategy.configure_train(
                request.round, arrays(weights), config(request), drawn_grid([nodes[site]])
            )
            if site in nodes
            else ()
        )
        for _ in exchanges.send(
            "train", TrainReply, messages, [site], round_number=request.round, quorum=0, accept=accept
        ):
            weights = updates.next_model(request.round)
            trained += 1
    if trained < (needed := min(exchanges.quorum, len(sites))):
        raise FedchemoError(
            "FC401", f"round {request.round}: {trained} of {needed} sites have trained in turn"
        )
    return weights
