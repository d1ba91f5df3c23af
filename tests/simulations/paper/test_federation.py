"""What the exchanges give is what the papers' formulas give, computed here without any of them."""

import numpy as np
import pytest
from scipy.special import expit

from fedchemo.shared.configuration import RunConfiguration
from fedchemo.shared.errors import FedchemoError
from fedchemo.simulations.paper.batches import scheduled
from fedchemo.simulations.paper.cohorts import HOSPITALS
from fedchemo.simulations.paper.federation import POLICY, train
from fedchemo.simulations.paper.hospital import NO_STATISTICS, HeartHospital
from fedchemo.simulations.paper.linear import first_weights
from fedchemo.simulations.paper.methods import federated, ruling

ROUNDS, STEPS, SEED, RATE = 4, 6, 3, 0.05


@pytest.fixture(scope="module")
def order(made):
    sizes = {name: len(made[name].patients("train")) for name in HOSPITALS}
    return scheduled(sizes, seed=SEED, rounds=ROUNDS, steps=STEPS)


def configured(name) -> RunConfiguration:
    asked = federated(name, SEED).model_dump()
    asked["rounds"] = ROUNDS
    asked["site"]["training"] |= {"local_steps": STEPS, "learning_rate": RATE}
    return RunConfiguration.model_validate(asked)


def exchanged(name, made, order, tmp_path):
    configuration = configured(name)
    members = [made[hospital] for hospital in HOSPITALS]
    return train(members, configuration, ruling(name, configuration), order, state=tmp_path)


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

    def local(self, index, number, start, *, mu, constant):
        """Take a round's steps, with FedProx's pull and SCAFFOLD's constant in the gradient."""
        weights = start.copy()
        for rows in self.order.batches[HOSPITALS[index], number]:
            table, labels = self.tables[index][rows], self.labels[index][rows]
            gradient = table.T @ (expit(table @ weights) - labels) / len(rows)
            weights -= RATE * (gradient + mu * (weights - start) + constant)
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
