"""`fedchemo client policy | ledger | approve`: what a data officer types."""

from __future__ import annotations

import json
from contextlib import closing

import pytest

from fedchemo.client.approvals import Proposal, Record
from fedchemo.client.ledger import Ledger
from fedchemo.client.state_folder import StatePaths
from fedchemo.shared.command import main
from fedchemo.shared.configuration import SiteConfiguration


@pytest.fixture
def state(tmp_path):
    paths = StatePaths(tmp_path / "state")
    paths.path.mkdir()
    return paths


@pytest.fixture
def client(capsys, monkeypatch, state):
    """Run a sub-command on the state folder; return its status and what it said."""
    monkeypatch.delenv("FEDCHEMO_DEBUG", raising=False)
    monkeypatch.setenv("COLUMNS", "250")

    def run(*arguments):
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main(["client", *map(str, arguments), "--state", str(state.path)])
        told = capsys.readouterr()
        return ended.value.code, told.out + told.err

    return run


@pytest.fixture
def ledger(state):
    with closing(Ledger(state.ledger, state.ledger_head)) as made:
        made.append("started", words="now")
        for run in ("first", "second"):
            made.append("sent", run=run, round=1, kind="Message", size=10, sha256="a" * 64, words="envelope")


def test_the_path_of_the_policy_is_printed_and_the_policy_is_made(client, state):
    status, told = client("policy", "path")
    assert (status, told) == (0, f"{state.policy}\n")
    assert client("policy", "check")[0] == 0
    status, told = client("policy", "show")
    assert status == 0
    assert "training_patients" in told
    assert json.loads(client("policy", "show", "--json")[1])["approvals"] == "ask"


def test_a_wrong_policy_is_told_whole(client, state):
    client("policy", "path")
    state.policy.write_text("training_patients = 0\nimage = true\n")
    status, told = client("policy", "check")
    assert status == 1
    assert told.startswith("FC920")
    assert "2 problems" in told


def test_the_ledger_is_shown_whole_or_in_part(client, ledger):
    assert "3 lines; 2 objects" in client("ledger", "show")[1]
    told = client("ledger", "show", "--sent", "--run", "second")[1]
    assert "1 lines; 1 objects" in told
    assert "client started" not in told
    assert "the last 1 of 3 lines" in client("ledger", "show", "--last", 1)[1]


def test_a_changed_ledger_ends_with_a_status_that_a_script_sees(client, ledger, state):
    assert client("ledger", "verify")[0] == 0
    state.ledger.write_bytes(state.ledger.read_bytes().replace(b"first", b"third"))
    status, told = client("ledger", "verify")
    assert status == 1
    assert told.startswith("FC941")
    assert "number 3" in told


def test_an_export_is_private_and_overwrites_nothing(client, ledger, tmp_path):
    for name, first in (("ledger.csv", "number,time"), ("ledger.txt", "1. ")):
        status, _ = client("ledger", "export", "--out", tmp_path / name)
        assert status == 0
        assert (tmp_path / name).read_text().startswith(first)
        assert (tmp_path / name).stat().st_mode & 0o777 == 0o600
        assert client("ledger", "export", "--out", tmp_path / name)[1].startswith("FC003")
    assert client("ledger", "export", "--out", tmp_path / "x", "--format", "pdf")[1].startswith("FC001")


def test_no_ledger_and_no_state_folder_are_told(client, state):
    assert client("ledger", "verify")[1].startswith("FC942")
    assert client("ledger", "show")[1].startswith("FC942")
    state.path.rmdir()
    assert client("policy", "path")[1].startswith("FC923")


def test_a_run_is_listed_approved_and_denied(client, state):
    assert "no run has asked yet" in client("approve")[1]
    asked = Proposal("first", "predict pCR", "a" * 64, SiteConfiguration())
    record = Record(state.approvals)
    record.ask(asked)
    told = client("approve")[1]
    assert asked.number in told
    assert "waiting" in told
    assert "takes part" in client("approve", asked.number)[1]
    assert record.decision(asked, for_all_alike=False) == "approved"
    assert "does not take part" in client("approve", "first", "--deny")[1]
    assert record.decision(asked, for_all_alike=False) == "denied"
    assert client("approve", "another")[1].startswith("FC922")
