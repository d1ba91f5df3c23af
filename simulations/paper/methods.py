"""The methods of the published table and their published settings."""

from __future__ import annotations

from collections.abc import Mapping

from fedchemo.shared.configuration import (
    ImagingSettings,
    RunConfiguration,
    SiteConfiguration,
    StrategySettings,
    TrainingSettings,
)

ROUNDS, STEPS, EPOCHS, BATCH = 15, 100, 50, 4
SEEDS = (42, 43, 44, 45, 46)

# Reddi et al. 2021 write the adaptive methods without the correction that Flower adds, and with momentum for each.
_ADAPTIVE = {"adaptive_form": "paper", "beta_1": 0.9, "beta_2": 0.999, "tau": 1e-8}
FEDERATED: Mapping[str, tuple[float, Mapping[str, object]]] = {
    "fedavg": (0.001, {"name": "fedavg"}),
    "fedprox": (0.001, {"name": "fedprox", "proximal_mu": 0.01}),
    "fedadam": (0.01, {"name": "fedadam", "server_learning_rate": 0.01, **_ADAPTIVE}),
    "fedyogi": (10**-2.5, {"name": "fedyogi", "server_learning_rate": 0.01, **_ADAPTIVE}),
    "fedadagrad": (10**-2.5, {"name": "fedadagrad", "server_learning_rate": 10**-0.5, **_ADAPTIVE}),
    "scaffold": (0.001, {"name": "scaffold"}),
}
"""Method -> learning rate at the hospitals, and the settings of its strategy."""


def federated(name: str, seed: int) -> RunConfiguration:
    """Return the configuration of a federated run: rounds of 100 plain SGD steps."""
    rate, strategy = FEDERATED[name]
    training = TrainingSettings(
        optimizer="sgd",
        learning_rate=rate,
        weight_decay=0,
        batch_size=BATCH,
        local_steps=STEPS,
        clip_norm=0,
        autocast="off",
    )
    return _run(name, seed, training, StrategySettings.model_validate(strategy), ROUNDS)


def alone(name: str, seed: int) -> RunConfiguration:
    """Return the configuration of training without a federation: one round of 50 epochs, with Adam."""
    # AdamW without decay is Adam, to the bit.
    training = TrainingSettings(
        optimizer="adamw",
        learning_rate=1e-3,
        weight_decay=0,
        batch_size=BATCH,
        local_epochs=EPOCHS,
        clip_norm=0,
        autocast="off",
    )
    return _run(name, seed, training, StrategySettings(), 1)


def _run(
    name: str, seed: int, training: TrainingSettings, strategy: StrategySettings, rounds: int
) -> RunConfiguration:
    site = SiteConfiguration(
        seed=seed, imaging=ImagingSettings(enabled=False, augment=False), training=training
    )
    return RunConfiguration(
        name=f"{name}-{seed}",
        purpose="reproduce the published Fed-Heart-Disease table",
        site=site,
        strategy=strategy,
        rounds=rounds,
        wait_s=30,
    )
