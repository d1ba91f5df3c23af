"""A federation, a hospital in it, and its check in this process."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from fedchemo.client.check import computing
from fedchemo.client.check.run import Wish, check_client
from fedchemo.server.fleet.coordinator import Coordinator
from fedchemo.shared.findings import Finding
from tests.networked import federation
from tests.sites import write_site

STEP = {
    "device": "cpu",
    "reason": "asked for",
    "parameters": 900_000,
    "batch": 8,
    "first_s": 1.0,
    "seconds": 0.5,
    "peak": 2**29,
    "available": 2**33,
}


@pytest.fixture(autouse=True)
def no_proxy_of_this_machine(monkeypatch):
    for name in ("HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def fed(tmp_path):
    return federation(tmp_path / "fed", sites=("A",))


@pytest.fixture
def coordinator(fed):
    with Coordinator(fed.path) as serving:
        yield serving


@pytest.fixture
def site(tmp_path):
    return write_site(tmp_path / "sites", "A", images=2)


@pytest.fixture
def check(fed, site, tmp_path, monkeypatch):
    """Check the hospital A; the training step, which takes seconds, is told and not done."""
    monkeypatch.setattr(computing, "_step", lambda _device: dict(STEP))

    def run(**changes) -> Lines:
        wish = Wish(fed.kit("A"), site, state=tmp_path / "state")
        return Lines(check_client(replace(wish, **changes)))

    return run


class Lines:
    """What a check found, by part and name."""

    def __init__(self, found: Sequence[Finding]) -> None:
        self.found = found

    def __call__(self, part: str, name: str) -> Finding:
        (line,) = [line for line in self.found if (line.part, line.name) == (part, name)]
        return line

    def has(self, part: str, name: str) -> bool:
        return any((line.part, line.name) == (part, name) for line in self.found)

    @property
    def failing(self) -> set[str]:
        return {f"{line.part}: {line.name}" for line in self.found if line.verdict == "fail"}
