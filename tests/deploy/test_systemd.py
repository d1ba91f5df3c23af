"""The systemd units: they parse, start our commands as these are, restart, and are confined."""

from __future__ import annotations

import configparser
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import click
import pytest

from fedchemo.shared.command import root

UNITS = Path(__file__).parents[2] / "deploy" / "systemd"
NAMES = sorted(unit.name for unit in UNITS.iterdir())
PROGRAM = "/opt/fedchemo/bin/fedchemo"
CONFINED = {
    "NoNewPrivileges": "yes",
    "ProtectSystem": "strict",
    "CapabilityBoundingSet": "",
    "ProtectHome": "yes",
}


def unit(name):
    read = configparser.ConfigParser(
        strict=False, interpolation=None, delimiters=("=",), comment_prefixes=("#",)
    )
    read.optionxform = str
    read.read_string((UNITS / name).read_text())
    return read


def commands(name):
    """Return the command lines of ours that a unit starts, the instance named."""
    start = unit(name)["Service"]["ExecStart"].replace("%i", "trial")
    words = shlex.split(start)
    if words[:2] == ["/bin/sh", "-c"]:
        return [shlex.split(found) for found in re.findall(rf"exec ({PROGRAM} [^;]+);", words[2])]
    return [words]


def parse(arguments):
    """Parse a command line as `fedchemo` does, without running it; click raises on whatever it does not know."""
    command, context = root(), None
    while isinstance(command, click.Group) and arguments and not arguments[0].startswith("-"):
        context = context or click.Context(command)
        name, arguments = arguments[0], arguments[1:]
        command = command.get_command(context, name)
        assert command is not None, name
    return command.make_context("fedchemo", list(arguments)).params


def test_there_is_one_for_a_client_and_one_for_a_coordinator():
    assert NAMES == ["fedchemo-client.service", "fedchemo-server@.service"]


@pytest.mark.parametrize("name", NAMES)
def test_it_starts_commands_of_ours(name):
    found = commands(name)
    assert found
    for program, *arguments in found:
        assert program == PROGRAM
        parse(arguments)
    with pytest.raises(click.UsageError):
        parse([*found[0][1:], "--no-such-option"])


def test_a_coordinator_begins_a_run_and_goes_on_with_it():
    begun, new = commands("fedchemo-server@.service")
    assert begun[1:3] == ["server", "resume"]
    assert new[1:3] == ["server", "start"]
    assert str(parse(begun[1:])["run"]) == str(parse(new[1:])["out"]) == "runs/trial"


@pytest.mark.parametrize("name", NAMES)
def test_it_is_restarted_for_ever_and_confined(name):
    service = unit(name)["Service"]
    assert service["Restart"] == ("always" if "client" in name else "on-failure")
    assert unit(name)["Unit"]["StartLimitIntervalSec"] == "0"
    assert {key: service[key] for key in CONFINED} == CONFINED


def test_the_client_outlives_a_worker_that_the_kernel_ended():
    assert unit("fedchemo-client.service")["Service"]["OOMPolicy"] == "continue"


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="no systemd here")
@pytest.mark.parametrize("name", NAMES)
def test_systemd_takes_it(name, tmp_path):
    copy = tmp_path / name.replace("@", "@trial")
    copy.write_text((UNITS / name).read_text().replace(PROGRAM, "/bin/true"))
    command = ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", str(copy)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    assert (done.returncode, done.stderr) == (0, "")
