"""A whole run read on the wire, beside the hospitals' ledgers, policies and files.

Four hospitals as real processes, each with another policy: A asks a person, B lets no metric out, C allows no images
and D's person says no. A proxy of our own with a certificate of the federation sees every byte.
"""

from __future__ import annotations

import json
import math
import re
import stat
from collections import Counter
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest
from flwr.proto.fleet_pb2 import (
    ActivateNodeRequest,
    DeactivateNodeRequest,
    PullMessagesRequest,
    PushMessagesRequest,
)
from flwr.proto.heartbeat_pb2 import SendNodeHeartbeatRequest
from flwr.proto.message_pb2 import ConfirmMessageReceivedRequest, PullObjectRequest, PushObjectRequest
from flwr.supercore.inflatable.inflatable_object import get_object_id
from google.protobuf.json_format import MessageToDict

from fedchemo.client.ledger.verify import read_lines, verify
from fedchemo.client.state_folder import StatePaths
from fedchemo.server.events import EventLog
from fedchemo.server.fleet.coordinator import Coordinator
from fedchemo.server.result import save_result
from fedchemo.server.rounds.loop import Outcome, RoundLoop
from fedchemo.server.run_folder import RunFolder
from fedchemo.server.summary import from_sums
from fedchemo.shared.catalogue import CATALOGUE
from fedchemo.shared.configuration import RunConfiguration, parse
from fedchemo.shared.federation import FederationFolder
from fedchemo.shared.wire.messages import MESSAGE_TYPES
from tests.federation.conftest import Commands
from tests.federation.wiretap import Wiretap, wiretap
from tests.networked import federation, free_port, until
from tests.sites import SMALL, write_site

pytestmark = pytest.mark.network

SITES = ("A", "B", "C", "D")
POLICIES = {
    "A": "patients_of_each_class_behind_a_metric = 3\n",
    "B": 'metrics = "none"\n',
    "C": "images = false\n",
    "D": "",
}
PURPOSE = "find out what leaves"


@dataclass
class Run:
    """A run that has ended."""

    folder: Path
    federation: FederationFolder
    tap: Wiretap
    outcome: Outcome
    events: list[dict]
    commands: Commands

    def state(self, site: str) -> StatePaths:
        return StatePaths(self.folder / "state" / site)

    def lines(self, site: str):
        return list(read_lines(self.state(site).ledger))

    def log(self, site: str) -> str:
        return (self.folder / site).read_text()


def start_client(commands, fed, site, *more):
    state = commands.folder / "state" / site
    state.mkdir(parents=True)
    (state / "policy.toml").write_text(POLICIES[site])
    (state / "policy.toml").chmod(0o600)
    folder = commands.folder / "sites" / site
    return commands.start(
        "client", "--kit", fed.kit(site), "--site", folder, "--state", state, "--once", *more, log=site
    )


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wire")
    commands, forward = Commands(folder), free_port()
    for seed, site in enumerate(SITES):
        write_site(folder / "sites", site, patients=70, images=3, seed=seed)
    fed = federation(folder / "fed", sites=SITES)
    configuration = parse(
        RunConfiguration,
        {"name": "wire", "purpose": PURPOSE, "rounds": 2, "quorum": 2, "deadline_s": 120, "site": SMALL},
        source="test",
    )
    seen: list[dict] = []
    listen = fed.read_settings().port
    try:
        with (
            wiretap(fed, listen=listen, forward=forward, scratch=folder) as tap,
            Coordinator(fed.path, port=forward) as coordinator,
        ):
            clients = {
                "A": start_client(commands, fed, "A"),
                "B": start_client(commands, fed, "B", "--approve-all"),
                "C": start_client(commands, fed, "C", "--approve-all"),
                "D": start_client(commands, fed, "D"),
            }
            until(lambda: len(coordinator.sites()) == 4, seconds=240, what="all sites online")

            def listener(event):
                seen.append(dict(event))

            runs = RunFolder(folder / "run")
            with coordinator.grid() as grid, closing(EventLog(runs.events, listener)) as events:
                # While the coordinator waits, a person answers at A and at D, with the command that the log names.
                answering = _Answers(commands, {"A": (), "D": ("--deny",)})
                answering.start()
                outcome = RoundLoop(grid, configuration, runs, events).run()
                answering.join()
                figures = {name: from_sums(outcome.tests[name]) for name in ("model", "baseline")}
                save_result(runs, configuration, outcome, figures, exact=False)
            for site, client in clients.items():
                commands.end(client, log=site)
        yield Run(folder, fed, tap, outcome, seen, commands)
    finally:
        commands.stop_all()


