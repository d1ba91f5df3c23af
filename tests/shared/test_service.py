"""What a service manager hears of this process."""

from __future__ import annotations

import os
import socket

import pytest

from fedchemo.shared.service import in_service, tell_service
from tests.networked import until


@pytest.fixture
def manager(tmp_path, monkeypatch):
    """A service manager; the fixture returns what it has heard since the last look."""
    ear = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    path = tmp_path / "notify"
    ear.bind(str(path))
    ear.setblocking(False)
    monkeypatch.setenv("NOTIFY_SOCKET", str(path))

    def heard():
        found = []
        while True:
            try:
                found.append(ear.recv(1000).decode())
            except BlockingIOError:
                return found

    yield heard
    ear.close()


def test_it_is_told_when_it_is_ready_that_it_lives_and_when_it_stops(manager, monkeypatch):
    monkeypatch.setenv("WATCHDOG_USEC", "20000")
    monkeypatch.setenv("WATCHDOG_PID", str(os.getpid()))
    told = []
    with in_service():
        until(lambda: told.extend(manager()) or told.count("WATCHDOG=1") > 2, what="signs of life")
    told += manager()
    assert told[0] == "READY=1"
    assert "STOPPING=1" in told


@pytest.mark.parametrize(
    "variables", [{}, {"WATCHDOG_USEC": "20000", "WATCHDOG_PID": "1"}, {"WATCHDOG_USEC": "x"}]
)
def test_no_sign_of_life_is_given_that_nobody_wants(manager, monkeypatch, variables):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with in_service():
        pass
    assert manager() == ["READY=1", "STOPPING=1"]


@pytest.mark.parametrize("address", ["", "/nowhere/at/all", "@nobody-listens"])
def test_without_a_manager_nothing_happens(monkeypatch, address):
    monkeypatch.setenv("NOTIFY_SOCKET", address)
    tell_service("READY=1")
