"""The command ``fedchemo provision``, as a user meets it."""

from __future__ import annotations

import pytest

from fedchemo.shared.command import main


def run(*arguments: object) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["provision", *map(str, arguments)])
    return int(ended.value.code or 0)


@pytest.fixture(autouse=True)
def _wide(monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("NO_COLOR", "1")


def test_it_says_what_each_file_is_and_where_it_goes(tmp_path, capsys):
    out = tmp_path / "fed"
    hosts = ("--host", "127.0.0.1", "--host", "fed.example")
    assert run("--out", out, *hosts, "--port", 9443, "--site", "AAI", "--site", "AAN") == 0
    told = capsys.readouterr().out
    for path in out.rglob("*"):
        if path.is_file():
            assert str(path.relative_to(out)) in told
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
    ],
)
def test_a_failure_has_a_number_and_no_traceback(tmp_path, monkeypatch, capsys, arguments, code):
    monkeypatch.chdir(tmp_path)
    assert run(*arguments) == 1
    told = capsys.readouterr().err
    assert told.startswith(code)
    assert "remedy" in told
    assert "Traceback" not in told
    assert list(tmp_path.iterdir()) == []


def test_help_names_every_option(capsys):
    assert run("--help") == 0
    told = capsys.readouterr().out
    assert all(option in told for option in ("--out", "--host", "--port", "--site", "--name", "--days"))