class _Answers:
    """Persons at the hospitals: each waits until the client says what to type, and types it."""

    def __init__(self, commands, answers):
        import threading

        self._commands, self._answers = commands, answers
        self._thread = threading.Thread(target=self._answer, daemon=True)
        self.start, self.join = self._thread.start, self._thread.join

    def _answer(self):
        for site, more in self._answers.items():
            log = self._commands.folder / site
            told = until(
                lambda log=log: re.search(
                    r"type:  fedchemo (client approve --state \S+ [0-9a-f]{8})", log.read_text()
                ),
                seconds=60,
                what=f"{site} says what to type",
            )
            self._commands.run(*told[1].split(), *more)


def test_the_run_finished_with_those_who_take_part(run):
    assert run.outcome.opening.roles == {"A": "train", "B": "train"}
    assert next(event["answered"] for event in run.events if event["event"] == "exchange_ended") == 2
    assert "has ended: completed" in run.log("A")
    assert "has ended: completed" in run.log("D"), "a site that said no stays up to the end"


def test_refusals_are_numbers_that_the_coordinator_shows(run):
    from rich.console import Console

    from fedchemo.server.view import RunView

    failed = {event["site"]: event["code"] for event in run.events if event["event"] == "site_failed"}
    assert failed == {"C": "FC906", "D": "FC905"}
    console = Console(width=200, record=True, file=(run.folder / "shown").open("w"))
    view = RunView(console)
    for event in run.events:
        view(event)
    shown = console.export_text()
    assert "C refused (statistics): FC906 Site does not let images be used" in shown
    assert "D refused (statistics): FC905 Run denied" in shown


def test_a_site_that_lets_no_metric_out_still_takes_part_to_the_end(run):
    replies = [event for event in run.events if event["event"] == "site_answered" and event["site"] == "B"]
    kinds = Counter(event["kind"] for event in replies)
    assert kinds["train"] == 2
    assert all(event["reply"]["loss"] is None for event in replies if event["kind"] == "train")
    assert all(event["reply"]["validation"] is None for event in replies if event["kind"] == "train")
    assert all(event["reply"]["scores"] is None for event in replies if event["kind"] == "evaluate")
    assert not run.outcome.tests["model"].get("B")
    assert run.outcome.tests["model"].get("A"), "while A sends its scores"
    assert [line for line in run.lines("B") if "no training loss" in line.words]


def test_every_object_on_the_wire_is_in_a_ledger_and_the_reverse(run):
    pushed = Counter()
    for body in run.tap.of("push-object"):
        request = PushObjectRequest.FromString(body)
        pushed[get_object_id(request.object_content), len(request.object_content)] += 1
        assert get_object_id(request.object_content) == request.object_id
    written = Counter(
        (line.sha256, line.size) for site in SITES for line in run.lines(site) if line.event == "sent"
    )
    assert len(pushed) > 50
    assert pushed == written


HEX = r"[0-9a-f]{64}"
ID = r"[0-9]{1,20}"


def number(value):
    return isinstance(value, (int, float)) and math.isfinite(value)


def schema(pattern):
    return lambda value: isinstance(value, str) and re.fullmatch(pattern, value) is not None


