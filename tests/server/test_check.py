"""What the check of a coordinator says when all is well, and of each thing that is not."""

from __future__ import annotations

import datetime as dt
import json
import socket
from dataclasses import replace

import pytest
from typer.testing import CliRunner

from fedchemo.deploy.provisioning.folder import provision
from fedchemo.deploy.provisioning.request import FederationRequest
from fedchemo.server import check
from fedchemo.server.check import Place, check_server
from fedchemo.server.commands import server
from fedchemo.shared.configuration import RunConfiguration, StrategySettings
from tests.networked import free_port


@pytest.fixture
def fed(tmp_path):
    request = FederationRequest("trial", ("127.0.0.1",), free_port(), ("A", "B"), 300)
    return provision(tmp_path / "fed", request)[0]


@pytest.fixture
def look(fed, tmp_path):
    """Check the coordinator of that federation; returns its lines by part and name."""

    def run(**changes):
        place = replace(Place(fed.path, RunConfiguration(), tmp_path), **changes)
        return {(line.part, line.name): line for line in check_server(place)}

    return run


def test_all_well(look, fed):
    lines = look()
    assert {line.verdict for line in lines.values()} <= {"pass", "warn"}
    assert {line.part for line in lines.values() if line.verdict == "warn"} <= {"clock"}
    assert {part for part, _ in lines} == {
        "versions", "federation", "certificate", "roster", "network", "disk", "memory", "clock",
    }  # fmt: skip
    assert "one, incoming" in lines["network", "ports needed"].what
    assert "2 sites may take part" in lines["roster", "sites"].what


def test_no_federation(look, tmp_path):
    line = look(federation=tmp_path / "nowhere")["federation", "folder"]
    assert (line.verdict, line.code) == ("fail", "FC503")


def test_a_roster_that_was_edited(look, fed):
    fed.roster.write_text(fed.roster.read_text().replace('name = "A"', 'name = "Z"'))
    assert look()["roster", "folder"].code == "FC507"


def test_a_port_that_is_taken(look, fed):
    with socket.create_server(("127.0.0.1", fed.read_settings().port)):
        line = look()["network", "port"]
    assert (line.verdict, line.code) == ("fail", "FC602")


def test_a_certificate_that_is_missing(look, fed):
    fed.server_certificate.unlink()
    lines = look()
    assert lines["certificate", "coordinator"].code == "FC504"
    assert lines["certificate", "authority"].verdict == "pass"


@pytest.mark.parametrize(("days", "verdict"), [(100, "pass"), (10, "warn"), (-1, "fail")])
def test_the_days_of_a_certificate(days, verdict):
    now = dt.datetime.now(dt.UTC)
    assert (
        check._until("coordinator", now + dt.timedelta(days=days, hours=1), now, "Renew.").verdict == verdict
    )


def test_kits_that_end_are_named_and_a_quorum_that_cannot_be_is_refused(fed):
    roster = fed.read_roster()
    soon = roster.site[0].until - dt.timedelta(days=10)
    lines = list(check._roster(roster, RunConfiguration(quorum=2), soon))
    assert [line.verdict for line in lines] == ["pass", "warn"]
    assert "A on " in lines[1].what
    after = roster.site[0].until + dt.timedelta(days=1)
    lines = list(check._roster(roster, RunConfiguration(), after))
    assert (lines[0].verdict, lines[0].code) == ("fail", "FC401")
    assert "ended: A, B" in lines[1].what


def test_memory_counts_every_reply_only_where_the_strategy_compares_them(monkeypatch):
    monkeypatch.setattr(check, "_available", lambda: 2**30)
    (mean,) = check._memory(RunConfiguration(), sites=1000)
    assert mean.verdict == "pass"
    assert "4 replies" in mean.what
    median = RunConfiguration(strategy=StrategySettings(name="fedmedian"))
    (all_of_them,) = check._memory(median, sites=1000)
    assert all_of_them.verdict == "fail"
    assert "1000 replies" in all_of_them.what


def test_a_disk_that_is_too_small(look, monkeypatch):
    usage = type("Usage", (), {"free": 10**6})()
    monkeypatch.setattr(check.shutil, "disk_usage", lambda _folder: usage)
    assert look()["disk", "space"].verdict == "fail"


def test_a_clock_that_is_behind_the_roster(fed):
    roster = fed.read_roster()
    (line,) = check._clock(roster, roster.issued - dt.timedelta(hours=1))
    assert (line.verdict, line.code) == ("fail", "FC610")


@pytest.mark.parametrize(("kept", "verdict"), [(True, "pass"), (None, "pass"), (False, "warn")])
def test_a_clock_that_nothing_keeps_right(monkeypatch, kept, verdict):
    monkeypatch.setattr(check, "_synchronised", lambda: kept)
    (line,) = check._clock(None, dt.datetime.now(dt.UTC))
    assert line.verdict == verdict


def test_the_command_prints_json_and_its_status_tells(fed, tmp_path):
    arguments = ["check", "--federation", str(fed.path), "--out", str(tmp_path), "--json"]
    done = CliRunner().invoke(server, arguments)
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["verdict"] in {"pass", "warn"}
    done = CliRunner().invoke(server, [*arguments[:2], str(tmp_path / "nowhere")], env={"COLUMNS": "200"})
    assert done.exit_code == 1
    assert "FC503" in done.output
