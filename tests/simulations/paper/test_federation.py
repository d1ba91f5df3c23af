"""What the exchanges give is what the papers' formulas give, computed here without any of them."""

import numpy as np
import pytest
from scipy.special import expit

from fedchemo.server.strategies import method
from fedchemo.shared.configuration import RunConfiguration, StrategySettings
from fedchemo.shared.errors import FedchemoError
from fedchemo.simulations.paper.batches import scheduled
from fedchemo.simulations.paper.cohorts import HOSPITALS
from fedchemo.simulations.paper.federation import POLICY, train
from fedchemo.simulations.paper.hospital import NO_STATISTICS, HeartHospital
from fedchemo.simulations.paper.linear import first_weights
from fedchemo.simulations.paper.methods import federated

ROUNDS, STEPS, SEED, RATE = 4, 6, 3, 0.05
ALPHA, MOMENTUM = 0.5, 0.8
# Beside the table's: without local_steps each hospital takes as many steps as it has batches.
OTHERS = {
    "feddyn": ({"name": "feddyn", "feddyn_alpha": ALPHA}, {}),
    "fednova": ({"name": "fednova"}, {"local_steps": 0, "local_epochs": 1}),
    "fednova with momentum": (
        {"name": "fednova"},
        {"local_steps": 0, "local_epochs": 1, "momentum": MOMENTUM},
    ),
}


@pytest.fixture(scope="module")
def order(made):
    sizes = {name: len(made[name].patients("train")) for name in HOSPITALS}
    return scheduled(sizes, seed=SEED, rounds=ROUNDS, steps=STEPS)


def configured(name) -> RunConfiguration:
    strategy, training = OTHERS.get(name, (None, {}))
    asked = federated("fedavg" if strategy else name, SEED).model_dump()
    asked["rounds"] = ROUNDS
    asked["site"]["training"] |= {"local_steps": STEPS, "learning_rate": RATE, **training}
    if strategy:
        asked["strategy"] = StrategySettings.model_validate(strategy).model_dump()
    return RunConfiguration.model_validate(asked)


def exchanged(name, made, order, tmp_path):
    configuration = configured(name)
    members = [made[hospital] for hospital in HOSPITALS]
    return train(members, configuration, method(configuration.strategy), order, state=tmp_path)


