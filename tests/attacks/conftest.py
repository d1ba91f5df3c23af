"""A federation of two, and a hospital of A that serves a coordinator in the hands of an attacker."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
import torch

from fedchemo.shared.federation import FederationFolder
from tests.attacks.hospitals import Hospital, marked
from tests.attacks.hostile import HostileFleet
from tests.networked import federation, until
from tests.sites import write_site


@pytest.fixture(autouse=True)
def _one_thread():
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A folder for the tests of a module."""
    return tmp_path_factory.mktemp("attacks")


@pytest.fixture(scope="module")
def fed(folder) -> FederationFolder:
    """A federation of the sites A and B on the loopback interface."""
    return federation(folder / "fed", sites=("A", "B"))


@pytest.fixture(scope="module")
def site(folder) -> Path:
    """The site folder of A."""
    return write_site(folder / "private-folder-of-A", "A", patients=60)


@pytest.fixture(scope="module")
def secrets(site) -> list[str]:
    """What must not leave A: values and names of patients, and where the folder lies."""
    return marked(site)


@pytest.fixture(scope="module")
def fleet(fed):
    """A coordinator in the hands of an attacker."""
    with HostileFleet(fed).serving() as serving:
        yield serving


@pytest.fixture(scope="module")
def _hospitals(fed, site, secrets, fleet, folder):
    """Start site A as its command runs it, joined; it approves every run, so that only the rules stand in the way.

    One hospital serves the tests of a module, until one of them brings it down.
    """
    policy = "largest_model_parameters = 2_000_000\n"
    running: list[Hospital] = []
    with contextlib.ExitStack() as stack:

        def current() -> Hospital:
            if not running or not running[-1].alive:
                state = folder / f"state-{len(running)}"
                started = stack.enter_context(Hospital(fed.kit("A"), site, state, policy=policy).running())
                until(lambda: started.state.ledger.exists() and started.lines("joined"), what="A has joined")
                running.append(started)
            return running[-1]

        yield current


@pytest.fixture
def hospital(_hospitals) -> Hospital:
    """Site A, up and joined."""
    return _hospitals()
