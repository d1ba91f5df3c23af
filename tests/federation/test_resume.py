"""A coordinator that is killed between its hospitals and resumed: they stay, and the model has the same bits."""

from __future__ import annotations

import json
import signal
from functools import partial

import pytest
import tomli_w

from fedchemo.server.run_folder import RunFolder
from fedchemo.shared.configuration import RunConfiguration, parse
from fedchemo.simulations.simulate import local_engine, simulate
from tests.federation.conftest import wait_until
from tests.networked import federation
from tests.sites import write_site

SITES = {"a": 130, "b": 110, "c": 120}
RUN = {
    "rounds": 12,
    "quorum": 3,
    "site": {"imaging": {"enabled": False}, "training": {"learning_rate": 0.05}},
    "strategy": {"name": "fedadam"},
}


def lines(out):
    return [json.loads(line) for line in (out / "events.jsonl").read_text().splitlines()]


@pytest.mark.slow
@pytest.mark.network
def test_the_coordinator_is_killed_twice_and_the_hospitals_stay(commands):
    folder = commands.folder
    sites = [write_site(folder / "sites", name, patients=patients) for name, patients in SITES.items()]
    fed = federation(folder / "fed", sites=tuple(SITES))
    (folder / "run.toml").write_text(tomli_w.dumps(RUN))
    out = folder / "run"
    clients = {
        name: commands.start(
            "client", "--kit", fed.kit(name), "--site", folder / "sites" / name, "--state", folder / f"state-{name}",
            "--once", "--approve-all", log=name,
        )
        for name in SITES
    }  # fmt: skip
    server = commands.start(
        "server", "start", "--federation", fed.path, "--out", out, "--config", "run.toml",
        log="server",
    )  # fmt: skip
    for number, log in ((3, "again"), (7, "at last")):
        wait_until((out / "rounds" / f"{number:04d}.json").exists, within_s=180, what=f"round {number}")
        server.send_signal(signal.SIGKILL)
        server.wait()
        assert not (out / "model.safetensors").exists()
        server = commands.start("server", "resume", out, log=log)
    told = commands.end(server, log="at last", within_s=180)
    assert "resumed after round" in told
    for name, client in clients.items():
        assert "has ended: completed" in commands.end(client, log=name)

    simulate(
        sites,
        parse(RunConfiguration, RUN, source="test"),
        RunFolder(folder / "whole"),
        cache=folder / "cache",
        device="cpu",
        engine=partial(local_engine, workers=1),
    )
    assert (out / "model.safetensors").read_bytes() == (folder / "whole" / "model.safetensors").read_bytes()
    resumed = [event for event in lines(out) if event["event"] == "resumed"]
    assert [event["round"] >= number for event, number in zip(resumed, (3, 7), strict=True)] == [True, True]
    trained = [
        event["sites"]
        for event in lines(out)
        if event["event"] == "round_started" and event["round"] > resumed[0]["round"]
    ]
    assert all(names == sorted(SITES) for names in trained)

    again = commands.run("server", "resume", out)
    assert "nothing to resume" in again.stdout