class Plain:
    """Logistic regression by hand in float64: the bias, then the weights, as they are packed."""

    def __init__(self, made, order):
        self.order = order
        sites = [HeartHospital(made[name], None, policy=POLICY) for name in HOSPITALS]
        data = [site._data("train", None, NO_STATISTICS) for site in sites]
        self.tables = [np.column_stack((np.ones(len(one.labels)), one.clinical)) for one in data]
        self.labels = [one.labels for one in data]
        sizes = np.array([len(labels) for labels in self.labels])
        self.shares = sizes / sizes.sum()
        self.batches = [-(-size // 4) for size in sizes]

    def local(self, index, number, start, *, mu=0.0, constant=0.0, steps=STEPS, rho=0.0):
        """Take a round's steps, with FedProx's pull and SCAFFOLD's constant in the gradient."""
        weights, speed = start.copy(), np.zeros_like(start)
        for rows in self.order.batches[HOSPITALS[index], number][:steps]:
            table, labels = self.tables[index][rows], self.labels[index][rows]
            gradient = table.T @ (expit(table @ weights) - labels) / len(rows)
            speed = rho * speed + gradient + mu * (weights - start) + constant
            weights -= RATE * speed
        return weights

    def average(self, reached):
        return sum(share * one for share, one in zip(self.shares, reached, strict=True))


def by_hand(name, plain):
    weights = first_weights(SEED).astype(np.float64)
    momentum, second = np.zeros_like(weights), np.full_like(weights, 1e-16)
    control, own = np.zeros_like(weights), [np.zeros_like(weights) for _ in HOSPITALS]
    for number in range(1, ROUNDS + 1):
        origin = weights
        mu = 0.01 if name == "fedprox" else 0.0
        constants = [control - mine for mine in own] if name == "scaffold" else [0.0] * len(own)
        reached = [
            plain.local(index, number, origin, mu=mu, constant=constants[index]) for index in range(len(own))
        ]
        step = plain.average(reached) - origin
        if name == "scaffold":
            renewed = [
                mine - control + (origin - y) / (STEPS * RATE) for mine, y in zip(own, reached, strict=True)
            ]
            control = control + plain.average([new - old for new, old in zip(renewed, own, strict=True)])
            own = renewed
        elif name not in {"fedavg", "fedprox"}:
            momentum = 0.9 * momentum + 0.1 * step
            second = {
                "fedadam": 0.999 * second + 0.001 * step**2,
                "fedyogi": second - 0.001 * step**2 * np.sign(second - step**2),
                "fedadagrad": second + step**2,
            }[name]
            rate = {"fedadam": 0.01, "fedyogi": 0.01, "fedadagrad": 10**-0.5}[name]
            step = rate * momentum / (np.sqrt(second) + 1e-8)
        weights = origin + step
    return weights


def feddyn_by_hand(plain):
    """Algorithm 1 of the paper, sites weighed by their patients."""
    weights = first_weights(SEED).astype(np.float64)
    drift, gradients = np.zeros_like(weights), [np.zeros_like(weights) for _ in HOSPITALS]
    for number in range(1, ROUNDS + 1):
        reached = [
            plain.local(index, number, weights, mu=ALPHA, constant=-gradient)
            for index, gradient in enumerate(gradients)
        ]
        gradients = [old - ALPHA * (y - weights) for old, y in zip(gradients, reached, strict=True)]
        drift = drift - ALPHA * (plain.average(reached) - weights)
        weights = plain.average(reached) - drift / ALPHA
    return weights


def fednova_by_hand(plain, rho):
    """The paper's equation 9: the mean of normalised gradients times the mean number of effective steps."""
    weights = first_weights(SEED).astype(np.float64)
    # a_i as the paper defines it, by running momentum over a one.
    norms = [sum((1 - rho ** (steps - k)) / (1 - rho) for k in range(steps)) for steps in plain.batches]
    for number in range(1, ROUNDS + 1):
        reached = [
            plain.local(index, number, weights, steps=steps, rho=rho)
            for index, steps in enumerate(plain.batches)
        ]
        directions = [(y - weights) / norm for y, norm in zip(reached, norms, strict=True)]
        weights = weights + plain.average(norms) * plain.average(directions)
    return weights


def test_feddyn_gives_what_the_formulas_give(made, order, tmp_path):
    plain = Plain(made, order)
    expected = feddyn_by_hand(plain)
    np.testing.assert_allclose(exchanged("feddyn", made, order, tmp_path), expected, atol=2e-5)
    assert np.abs(expected - by_hand("fedavg", plain)).max() > 1e-2


@pytest.mark.parametrize(("name", "rho"), [("fednova", 0.0), ("fednova with momentum", MOMENTUM)])
def test_fednova_gives_what_the_formulas_give(made, order, tmp_path, name, rho):
    plain = Plain(made, order)
    assert len(set(plain.batches)) > 1
    expected = fednova_by_hand(plain, rho)
    np.testing.assert_allclose(exchanged(name, made, order, tmp_path), expected, atol=2e-5)
    weights = first_weights(SEED).astype(np.float64)
    for number in range(1, ROUNDS + 1):
        weights = plain.average(
            [plain.local(i, number, weights, steps=steps, rho=rho) for i, steps in enumerate(plain.batches)]
        )
    assert np.abs(expected - weights).max() > 1e-3, "the control: FedAvg ends elsewhere"


@pytest.mark.parametrize("name", ["fedavg", "fedprox", "fedadam", "fedyogi", "fedadagrad", "scaffold"])
def test_the_exchanges_give_what_the_formulas_give(name, made, order, tmp_path):
    np.testing.assert_allclose(
        exchanged(name, made, order, tmp_path), by_hand(name, Plain(made, order)), atol=2e-5
    )


def test_scaffold_and_fedprox_are_not_fedavg_here(made, order):
    plain = Plain(made, order)
    for name in ("fedprox", "scaffold"):
        assert np.abs(by_hand(name, plain) - by_hand("fedavg", plain)).max() > 1e-4


def test_a_run_again_gives_the_same_bits_whatever_was_remembered_before(made, order, tmp_path):
    first = exchanged("scaffold", made, order, tmp_path)
    assert exchanged("scaffold", made, order, tmp_path).tobytes() == first.tobytes()


def test_a_site_that_can_remember_nothing_refuses_scaffold_with_a_number(made, order, tmp_path, monkeypatch):
    monkeypatch.setattr(HeartHospital, "methods", property(lambda _self: None, lambda _self, _value: None))
    with pytest.raises(FedchemoError, match="FC304") as caught:
        exchanged("scaffold", made, order, tmp_path)
    assert caught.value.code == "FC401"