KNOWN = {*MESSAGE_TYPES.values()}
FIELDS = {
    ActivateNodeRequest: {"public_key": schema(r"[A-Za-z0-9+/=]+"), "heartbeat_interval": number},
    DeactivateNodeRequest: {"node_id": schema(ID)},
    SendNodeHeartbeatRequest: {"node.node_id": schema(ID), "heartbeat_interval": number},
    PullMessagesRequest: {"node.node_id": schema(ID)},
    PullObjectRequest: {"node.node_id": schema(ID), "run_id": schema(ID), "object_id": schema(HEX)},
    ConfirmMessageReceivedRequest: {
        "node.node_id": schema(ID),
        "run_id": schema(ID),
        "message_object_id": schema(HEX),
    },
    PushMessagesRequest: {
        "node.node_id": schema(ID),
        "messages_list.metadata.run_id": schema(ID),
        "messages_list.metadata.message_id": schema(HEX),
        "messages_list.metadata.src_node_id": schema(ID),
        "messages_list.metadata.dst_node_id": schema(ID),
        "messages_list.metadata.src_task_id": schema(ID),
        "messages_list.metadata.dst_task_id": schema(ID),
        "messages_list.metadata.reply_to_message_id": schema(HEX),
        "messages_list.metadata.group_id": schema(r"[0-9]*"),
        "messages_list.metadata.ttl": number,
        "messages_list.metadata.message_type": KNOWN.__contains__,
        "messages_list.metadata.created_at": number,
        "messages_list.error.code": schema(r"900"),
        "messages_list.error.reason": CATALOGUE.__contains__,
        "message_object_trees.object_id": schema(HEX),
        "clientapp_runtime_list": number,
    },
}
ROUTES = {
    "activate-node": ActivateNodeRequest,
    "deactivate-node": DeactivateNodeRequest,
    "send-node-heartbeat": SendNodeHeartbeatRequest,
    "pull-messages": PullMessagesRequest,
    "pull-object": PullObjectRequest,
    "confirm-message-received": ConfirmMessageReceivedRequest,
    "push-messages": PushMessagesRequest,
}


def leaves(value, path=""):
    if isinstance(value, dict):
        for name, one in value.items():
            yield from leaves(one, path if name == "children" else f"{path}.{name}".strip("."))
    elif isinstance(value, list):
        for one in value:
            yield from leaves(one, path)
    else:
        yield path, value


def test_every_other_request_is_made_of_ids_and_times(run):
    routes = Counter()
    for seen in run.tap.requests:
        route = seen.path.removeprefix("/v1/fleet/")
        routes[route] += 1
        if route == "push-object":
            continue
        message = ROUTES[route].FromString(seen.body)
        assert message.SerializeToString(deterministic=True) == seen.body, "no byte beside the message"
        allowed = FIELDS[ROUTES[route]]
        for path, value in leaves(MessageToDict(message, preserving_proto_field_name=True)):
            assert path in allowed, (route, path)
            assert allowed[path](_plain(value)), (route, path, value)
    assert set(routes) <= {*ROUTES, "push-object"}
    assert {"activate-node", "pull-messages", "push-messages", "pull-object"} <= set(routes)


