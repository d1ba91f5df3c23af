"""Whatever fails inside a hospital, only a number gets out: no patient, path, host name or word of an exception."""

from __future__ import annotations

import base64
import contextlib
import json
import logging
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from fedchemo.client.fleet.transport import Transport
from fedchemo.client.worker.site import WorkerSite
from fedchemo.server.coordinate import coordinate
from fedchemo.shared.configuration import RunConfiguration, parse
from fedchemo.shared.errors import FedchemoError
from tests.attacks.hospitals import Hospital
from tests.networked import federation, until
from tests.sites import SMALL, write_site

pytestmark = pytest.mark.network

FOLDER, PATIENT, WORDS = "ward-7-margaret-hamilton", "MRN-0042-HOPPER", "segfault in the pacs of ward seven"
HOST = "pacs-archive-03.hospital.example"


def planted() -> tuple[str, ...]:
    """Return what must be found nowhere outside."""
    own = socket.gethostname()
    return FOLDER, PATIENT, WORDS, HOST, "Traceback", *([own] if len(own) > 6 else [])


def spellings(secret: str) -> Iterator[bytes]:
    """Yield a secret in the ways in which it might be sent."""
    plain = secret.encode()
    yield from (plain, secret.lower().encode(), secret.encode("utf-16-le"), plain.hex().encode())
    for shift in range(3):
        encoded = base64.b64encode(b"\0" * shift + plain)
        if len(encoded) > 16:
            yield encoded[4:-4]


def found_in(content: bytes) -> list[str]:
    """Return the secrets that a text gives away."""
    return [secret for secret in planted() if any(one in content for one in spellings(secret))]


def broken(error: Callable[[], BaseException]) -> Callable[..., Any]:
    """Return a method that fails at the hospital of A and works elsewhere."""

    def call(original: Callable[..., Any]) -> Callable[..., Any]:
        def method(self: WorkerSite, *arguments: Any, **more: Any) -> Any:
            if self.name == "A":
                raise error()
            return original(self, *arguments, **more)

        return method

    return call


def text(kind: str) -> str:
    return f"{WORDS}: {kind} of {PATIENT} in /data/{FOLDER} on {HOST}"


FAILURES: dict[str, tuple[str, Callable[[], BaseException], str]] = {
    "a bug in training": ("train", lambda: RuntimeError(text("volume")), "FC990"),
    "a numbered error in training": ("train", lambda: FedchemoError("FC320", text("loss")), "FC320"),
    "no memory": ("train", lambda: MemoryError(text("tensor")), "FC990"),
    "a missing patient": ("statistics", lambda: KeyError(text("row")), "FC990"),
    "a broken disk": ("evaluate", lambda: OSError(5, text("file"), f"/data/{FOLDER}"), "FC990"),
    "an unknown code": ("evaluate", lambda: FedchemoError("FC999", text("score")), "FC990"),
}


@pytest.fixture(scope="module")
def hospitals(tmp_path_factory):
    """A federation of A, whose folder is full of names, and B; and all that their clients send."""
    folder = tmp_path_factory.mktemp("secrets")
    fed = federation(folder / "fed", sites=("A", "B"))
    sent: list[bytes] = []
    post = Transport._post

    def spied(self: Transport, path: str, headers: Any, body: Any, timeout: float) -> Any:
        sent.append(b"\n".join([path.encode(), repr(headers).encode(), *map(bytes, body)]))
        return post(self, path, headers, body, timeout)

    marked = write_site(folder / FOLDER, "A", patients=60, images=6)
    table = marked / "clinical.csv"
    table.write_text(table.read_text().replace("A-000,", f"{PATIENT},"))
    (marked / "images" / "A-000").rename(marked / "images" / PATIENT)
    with contextlib.ExitStack() as stack:
        stack.enter_context(mock.patch.object(Transport, "_post", spied))
        clients = {
            name: stack.enter_context(Hospital(fed.kit(name), site, folder / f"state-{name}").running())
            for name, site in (("A", marked), ("B", write_site(folder, "B", patients=60, seed=1)))
        }
        yield fed, clients, sent
        assert all(client.alive for client in clients.values())


def outside(fed: Any, out: Path, listener: Callable[[dict[str, Any]], None], **changes: Any) -> bytes:
    """Run a federation; return all that its run folder holds."""
    fields = {
        "name": "secrets", "rounds": 1, "site": {**SMALL, **changes}, "quorum": 2, "deadline_s": 40.0, "wait_s": 40.0,
    }  # fmt: skip
    configuration = parse(RunConfiguration, fields, source="test")
    with contextlib.suppress(
        FedchemoError
    ):  # a run may end for want of sites, and even that must say nothing
        coordinate(fed.path, configuration, out, listeners=[listener])
    return b"\n".join(
        str(path.relative_to(out)).encode() + b"\n" + path.read_bytes()
        for path in sorted(out.rglob("*"))
        if path.is_file()
    )


@pytest.mark.parametrize("how", FAILURES)
def test_of_a_failure_only_a_number_gets_out(hospitals, tmp_path, capfd, caplog, how):
    fed, clients, sent = hospitals
    name, error, code = FAILURES[how]
    told: list[dict[str, Any]] = []
    before = len(sent)
    caplog.set_level(logging.DEBUG)
    with mock.patch.object(WorkerSite, name, broken(error)(getattr(WorkerSite, name))):
        kept = outside(fed, tmp_path / "run", told.append, imaging={"enabled": False})
    printed = "".join(capfd.readouterr())
    failures = [(event["site"], event["code"]) for event in told if event["event"] == "site_failed"]
    assert ("A", code) in failures, "the coordinator is told a number"
    assert b"site_failed" in kept
    for content in (
        kept,
        b"\n".join(sent[before:]),
        json.dumps(told).encode(),
        printed.encode(),
        caplog.text.encode(),
    ):
        assert found_in(content) == []
    inside = clients["A"].screen + "".join(line.words for line in clients["A"].lines("failed", "refused"))
    assert {WORDS, PATIENT, FOLDER, HOST} <= set(found_in(inside.encode())), (
        "the control: the hospital has it all"
    )


def test_of_images_that_cannot_be_read_nothing_gets_out_and_the_run_goes_on(hospitals, tmp_path, capfd):
    fed, clients, sent = hospitals
    images = clients["A"].state.path.parent / FOLDER / "A" / "images" / PATIENT / "T0"
    (images / "early.nii.gz").write_bytes(f"{WORDS} {PATIENT}".encode())
    told: list[dict[str, Any]] = []
    before = len(sent)
    kept = outside(fed, tmp_path / "run", told.append)
    assert any(event["event"] == "run_ended" and event["outcome"] == "completed" for event in told)
    assert found_in(b"\n".join([kept, *sent[before:], "".join(capfd.readouterr()).encode()])) == []
    assert PATIENT in clients["A"].screen, "the control: the hospital is told whose images they are"


def test_the_search_finds_what_is_hidden():
    """The control of the scan itself."""
    for secret in planted():
        for spelling in spellings(secret):
            assert secret in found_in(b"x" * 7 + spelling + b"y")
    assert found_in(b"FC990") == []


def test_a_wire_that_was_tapped_saw_something(hospitals):
    _, clients, sent = hospitals
    until(lambda: clients["A"].lines("joined"))
    assert any(b"activate-node" in one for one in sent)
