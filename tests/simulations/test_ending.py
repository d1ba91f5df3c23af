"""A simulation ends although a site is still at work: what nobody waits for is given up at its next batch."""

from __future__ import annotations

import time
from functools import partial

import pytest

from fedchemo.client.participant import Participant
from fedchemo.server.run_folder import RunFolder
from fedchemo.shared.configuration import RunConfiguration, parse
from fedchemo.shared.errors import FedchemoError
from fedchemo.simulations import simulate as module
from tests.sites import write_site


class Endless(Participant):
    """Site b trains without end, a batch every hundredth of a second."""

    given_up: list[str] = []

    def train(self, request, weights, **options):
        while self.name == "b":
            try:
                self.notice("training", {"round": request.round, "step": 1, "steps": 2, "loss": 0.5})
            except FedchemoError as error:
                self.given_up.append(error.code)
                raise
            time.sleep(0.01)
        return super().train(request, weights, **options)


def test_a_simulation_that_is_stopped_does_not_wait_for_a_site_at_work(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "Participant", Endless)
    folders = [write_site(tmp_path, name, patients=60) for name in "ab"]

    def stop(event):
        if event["event"] == "site_answered" and event["kind"] == "train":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        module.simulate(
            folders,
            parse(RunConfiguration, {"rounds": 1, "site": {"imaging": {"enabled": False}}}, source="test"),
            RunFolder(tmp_path / "run"),
            cache=tmp_path / "cache",
            device="cpu",
            engine=partial(module.local_engine, workers=2),
            listeners=[stop],
        )
    assert Endless.given_up == ["FC615"]
