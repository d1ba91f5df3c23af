"""The command: its form, its status and its JSON."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from fedchemo.client.commands.join import client

pytestmark = pytest.mark.network


def invoke(fed, site, tmp_path, *more: str):
    arguments = ["check", "--kit", str(fed.kit("A")), "--site", str(site), "--state", str(tmp_path / "state")]
    return CliRunner().invoke(client, [*arguments, *more], env={"COLUMNS": "200"})


def test_all_well_ends_with_status_0_and_a_table(check, coordinator, fed, site, tmp_path):
    done = invoke(fed, site, tmp_path)
    assert done.exit_code == 0, done.output
    assert "pass" in done.output
    assert "0 fail" in done.output


def test_a_line_that_fails_ends_with_status_1_and_json_says_all(check, fed, site, tmp_path):
    done = invoke(fed, site, tmp_path, "--json")
    assert done.exit_code == 1
    told = json.loads(done.stdout)
    assert told["verdict"] == "fail"
    (failed,) = [line for line in told["lines"] if line["verdict"] == "fail"]
    assert (failed["part"], failed["name"], failed["code"]) == ("network", "port", "FC601")
    assert failed["remedy"]