def _plain(value):
    """Protobuf's JSON writes numbers of 64 bits as text, and smaller ones as numbers."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


HEADERS = {
    "host": r"127\.0\.0\.1:\d+",
    "accept-encoding": "identity",
    "content-length": r"\d+",
    "content-type": "application/(x-)?protobuf",
    "accept": "application/(x-)?protobuf",
}


def test_headers_say_who_and_when_and_nothing_else(run):
    for seen in run.tap.requests:
        for name, value in seen.headers.items():
            key = name.lower()
            if key in HEADERS:
                assert re.fullmatch(HEADERS[key], value), (name, value)
            else:
                assert re.fullmatch(r"(x-)?flwr-[a-z-]+|fedchemo-(version|protocol|flwr)", key), name
                assert re.fullmatch(r"[A-Za-z0-9+/=.:_-]{1,300}", value), (name, value)


def test_no_patient_no_path_and_no_reason_is_on_the_wire(run):
    whole = b"\n".join(seen.body for seen in run.tap.requests)
    for site in SITES:
        assert f"{site}-0".encode() not in whole
    for word in (
        str(run.folder).encode(),
        b"clinical.csv",
        b"images = false",
        b"policy says",
        b"no to the run",
    ):
        assert word not in whole
    assert b"FC906" in whole, "the tap sees what goes out"


def test_each_ledger_holds_and_tells_the_story(run):
    for site in SITES:
        found = verify(run.state(site).ledger, run.state(site).ledger_head)
        assert not found.problems
        assert found.beyond == found.torn == 0
    story = [line.event for line in run.lines("A") if line.event != "sent"]
    assert story == ["started", "joined", "asked", "approved", "run_ended", "stopped"]
    assert any(PURPOSE in line.words for line in run.lines("A") if line.event == "approved")
    denied = [line for line in run.lines("D") if line.event in {"denied", "refused"}]
    # It is asked for its role again as the run goes on, but its person only once.
    assert [line.event for line in denied] == ["denied"] + ["refused"] * (len(denied) - 1)
    assert {line.run for line in denied[1:]} == {"wire"}
    assert denied[1].round == 0
    trained = [line for line in run.lines("A") if line.kind == "ArrayChunk"]
    assert [line.round for line in trained] == [1, 2]
    assert all("weights" in line.words and line.run == "wire" for line in trained)


def test_the_data_officer_reads_and_exports_it_with_one_command(run):
    state = run.state("A").path
    shown = run.commands.run("client", "ledger", "show", "--state", state, "--last", 0).stdout
    assert "LEFT THE HOSPITAL" in shown
    assert "left the hospital for 1 run(s): wire" in shown
    told = run.commands.run("client", "ledger", "verify", "--state", state).stdout
    assert "nothing was changed" in told
    command = re.search(r"fedchemo (client ledger verify --line \d+ --sha256 [0-9a-f]{64})", told)
    run.commands.run(*command[1].split(), "--state", state)
    run.commands.run(
        "client", "ledger", "verify", "--line", 1, "--sha256", "0" * 64, "--state", state, status=1
    )
    out = run.folder / "ledger.csv"
    run.commands.run("client", "ledger", "export", "--out", out, "--state", state)
    assert len(out.read_text().splitlines()) == len(run.lines("A")) + 1


def test_the_purpose_is_in_every_ask_and_the_policy_can_be_shown(run):
    listed = json.loads(
        run.commands.run("client", "approve", "--json", "--state", run.state("D").path).stdout
    )
    assert [(one["run"], one["purpose"], one["decision"]) for one in listed] == [("wire", PURPOSE, "denied")]
    shown = json.loads(
        run.commands.run("client", "policy", "show", "--json", "--state", run.state("B").path).stdout
    )
    assert shown["metrics"] == "none"
    told = run.commands.run("client", "policy", "check", "--state", run.state("C").path).stdout
    assert "is right" in told


def test_files_of_a_hospital_are_its_owners_alone(run):
    """Whatever the client wrote into its state folder."""
    walked = 0
    for site in SITES:
        for path in (run.state(site).path, *run.state(site).path.rglob("*")):
            mode = stat.S_IMODE(path.lstat().st_mode)
            assert mode & 0o077 == 0, f"{path} has mode {mode:o}"
            assert path.is_dir() or not mode & 0o111, f"{path} can be run"
            walked += 1
    assert walked > 40


def test_secrets_of_a_federation_are_its_owners_alone_and_nobody_may_change_the_rest(run):
    secret = {
        run.federation.authority_key,
        run.federation.server_key,
        *(run.federation.kit(site) for site in SITES),
    }
    for path in (run.federation.path, *run.federation.path.rglob("*")):
        mode = stat.S_IMODE(path.lstat().st_mode)
        assert not mode & 0o022, f"{path} has mode {mode:o}"
        assert path.is_dir() or not mode & 0o111, f"{path} can be run"
        if path in secret:
            assert mode & 0o077 == 0, f"{path} has mode {mode:o}"
            assert stat.S_IMODE(path.parent.stat().st_mode) & 0o077 == 0


def test_nobody_else_may_change_a_run(run):
    found = [run.folder / "run", *(run.folder / "run").rglob("*")]
    assert {"events.jsonl", "federation.toml", "model.safetensors", "summary.json"} <= {
        path.name for path in found
    }
    for path in found:
        mode = stat.S_IMODE(path.lstat().st_mode)
        assert not mode & 0o022, f"{path} has mode {mode:o}"
        assert path.is_dir() or not mode & 0o111, f"{path} can be run"
