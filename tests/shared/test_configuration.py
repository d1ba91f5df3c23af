"""Settings: typed, frozen, with ranges, and every mistake told at once."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest
from pydantic import ValidationError

from fedchemo.shared.configuration import (
    ImagingSettings,
    RunConfiguration,
    StrategyName,
    StrategySettings,
    parse,
)
from fedchemo.shared.errors import FedchemoError


def test_every_mistake_is_told_at_once_without_its_value():
    wrong = {"rounds": 0, "unknown": "secret", "site": {"training": {"learning_rate": -1.0}}}
    with pytest.raises(FedchemoError, match="FC301") as caught:
        parse(RunConfiguration, wrong, source="file.toml")
    told = caught.value.what
    assert all(part in told for part in ("file.toml", "rounds", "unknown", "site.training.learning_rate"))
    assert "secret" not in told


def test_of_ever_so_many_mistakes_the_first_are_told_and_how_many_there_are():
    with pytest.raises(FedchemoError) as caught:
        parse(RunConfiguration, {f"key-{number}": 1 for number in range(10_000)}, source="file.toml")
    assert len(str(caught.value)) < 2500
    assert "10000 problems in all" in str(caught.value)


def test_json_round_trip():
    configuration = RunConfiguration(rounds=3)
    assert parse(RunConfiguration, configuration.model_dump_json(), source="x") == configuration


def test_settings_are_frozen():
    with pytest.raises(ValidationError):
        RunConfiguration().rounds = 3


@pytest.mark.parametrize("channels", [(), ("pre", "pre")])
def test_channels_are_named_each_once(channels):
    with pytest.raises(ValidationError):
        ImagingSettings(channels=channels)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_numbers_must_be_finite(value):
    with pytest.raises(FedchemoError, match="FC301"):
        parse(RunConfiguration, {"deadline_s": value}, source="x")


PLAIN = {"optimizer": "sgd", "weight_decay": 0}


@pytest.mark.parametrize(
    ("strategy", "site", "told"),
    [
        ("scaffold", {}, "--optimizer sgd --weight-decay 0"),
        ("feddyn", {"training": {**PLAIN, "momentum": 0.9}}, "without momentum"),
        ("feddyn", {"training": PLAIN, "model": {"norm": "batch"}}, "norm = group"),
        ("fednova", {"model": {"norm": "batch"}}, "norm = group"),
        ("fedbn", {"imaging": {"enabled": False}}, "fedbn needs images"),
    ],
)
def test_a_strategy_that_does_not_suit_the_training_is_refused_with_the_remedy(strategy, site, told):
    with pytest.raises(FedchemoError, match="FC301") as caught:
        parse(RunConfiguration, {"strategy": {"name": strategy}, "site": site}, source="x")
    assert told in caught.value.what


def test_what_a_strategy_asks_of_a_site_has_its_own_options_only():
    settings = {"feddyn_alpha": 0.2, "ditto_lambda": 0.3, "fine_tuning_epochs": 4}
    asked = {name: StrategySettings(name=name, **settings).at_sites for name in get_args(StrategyName)}
    assert asked["feddyn"].model_dump() == {
        "name": "feddyn",
        "alpha": 0.2,
        "pull": 0.1,
        "fine_tuning_epochs": 4,
    }
    assert asked["ditto"].model_dump() == {
        "name": "ditto",
        "alpha": 0.01,
        "pull": 0.3,
        "fine_tuning_epochs": 4,
    }
    assert asked["fedadam"] == asked["fedavg"]
    assert all(method.is_personal for method in asked.values())
    personal = {name for name in asked if StrategySettings(name=name).at_sites.is_personal}
    assert personal == {"fedbn", "ditto"}


def test_the_table_of_strategies_names_each():
    table = (Path(__file__).parents[2] / "server" / "STRATEGIES.md").read_text()
    rows = "".join(line.split("|")[1] for line in table.splitlines() if line.startswith("| "))
    assert all(f"`{name}`" in rows for name in get_args(StrategyName))
