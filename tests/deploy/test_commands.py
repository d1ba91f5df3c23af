"""The command ``fedchemo provision``, as a user meets it."""

from __future__ import annotations

import datetime as dt
import json
import sys

import pytest

from fedchemo.shared.command import main
from fedchemo.shared.federation import FederationFolder
from fedchemo.shared.keys import new_key
from fedchemo.shared.kit import read_kit
from fedchemo.shared.signing_request import write_request


@pytest.fixture(autouse=True)
def _wide(monkeypatch, tmp_path):
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.delenv("FEDCHEMO_PASSPHRASE", raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def run(capsys):
    """Run a sub-command and return what it said; a failure's status is 1 and its text begins with a code."""

    def provision(*arguments: object, code: str = "") -> str:
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main(["provision", *map(str, arguments)])
        told = capsys.readouterr()
        assert ended.value.code == (1 if code else 0), told.err
        assert told.err.startswith(code)
        assert "Traceback" not in told.err
        return told.err if code else told.out

    return provision


@pytest.fixture
def fed(run, tmp_path) -> FederationFolder:
    run("--out", "fed", "--host", "127.0.0.1", "--site", "AAI", "--site", "AAN")
    return FederationFolder(tmp_path / "fed")


@pytest.fixture
def asked(tmp_path):
    write_request(
        tmp_path / "new.request", federation="fed", site="NEW", key=new_key(), now=dt.datetime.now(dt.UTC)
    )
    return tmp_path / "new.request"


def test_it_says_what_each_file_is_and_where_it_goes(run, tmp_path):
    hosts = ("--host", "127.0.0.1", "--host", "fed.example")
    told = run("--out", "fed", *hosts, "--port", 9443, "--site", "AAI", "--site", "AAN")
    for path in (tmp_path / "fed").rglob("*"):
        if path.is_file():
            assert str(path.relative_to(tmp_path / "fed")) in told
    assert "to AAI only" in told
    assert "stays here, secret" in told
    assert "Fingerprint" in told
    assert "PRIVATE" not in told


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("--site", "A", "--host", "127.0.0.1"), "FC001"),
        (("--out", "fed", "--site", "a b", "--host", "x_y"), "FC505"),
        (("--out", ".", "--site", "A", "--host", "127.0.0.1", "--name", "x"), "FC003"),
        (("--out", "fed", "--host", "127.0.0.1", "--passphrase"), "FC510"),
        (("--out", "fed", "--host", "127.0.0.1", "--passphrase-file", "absent"), "FC002"),
        (("add", "X"), "FC503"),
        (("show", "--federation", "nowhere"), "FC503"),
        (("approve", "nothing.request"), "FC002"),
    ],
)
def test_a_failure_has_a_number_and_no_traceback(run, tmp_path, arguments, code):
    assert "remedy" in run(*arguments, code=code)
    assert list(tmp_path.iterdir()) == []


def test_help_names_every_option_and_sub_command(run):
    told = run("--help")
    assert all(option in told for option in ("--out", "--host", "--port", "--site", "--name", "--days"))
    assert all(name in told for name in ("add", "approve", "revoke", "renew", "passphrase", "show"))


def test_a_hospital_is_added_and_revoked(run, fed):
    assert "kits/NEW.kit: for NEW only" in run("add", "NEW", "--federation", fed.path)
    told = run("revoke", "AAN", "--federation", fed.path)
    assert "2 members are left" in told
    assert set(fed.read_roster().members) == {"AAI", "NEW"}
    told = run("show", "--federation", fed.path)
    assert "revoked" in told
    assert told.index("NEW") < told.index("AAN")


def test_where_you_are_is_the_federation(run, fed, monkeypatch):
    monkeypatch.chdir(fed.path)
    run("add", "NEW")
    assert "NEW" in run("show")


