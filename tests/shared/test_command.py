"""The command line: light, complete, and without tracebacks."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import entry_points

import click
import pytest

from fedchemo.shared import command
from fedchemo.shared.catalogue import CATALOGUE
from fedchemo.shared.errors import FedchemoError


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    script = "from fedchemo.shared.command import main; main()"
    environment = {**os.environ, "COLUMNS": "200", "NO_COLOR": "1"}
    return subprocess.run(
        [sys.executable, "-c", script, *arguments],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )


def test_help_lists_every_command():
    told = run("--help")
    assert told.returncode == 0
    for point in entry_points(group=command.GROUP):
        assert point.name in told.stdout


def test_help_imports_nothing_heavy():
    script = (
        "import sys, contextlib\n"
        "from fedchemo.shared.command import main\n"
        "with contextlib.suppress(SystemExit): main(['--help'])\n"
        "heavy = {'torch', 'flwr', 'monai', 'pandas', 'numpy', 'sklearn', 'scipy'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", sorted(point.name for point in entry_points(group=command.GROUP)))
def test_every_command_has_help(name):
    told = run(name, "--help")
    assert told.returncode == 0, told.stderr
    assert "Usage" in told.stdout


def test_a_numbered_error_says_cause_and_remedy():
    told = run("explain-error", "FC000")
    assert told.returncode == 1
    assert "FC005" in told.stderr
    assert CATALOGUE["FC005"].remedy in told.stderr
    assert "Traceback" not in told.stderr


@pytest.mark.parametrize("arguments", [["no-such-command"], ["simulate", "--no-such-option"]])
def test_wrong_use_is_told_without_a_traceback(arguments):
    told = run(*arguments)
    assert told.returncode != 0
    assert "Traceback" not in told.stderr


@pytest.mark.parametrize(
    ("raised", "status"),
    [
        (FedchemoError("FC099", "[bracket] text"), 1),
        (KeyboardInterrupt(), 130),
        (click.UsageError("no"), 2),
        (RuntimeError("unforeseen"), 70),
    ],
)
def test_whatever_happens_ends_with_a_message_and_a_status(monkeypatch, capsys, raised, status):
    class Failing:
        def main(self, **_):
            raise raised

    monkeypatch.setattr(command, "root", Failing)
    monkeypatch.delenv("FEDCHEMO_DEBUG", raising=False)
    with pytest.raises(SystemExit) as ended:
        command.main([])
    assert ended.value.code == status
    assert capsys.readouterr().err


def test_catalogue_entries_are_complete():
    for code, entry in CATALOGUE.items():
        assert code.startswith("FC")
        assert len(code) == 5
        assert all(len(text) > 3 for text in entry)
