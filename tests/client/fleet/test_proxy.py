"""Through an HTTP proxy: which one, that it sees an address and nothing else, and each refusal with its number."""

from __future__ import annotations

import base64
import threading

import numpy as np
import pytest

from fedchemo.client.fleet.node import HospitalNode
from fedchemo.client.fleet.proxy import find_proxy
from fedchemo.client.fleet.session import FleetSession
from fedchemo.server.fleet.coordinator import Coordinator
from fedchemo.shared.errors import FedchemoError
from tests.client.fleet.proxies import ConnectProxy
from tests.networked import Events, by_site, federation, free_port, kit_of, messages, until

from flwr.app import Array, ArrayRecord, Message, RecordDict  # isort: skip - silenced by then

HOST = "coordinator.example"
VARIABLES = ("HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY")


@pytest.fixture(autouse=True)
def no_proxy_of_this_machine(monkeypatch):
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def fed(tmp_path):
    """A federation whose coordinator has a name that only a proxy knows."""
    return federation(tmp_path / "fed", sites=("A",), hosts=(HOST,))


@pytest.fixture
def coordinator(fed):
    with Coordinator(fed.path, host="127.0.0.1") as serving:
        yield serving


def plus_one(message, _context):
    weights = message.content["arrays"]["weights"].numpy() + np.float32(1)
    return Message(RecordDict({"arrays": ArrayRecord({"weights": Array(weights)})}), reply_to=message)


def code_of(kit, proxy: str | None) -> str:
    """Return the number of the error with which a site does not get in."""
    with pytest.raises(FedchemoError) as caught:
        FleetSession(kit, heartbeat=10, proxy=proxy).activate()
    assert "secret" not in str(caught.value), "no password in a message"
    return caught.value.code


def test_a_round_goes_through_a_proxy_that_alone_knows_the_name(fed, coordinator, monkeypatch):
    kit = kit_of(fed, "A")
    with ConnectProxy(names={HOST: "127.0.0.1"}).serving() as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        node = HospitalNode(kit, plus_one, on_event=(events := Events()))
        thread = threading.Thread(target=node.run, daemon=True)
        thread.start()
        try:
            with coordinator.grid() as grid:
                until(grid.sites, what="the site online")
                answers = by_site(grid, grid.replies(messages(grid, [1.0, 2.0]), timeout=20))
                np.testing.assert_array_equal(answers["A"], [2.0, 3.0])
                proxy.cut()  # every tunnel breaks; the site opens others
                answers = by_site(grid, grid.replies(messages(grid, [5.0]), timeout=20))
                np.testing.assert_array_equal(answers["A"], [6.0])
        finally:
            node.stop()
            thread.join(timeout=20)
    assert {line.rpartition(" ")[0] for line in proxy.asked} == {f"CONNECT {kit.address}"}
    assert events.of("connected")


def test_name_and_password_come_from_the_address(fed, coordinator):
    kit = kit_of(fed, "A")
    wanted = f"Basic {base64.b64encode(b'dr x:top secret@').decode()}"
    with ConnectProxy(names={HOST: "127.0.0.1"}, authorization=wanted).serving() as proxy:
        place = f"127.0.0.1:{proxy.port}"
        assert code_of(kit, f"http://{place}") == "FC619"
        assert code_of(kit, f"http://x:secret@{place}") == "FC619"
        assert FleetSession(kit, heartbeat=10, proxy=f"http://dr%20x:top%20secret%40@{place}").activate()


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (b"HTTP/1.1 403 Forbidden", "FC620"),
        (b"HTTP/1.1 405 Method Not Allowed", "FC620"),
        (b"HTTP/1.1 502 Bad Gateway", "FC621"),
        (b"HTTP/1.1 504 Gateway Timeout", "FC621"),
        (b"SSH-2.0-OpenSSH_9.0", "FC618"),
    ],
)
def test_each_refusal_of_a_proxy_has_its_number(fed, answer, code):
    with ConnectProxy(answer=answer).serving() as proxy:
        assert code_of(kit_of(fed, "A"), proxy.url) == code


def test_a_proxy_that_is_not_there(fed):
    assert code_of(kit_of(fed, "A"), f"http://127.0.0.1:{free_port()}") == "FC618"


def test_a_coordinator_that_the_proxy_cannot_reach(fed):
    with ConnectProxy(names={HOST: "127.0.0.1"}).serving() as proxy:
        assert code_of(kit_of(fed, "A"), proxy.url) == "FC621"


@pytest.mark.parametrize(
    "address",
    [
        "https://proxy:8080",
        "socks5://proxy:1080",
        "http://@",
        "http://proxy:port",
        "http://proxy:1/path",
        "http://[::1",
    ],
)
def test_an_address_that_is_none_is_told_without_repeating_it(address):
    with pytest.raises(FedchemoError, match="FC617") as caught:
        find_proxy("host.example", address)
    assert address not in str(caught.value)


@pytest.mark.parametrize(
    ("environment", "host", "option", "expected"),
    [
        ({}, "host.example", None, None),
        ({"HTTPS_PROXY": "http://proxy:3128"}, "host.example", None, "proxy:3128"),
        ({"https_proxy": "proxy:3128"}, "host.example", None, "proxy:3128"),
        ({"HTTP_PROXY": "http://proxy:3128"}, "host.example", None, None),
        ({"HTTPS_PROXY": "http://proxy:3128", "NO_PROXY": ".example"}, "host.example", None, None),
        ({"HTTPS_PROXY": "http://proxy:3128", "NO_PROXY": "*"}, "host.example", None, None),
        (
            {"HTTPS_PROXY": "http://proxy:3128", "NO_PROXY": "other.example"},
            "host.example",
            None,
            "proxy:3128",
        ),
        ({"HTTPS_PROXY": "http://proxy:3128"}, "127.0.0.1", None, None),
        ({"HTTPS_PROXY": "http://proxy:3128"}, "localhost", None, None),
        ({"HTTPS_PROXY": "http://proxy:3128"}, "host.example", "http://own:8080", "own:8080"),
        ({"HTTPS_PROXY": "http://proxy:3128"}, "host.example", "", None),
        ({"HTTPS_PROXY": "http://proxy:3128", "NO_PROXY": "*"}, "127.0.0.1", "http://own", "own:80"),
        ({"HTTPS_PROXY": "http://[fd00::1]:3128"}, "host.example", None, "[fd00::1]:3128"),
    ],
)
def test_the_environment_names_the_proxy_as_for_other_programs(
    monkeypatch, environment, host, option, expected
):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    found = find_proxy(host, option)
    assert (found.address if found else None) == expected


def test_a_password_is_never_shown():
    found = find_proxy("host.example", "http://me:secret@proxy:8080")
    assert "secret" not in repr(found)
    assert base64.b64encode(b"me:secret").decode() not in repr(found)