def test_a_request_is_approved_by_whoever_compared_the_fingerprint(run, fed, asked, tmp_path, monkeypatch):
    import typer

    told = run("approve", asked, "--federation", fed.path, code="FC001")
    assert "fingerprint" in told
    assert "NEW" not in fed.read_roster().members
    questions = []
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(typer, "confirm", lambda text, **_: questions.append(text))
    told = run("approve", asked, "--federation", fed.path, "--out", "NEW.kit")
    assert questions == ["Does NEW read out the same fingerprint?"]
    assert "it holds no secret" in told
    kit = read_kit(tmp_path / "NEW.kit")
    assert kit == read_kit(fed.kit("NEW"))
    assert not kit.secret
    assert kit.key_fingerprint in told
    assert kit.authority_fingerprint in told


def test_a_refused_request_changes_nothing(run, fed, asked):
    run("approve", asked, "--federation", fed.path, "--yes", "--out", asked, code="FC003")
    asked.write_text(asked.read_text().replace('"NEW"', '"AAX"'))
    run("approve", asked, "--federation", fed.path, "--yes", code="FC512")
    assert set(fed.read_roster().members) == {"AAI", "AAN"}


def test_what_ends_soon_is_renewed_in_time(run, fed):
    run("renew", "--federation", fed.path, "--days", 20)
    told = run("show", "--federation", fed.path)
    assert told.count("warning:") == 3  # the coordinator's certificate, two kits
    assert "days" in told
    assert "fedchemo provision renew" in told
    fed.kit("AAI").unlink()
    told = run("renew", "--federation", fed.path, "--host", "new.example")
    assert "The kits of AAN hold a secret key" in told
    assert "warning" not in run("show", "--federation", fed.path)
    assert read_kit(fed.kit("AAI")).address == "new.example:8443"


def test_the_authoritys_key_under_a_passphrase(run, tmp_path, monkeypatch):
    (tmp_path / "secret").write_text("correct horse battery\n")
    (tmp_path / "secret").chmod(0o600)
    given = ("--passphrase-file", "secret")
    told = run("--out", "fed", "--host", "127.0.0.1", "--site", "AAI", *given)
    assert "under a passphrase" in told
    fed = FederationFolder(tmp_path / "fed")
    run("add", "X", "--federation", "fed", code="FC510")
    run("add", "X", "--federation", "fed", *given)
    monkeypatch.setenv("FEDCHEMO_PASSPHRASE", "something else")
    run("revoke", "X", "--federation", "fed", code="FC510")
    run("revoke", "X", "--federation", "fed", *given)

    (tmp_path / "next").write_text("another long phrase\n")
    (tmp_path / "next").chmod(0o600)
    run("passphrase", "--federation", "fed", *given, "--new-passphrase-file", "next")
    run("add", "Y", "--federation", "fed", *given, code="FC510")
    monkeypatch.setenv("FEDCHEMO_PASSPHRASE", "another long phrase")
    run("add", "Y", "--federation", "fed")
    run("passphrase", "--federation", "fed", "--remove")
    monkeypatch.delenv("FEDCHEMO_PASSPHRASE")
    assert "no passphrase" in run("show", "--federation", "fed")
    assert fed.authority_key.stat().st_mode & 0o777 == 0o600


def test_the_authoritys_key_kept_elsewhere(run, fed, tmp_path):
    fed.authority_key.rename(tmp_path / "stick.pem")
    assert "--authority-key" in run("add", "X", "--federation", fed.path, code="FC517")
    run("add", "X", "--federation", fed.path, "--authority-key", "stick.pem")
    assert "kept elsewhere" in run("show", "--federation", fed.path)


def test_show_says_what_is_not_as_it_should_be(run, fed):
    fed.server_key.chmod(0o644)
    fed.kit("AAN").chmod(0o644)
    (fed.path / "key of AAI.txt").write_text("?")
    told = run("show", "--federation", fed.path)
    assert "mode 0644: others may read it" in told
    assert "FC509" in told
    assert "not part of the federation" in told


def test_show_for_scripts(run, fed):
    shown = json.loads(run("show", "--federation", fed.path, "--json"))
    assert {entry["path"] for entry in shown["files"]} >= {"roster.toml", "kits/AAI.kit"}
    assert [member["name"] for member in shown["roster"]["site"]] == ["AAI", "AAN"]
    assert shown["warnings"] == []
