"""``fedchemo client request``: a key of the hospital's own, and a file for the coordinator without it."""

from __future__ import annotations

import pytest
import typer
from typer.testing import CliRunner

from fedchemo.client.commands.request import request
from fedchemo.client.key_ring import KeyRing
from fedchemo.shared.errors import FedchemoError
from fedchemo.shared.passphrase import passphrase_of
from fedchemo.shared.signing_request import read_request


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.delenv("FEDCHEMO_PASSPHRASE", raising=False)
    app = typer.Typer()
    app.command()(request)

    def command(*more: object, name: str = "AAI", out: str = "aai.request"):
        arguments = ("--site-name", name, "--federation", "fed", "--out", tmp_path / out, *more)
        return CliRunner().invoke(app, [*map(str, arguments), "--state", str(tmp_path / "state")])

    return command


def test_it_writes_a_request_and_keeps_the_key(run, tmp_path):
    done = run()
    assert done.exit_code == 0, done.output
    wish = read_request(tmp_path / "aai.request")
    assert (wish.site, wish.federation) == ("AAI", "fed")
    assert wish.fingerprint in done.output
    assert b"PRIVATE" not in (tmp_path / "aai.request").read_bytes()
    assert KeyRing(tmp_path / "state").find(wish.public_key, passphrase_of) is not None


def test_each_request_has_a_key_of_its_own(run, tmp_path):
    run()
    run(out="again.request")
    first, second = (read_request(tmp_path / f"{name}.request") for name in ("aai", "again"))
    assert first.public_key != second.public_key
    assert len(list((tmp_path / "state" / "keys").iterdir())) == 2


def test_the_key_may_have_a_passphrase(run, tmp_path):
    (tmp_path / "phrase").write_text("correct horse battery\n")
    (tmp_path / "phrase").chmod(0o600)
    assert run("--passphrase-file", tmp_path / "phrase").exit_code == 0
    (key,) = (tmp_path / "state" / "keys").iterdir()
    assert key.read_bytes().startswith(b"-----BEGIN ENCRYPTED")


@pytest.mark.parametrize(
    ("options", "code"),
    [({"name": "a b"}, "FC512"), ({"out": "."}, "FC003")],
)
def test_what_cannot_be_asked_for_makes_no_key(run, tmp_path, options, code):
    done = run(**options)
    assert isinstance(done.exception, FedchemoError)
    assert done.exception.code == code
    assert not (tmp_path / "state").exists()
