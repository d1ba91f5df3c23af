"""Settings: typed, frozen, with ranges, and every mistake told at once."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from fedchemo.shared.configuration import ImagingSettings, RunConfiguration, parse
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
