"""What goes wrong at a command ends with a number, a cause and a remedy, and a status that is not 0."""

from __future__ import annotations

import datetime as dt
import re
import shutil

import pytest

from fedchemo.server.fleet.coordinator import Coordinator
from fedchemo.shared.command import main
from fedchemo.shared.kit import read_kit, write_kit
from tests.networked import federation
from tests.sites import write_site


@pytest.fixture
def fedchemo(capsys, monkeypatch, tmp_path):
    """Run a command in this process and return its status and what it said on stderr."""
    monkeypatch.delenv("FEDCHEMO_DEBUG", raising=False)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main([str(argument) for argument in arguments])
        return ended.value.code, capsys.readouterr().err

    return run


@pytest.fixture
def fed(tmp_path):
    return federation(tmp_path / "fed")


@pytest.fixture
def site(tmp_path):
    return write_site(tmp_path / "sites", "A")


def check(told, code):
    status, text = told
    assert status == 1, text
    assert re.match(rf"{code} ", text), text
    assert "cause" in text
    assert "remedy" in text
    assert "Traceback" not in text


def join(fedchemo, kit, site, tmp_path, *more):
    return fedchemo(
        "client", "--kit", kit, "--site", site, "--state", tmp_path / "state", "--patience", 1, *more
    )


def test_missing_options(fedchemo):
    check(fedchemo("client"), "FC001")
    check(fedchemo("simulate", "--dataset", "ispy2", "--out", "run"), "FC001")


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("simulate", "--sites-dir", "nowhere", "--out", "run"), "FC002"),
        (("simulate", "--dataset", "ispy2", "--data", "nowhere", "--out", "run"), "FC002"),
        (("simulate", "--config", "nowhere.toml", "--out", "run"), "FC002"),
        (("simulate", "--rounds", "0", "--out", "run"), "FC301"),
        (("simulate", "--strategy", "fedmagic", "--out", "run"), "FC301"),
        (("server", "start", "--federation", "nowhere", "--out", "run"), "FC503"),
        (("evaluate", "--model", "nowhere", "--site", "nowhere"), "FC"),
        (("client", "--kit", "nowhere", "--site", "nowhere"), "FC002"),
    ],
)
def test_missing_folders_and_wrong_settings(fedchemo, arguments, code):
    status, text = fedchemo(*arguments)
    assert status == 1
    assert text.startswith(code), text
    assert "Traceback" not in text


def test_a_failed_start_leaves_no_run_folder(fedchemo, tmp_path):
    fedchemo("simulate", "--sites-dir", "nowhere", "--out", "run")
    assert not (tmp_path / "run").exists()


def test_a_broken_table_is_told_with_every_row(fedchemo, fed, site, tmp_path):
    lines = (site / "clinical.csv").read_text().splitlines()
    for row, value in ((1, "yes"), (4, "7"), (9, "NA")):
        fields = lines[row].split(",")
        fields[1] = value
        lines[row] = ",".join(fields)
    (site / "clinical.csv").write_text("\n".join(lines))
    told = join(fedchemo, fed.kit("A"), site, tmp_path)
    check(told, "FC101")
    assert all(part in told[1] for part in ("yes", "'7'", "NA", "row 2", "row 5", "row 10"))


def test_a_folder_that_is_no_site_folder(fedchemo, fed, tmp_path):
    (tmp_path / "empty").mkdir()
    check(join(fedchemo, fed.kit("A"), tmp_path / "empty", tmp_path), "FC101")
    check(join(fedchemo, fed.kit("A"), tmp_path / "nowhere", tmp_path), "FC101")


def test_the_folder_of_another_site(fedchemo, fed, site, tmp_path):
    check(join(fedchemo, fed.kit("B"), site, tmp_path), "FC911")


def test_a_kit_that_was_changed(fedchemo, fed, site, tmp_path):
    changed = tmp_path / "changed.kit"
    changed.write_text(fed.kit("A").read_text().replace("127.0.0.1", "127.0.0.2"))
    check(join(fedchemo, changed, site, tmp_path), "FC501")


def test_a_coordinator_that_is_not_there(fedchemo, fed, site, tmp_path):
    check(join(fedchemo, fed.kit("A"), site, tmp_path), "FC601")


def test_a_kit_of_another_federation(fedchemo, fed, site, tmp_path):
    other = federation(tmp_path / "other", port=fed.read_settings().port)
    with Coordinator(fed.path):
        check(join(fedchemo, other.kit("A"), site, tmp_path), "FC603")


def test_a_key_that_is_not_on_the_roster(fedchemo, fed, site, tmp_path):
    kit = shutil.copy(fed.kit("A"), tmp_path)
    assert fedchemo("provision", "revoke", "A", "--federation", fed.path)[0] == 0
    with Coordinator(fed.path):
        status, text = join(fedchemo, kit, site, tmp_path)
    assert status == 1
    assert text.startswith("FC6"), text
    assert "roster" in text


def test_a_certificate_that_has_expired(fedchemo, fed, tmp_path, monkeypatch):
    from fedchemo.server.fleet import coordinator

    usable = coordinator.server_context
    later = dt.datetime.now(dt.UTC) + dt.timedelta(days=1000)
    monkeypatch.setattr(coordinator, "server_context", lambda folder, **_: usable(folder, now=later))
    check(fedchemo("server", "start", "--federation", fed.path, "--out", "run"), "FC504")
    assert not (tmp_path / "run").exists()


def test_two_clients_on_one_state_folder(fedchemo, fed, site, tmp_path):
    from contextlib import closing

    from fedchemo.client.state_folder import StateFolder

    with closing(StateFolder(tmp_path / "state")):
        check(join(fedchemo, fed.kit("A"), site, tmp_path), "FC910")
    assert (tmp_path / "state").stat().st_mode & 0o777 == 0o700


def test_an_output_that_exists_is_not_overwritten(fedchemo, site, tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "thesis.txt").write_text("mine")
    check(fedchemo("simulate", "--sites-dir", site.parent, "--out", "run"), "FC003")
    check(fedchemo("simulate", "--sites-dir", site.parent, "--out", "run", "--overwrite"), "FC003")
    assert (tmp_path / "run" / "thesis.txt").read_text() == "mine"


def test_a_run_survives_one_that_was_to_replace_it_and_could_not_start(fedchemo, tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "federation.toml").write_text("old")
    check(fedchemo("simulate", "--sites-dir", "nowhere", "--out", "run", "--overwrite"), "FC002")
    assert (tmp_path / "run" / "federation.toml").read_text() == "old"


def test_the_kit_is_read_back_as_written(fed, tmp_path):
    kit = read_kit(fed.kit("A"))
    write_kit(tmp_path / "copy.kit", kit)
    assert read_kit(tmp_path / "copy.kit") == kit
    shutil.rmtree(tmp_path / "fed")
