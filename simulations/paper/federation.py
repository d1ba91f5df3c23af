"""One run over hospitals of the published table: real messages, real gate, real exchanges, real sums."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from fedchemo.client.cohort import Cohort
from fedchemo.client.policy import Policy
from fedchemo.client.training.order import BatchOrder
from fedchemo.server.events import EventLog
from fedchemo.server.rounds.drawn_grid import drawn_grid
from fedchemo.server.rounds.exchange import Exchanges
from fedchemo.server.rounds.terms import Terms
from fedchemo.server.rounds.updates import Updates
from fedchemo.server.strategies import Method
from fedchemo.shared.configuration import RunConfiguration
from fedchemo.shared.wire.messages import TrainReply, TrainRequest
from fedchemo.shared.wire.records import Weights, arrays, config
from fedchemo.simulations.paper.hospital import NO_STATISTICS, HeartHospital
from fedchemo.simulations.paper.linear import first_weights, identity
from fedchemo.simulations.simulate import local_engine

# The published runs cut no update and asked for no minimum of patients.
POLICY = Policy(training_patients=1, largest_update_norm="none")


def train(
    cohorts: Sequence[Cohort],
    configuration: RunConfiguration,
    ruling: Method,
    order: BatchOrder,
    *,
    state: Path,
) -> Weights:
    """Return the model of the last round.

    Args:
        cohorts: the hospitals that train; one alone is training without a federation.
        configuration: of the run.
        ruling: the strategy, fresh.
        order: of the batches.
        state: folder for what the hospitals remember from round to round.

    Raises:
        FedchemoError: FC401 if a hospital fails.
    """
    participants = {
        cohort.site: HeartHospital(
            cohort, state / cohort.site, policy=POLICY, order=order, methods=state / cohort.site / "methods"
        )
        for cohort in cohorts
    }
    _, fingerprint = identity(configuration.site)
    terms = Terms(
        configuration.name,
        fingerprint,
        configuration.site,
        configuration.purpose,
        configuration.strategy.at_sites,
    )
    weights = first_weights(configuration.site.seed)
    patients = sum(len(cohort.patients("train")) for cohort in cohorts)
    with local_engine(list(participants.values()), workers=1) as grid:
        exchanges = Exchanges(grid, EventLog(), len(cohorts), configuration.deadline_s, configuration.wait_s)
        nodes = list(grid.sites().values())
        for number in range(1, configuration.rounds + 1):
            request = terms.request(TrainRequest, round=number, statistics=NO_STATISTICS)
            messages = ruling.strategy.configure_train(
                number, arrays(weights), config(request), drawn_grid(nodes)
            )
            updates = Updates(ruling, len(weights), training=configuration.site.training, patients=patients)
            for _ in exchanges.send(
                "train", TrainReply, messages, participants, round_number=number, accept=updates.add
            ):
                pass
            weights = updates.next_model(number)
    return weights


def accuracies(
    cohorts: Mapping[str, Cohort], configuration: RunConfiguration, weights: Weights
) -> dict[str, float]:
    """Return, by cohort, the share of test patients whose predicted probability is on the right side of 0.5."""
    found = {}
    for name, cohort in cohorts.items():
        _, probabilities, labels = HeartHospital(cohort, Path(), policy=POLICY).probabilities(
            "test", configuration.site, NO_STATISTICS, weights
        )
        found[name] = float(((probabilities > 0.5) == (labels > 0.5)).mean())
    return found
