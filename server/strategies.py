"""The strategies, Flower's and ours, and how each of them wants its updates: summed, or one by one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypedDict, get_args

from flwr.serverapp import strategy as flower

from fedchemo.server.adaptive import PaperFedAdagrad, PaperFedAdam, PaperFedYogi
from fedchemo.server.feddyn import FedDyn
from fedchemo.server.fednova import FedNova
from fedchemo.server.scaffold import Scaffold
from fedchemo.shared.configuration import StrategyName, StrategySettings

# Methods that are sums take the exact mean; the others need every update and as much memory.
SUMS = frozenset(get_args(StrategyName)) - {"fedmedian", "fedtrimmedavg", "krum"}
# Given the mean as its only reply, Flower's FedAvg returns it to the bit, after four copies of the model.
IDENTITIES = frozenset({"fedavg", "fedprox", "fedbn", "ditto", "cyclic"})


class _Everyone(TypedDict):
    fraction_train: float
    fraction_evaluate: float
    min_train_nodes: int
    min_evaluate_nodes: int
    min_available_nodes: int


# We draw the sites and hand the strategy only those; it is to send to all of them and to wait for none.
EVERYONE: _Everyone = {
    "fraction_train": 1.0,
    "fraction_evaluate": 1.0,
    "min_train_nodes": 1,
    "min_evaluate_nodes": 1,
    "min_available_nodes": 1,
}


@dataclass(frozen=True)
class Method:
    """A strategy, and how it wants its updates.

    Attributes:
        strategy: Flower's object.
        is_sum: it takes the mean of the updates, else each of them.
        is_identity: it returns the mean as it is, so that it need not be asked.
        vectors: vectors of the model's length in an update.
        is_cycle: the sites of a round train one after another, each from where the one before it got.
    """

    strategy: flower.Strategy
    is_sum: bool
    is_identity: bool
    vectors: int = 1
    is_cycle: bool = False


def method(settings: StrategySettings) -> Method:
    """Return a fresh strategy object.

    FedAvg (McMahan 2017), FedProx (Li 2020), FedAdam, FedYogi, FedAdagrad (Reddi 2021; Flower's differ from the
    paper's, which `adaptive_form` chooses: see `fedchemo.server.adaptive`), FedAvgM (Hsu 2019), median and trimmed
    mean (Yin 2018), Krum (Blanchard 2017), SCAFFOLD (Karimireddy 2020), FedDyn (Acar 2021), FedNova (Wang 2020);
    and, for the coordinator the same as FedAvg, FedBN (Li 2021), Ditto (Li 2021) and cyclic weight transfer
    (Chang 2018). ``STRATEGIES.md`` compares them.
    """
    name = settings.name
    return Method(
        _strategy(settings),
        is_sum=name in SUMS,
        is_identity=name in IDENTITIES,
        vectors=2 if name == "scaffold" else 1,
        is_cycle=name == "cyclic",
    )


def _strategy(settings: StrategySettings) -> flower.Strategy:
    """Return ours, or else Flower's."""
    rate = settings.server_learning_rate
    match settings.name:
        case "scaffold":
            return Scaffold(**EVERYONE, eta=1.0 if rate is None else rate)
        case "feddyn":
            return FedDyn(**EVERYONE, alpha=settings.feddyn_alpha)
        case "fednova":
            return FedNova(**EVERYONE)
        case _:
            return _flowers(settings)


def _flowers(settings: StrategySettings) -> flower.Strategy:
    rate = settings.server_learning_rate
    eta = 0.01 if rate is None else rate
    beta_1, beta_2, tau = settings.beta_1, settings.beta_2, settings.tau
    paper = settings.adaptive_form == "paper"
    match settings.name:
        case "fedprox":
            return flower.FedProx(**EVERYONE, proximal_mu=settings.proximal_mu)
        case "fedadam":
            adam = PaperFedAdam if paper else flower.FedAdam
            return adam(**EVERYONE, eta=eta, beta_1=beta_1, beta_2=beta_2, tau=tau)
        case "fedyogi":
            yogi = PaperFedYogi if paper else flower.FedYogi
            return yogi(**EVERYONE, eta=eta, beta_1=beta_1, beta_2=beta_2, tau=tau)
        case "fedadagrad" if paper:
            return PaperFedAdagrad(**EVERYONE, eta=eta, beta_1=beta_1, tau=tau)
        case "fedadagrad":
            return flower.FedAdagrad(**EVERYONE, eta=eta, tau=tau)
        case "fedavgm":
            return flower.FedAvgM(
                **EVERYONE,
                server_learning_rate=1.0 if rate is None else rate,
                server_momentum=settings.server_momentum,
            )
        case "fedmedian":
            return flower.FedMedian(**EVERYONE)
        case "fedtrimmedavg":
            return flower.FedTrimmedAvg(**EVERYONE, beta=settings.trim)
        case "krum":
            return flower.Krum(**EVERYONE, num_malicious_nodes=settings.malicious)
        case _:
            return flower.FedAvg(**EVERYONE)
