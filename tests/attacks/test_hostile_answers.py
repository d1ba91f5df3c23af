"""A malicious coordinator answers with what no coordinator sends; the hospital's process stays up and serves on."""

from __future__ import annotations

import contextlib
import json
import resource
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flwr.app import ArrayRecord, ConfigRecord, Message, RecordDict
from flwr.app.message.arraychunk import ArrayChunk
from flwr.common.serde import message_to_proto
from flwr.proto import fleet_pb2, message_pb2
from flwr.proto.message_pb2 import ObjectTree
from flwr.supercore.inflatable.inflatable_object import get_object_id

from fedchemo.client.fleet.session import FleetSession
from fedchemo.shared.wire.objects import take_apart
from tests.attacks.hostile import NODE, Answer, fields_of, pose_as_run
from tests.networked import until

pytestmark = pytest.mark.network


@pytest.fixture
def survives(fleet, hospital, secrets) -> Callable[[], None]:
    """Check that the hospital is up, serves a good request, kept its ledger whole, and said nothing."""
    seen = len(fleet.received)

    def check() -> None:
        fleet.handlers.clear()
        reply = fleet.reply(fleet.ask(fields_of()), ended=lambda: not hospital.alive)
        assert hospital.alive, hospital.error
        assert reply.code == ""
        hospital.check_ledger()
        outward = b"\n".join(body for _, _, body in fleet.received[seen:])
        assert not [secret for secret in secrets if secret.encode() in outward]

    return check


def resident() -> int:
    """Return the bytes of this process that lie in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def once(fleet: Any, route: str, answer: Answer | bytes) -> None:
    """Let a route answer something, and wait until it has; then it is well-behaved again."""
    done: list[bool] = []

    def handler(body: bytes) -> Answer | bytes:
        done.append(True)
        fleet.handlers.pop(route, None)
        return answer

    fleet.handlers[route] = handler
    until(lambda: done, seconds=30, what=f"the hospital asks for {route}")


DAY = "Thu, 01 Jan 1970 00:00:00"


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(Answer(b"\xff" * 100), id="no protobuf"),
        pytest.param(Answer(b"not found", status=404), id="not found"),
        pytest.param(Answer(b"[" * 100_000, status=500), id="nested error"),
        pytest.param(Answer(b'{"a":' * 100_000, status=401), id="nested object"),
        pytest.param(Answer(b"\x80\xff", status=500), id="no utf-8"),
        pytest.param(Answer(status=401, headers={"date": f"{DAY} -0000"}), id="naive date"),
        pytest.param(Answer(status=401, headers={"date": f"{DAY} +99999999999999"}), id="zone"),
        pytest.param(Answer(status=401, headers={"date": "Thu, 01 Jan 99999 00:00:00 GMT"}), id="year"),
        pytest.param(Answer(status=401, headers={"date": "\x1b[2J"}), id="no date"),
        pytest.param(Answer(b'{"code": {"a": []}, "extra": ["FC607"]}', status=412), id="odd json"),
        pytest.param(Answer(status=301, headers={"location": "https://127.0.0.1:1/"}), id="redirect"),
        pytest.param(Answer(headers={"content-encoding": "gzip"}), id="gzip"),
        pytest.param(Answer(b"x", headers={"content-length": str(1 << 40)}), id="terabyte"),
        pytest.param(Answer(b"x", headers={"content-length": "-5"}), id="negative"),
        pytest.param(Answer(b"x", headers={"transfer-encoding": "chunked"}), id="chunked"),
        pytest.param(Answer(status=999), id="status"),
        pytest.param(Answer(headers={f"x-{number}": "y" for number in range(300)}), id="headers"),
        pytest.param(Answer(headers={"x-long": "y" * 100_000}), id="header"),
    ],
)
def test_an_answer_that_is_no_coordinators_ends_nothing(fleet, survives, answer):
    once(fleet, "pull-messages", answer)
    survives()


def head_of(**metadata: Any) -> Any:
    """Return the head of a message with metadata of the attacker's choice, and its tree."""
    pose_as_run()
    message = Message(
        RecordDict({"config": ConfigRecord({"request": "{}"})}), dst_node_id=NODE, message_type="train"
    )
    head, tree, objects = take_apart(message)
    proto = message_to_proto(head)
    for name, value in metadata.items():
        setattr(proto.metadata, name, value)
    return proto, tree, {object_id: found.deflate() for object_id, found in objects.items()}


HEAD, TREE, _ = head_of()
NAN, INFINITE = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("heads", "trees"),
    [
        pytest.param([HEAD], [], id="no tree"),
        pytest.param([], [TREE], id="no head"),
        pytest.param([HEAD], [ObjectTree()], id="empty tree"),
        pytest.param([message_pb2.Message()], [ObjectTree()], id="empty head"),
        pytest.param([head_of(message_type="rm -rf /")[0]], [TREE], id="type"),
        pytest.param([head_of(message_id="../../etc")[0]], [TREE], id="id"),
        pytest.param([HEAD], [ObjectTree(object_id="../../etc/passwd")], id="object"),
        pytest.param([head_of(ttl=NAN, created_at=INFINITE)[0]], [TREE], id="times"),
    ],
)
def test_a_message_that_is_half_there_ends_nothing(fleet, survives, heads, trees):
    response = fleet_pb2.PullMessagesResponse(messages_list=heads, message_object_trees=trees)
    fleet.objects |= head_of()[2]
    once(fleet, "pull-messages", response.SerializeToString())
    survives()


def test_a_tree_of_ever_so_many_objects_is_given_up(fleet, survives):
    """Each may be as long as an answer may be, so what is not counted could fill the memory."""
    proto, tree, _ = head_of()
    tree.children.extend(ObjectTree(object_id=f"{number:064x}") for number in range(200_000))
    asked = len(fleet.received)
    once(
        fleet,
        "pull-messages",
        fleet_pb2.PullMessagesResponse(
            messages_list=[proto], message_object_trees=[tree]
        ).SerializeToString(),
    )
    survives()
    assert len(fleet.received) - asked < 2000


def test_a_tree_of_ever_so_many_levels_is_given_up(fleet, survives):
    proto, tree, _ = head_of()
    content = tree.SerializeToString()
    for _ in range(3000):  # by hand: protobuf would not make it
        length, size = b"", len(content)
        while size > 0x7F:
            length += bytes([size & 0x7F | 0x80])
            size >>= 7
        content = b"\x0a\x40" + b"a" * 64 + b"\x12" + length + bytes([size]) + content
    empty = fleet_pb2.PullMessagesResponse(messages_list=[proto]).SerializeToString()
    length, size = b"", len(content)
    while size > 0x7F:
        length += bytes([size & 0x7F | 0x80])
        size >>= 7
    field = fleet_pb2.PullMessagesResponse.MESSAGE_OBJECT_TREES_FIELD_NUMBER << 3 | 2
    once(fleet, "pull-messages", empty + bytes([field]) + length + bytes([size]) + content)
    survives()


def offered(fleet: Any, contents: dict[str, bytes], root: str) -> None:
    """Offer a message that consists of serialised objects, whatever they are."""
    proto, tree, _ = head_of(message_id=root)
    del tree.children[:]
    tree.object_id = root
    tree.children.extend(ObjectTree(object_id=name) for name in contents if name != root)
    fleet.objects |= contents
    fleet.offer_raw(proto, tree)


def made(kind: str, children: list[str], body: bytes) -> tuple[str, bytes]:
    """Return an object of Flower by hand: its id and its content."""
    content = f"{kind} {','.join(children)} {len(body)}".encode() + b"\x00" + body
    return get_object_id(content), content


def message_around(record: tuple[str, bytes]) -> tuple[dict[str, bytes], str]:
    """Return the objects of a message whose only content is one record of the attacker's."""
    good = Message(RecordDict({"arrays": ArrayRecord()}), dst_node_id=NODE, message_type="train")
    _, _, objects = take_apart(good)
    contents = {object_id: found.deflate() for object_id, found in objects.items()}
    (old,) = [name for name, content in contents.items() if content.startswith(b"ArrayRecord ")]
    renamed = {old: record[0]}
    del contents[old]
    for kind in (b"RecordDict ", b"Message "):
        ((name, content),) = [item for item in contents.items() if item[1].startswith(kind)]
        del contents[name]
        for before, after in renamed.items():
            content = content.replace(before.encode(), after.encode())
        new = get_object_id(content)
        contents[new], renamed[name] = content, new
    return {**contents, record[0]: record[1]}, new


@pytest.mark.parametrize(
    "kind", ["Message", "RecordDict", "ArrayRecord", "Array", "ArrayChunk", "ConfigRecord", "os"]
)
@pytest.mark.parametrize(
    "body", [b"", b"\xff" * 64, b"{}", b"[" * 50_000], ids=["empty", "bytes", "json", "nested"]
)
def test_an_object_that_is_not_what_its_name_says_ends_nothing(fleet, survives, kind, body):
    name, content = made(kind, [], body)
    offered(fleet, {name: content}, name)
    until(lambda: any(route == "pull-object" and name.encode() in sent for route, _, sent in fleet.received))
    survives()


def test_objects_that_hold_each_other_end_nothing(fleet, survives):
    """An object cannot hold its own hash, but a liar may say so; what it is called is then not what it is."""
    name = "ab" * 32
    offered(fleet, {name: f"RecordDict {name} 2".encode() + b"\x00{}"}, name)
    until(lambda: any(route == "pull-object" and name.encode() in sent for route, _, sent in fleet.received))
    survives()


def test_one_piece_that_is_named_a_million_times_does_not_fill_the_memory(fleet, survives):
    """The like of a zip bomb: 2 GB of pieces of 8 MB, of which only one exists."""
    piece = ArrayChunk(memoryview(b"\x00" * (8 << 20)))
    chunk_id, chunk = piece.object_id, piece.deflate()
    times = 256
    described = {
        "dtype": "float32", "shape": [times << 21], "stype": "numpy.ndarray", "arraychunk_ids": [0] * times,
    }  # fmt: skip
    array_id, array = made("Array", [chunk_id], json.dumps(described).encode())
    record_id, record = made("ArrayRecord", [array_id], json.dumps({"weights": array_id}).encode())
    contents, root = message_around((record_id, record))
    before, most, seen = resident(), 0, len(fleet.received)
    offered(fleet, {**contents, chunk_id: chunk, array_id: array}, root)

    def over() -> bool:
        nonlocal most
        most = max(most, resident() - before)
        return any(
            route in {"confirm-message-received", "push-messages"} and root.encode() in sent
            for route, _, sent in fleet.received[seen:]
        )

    with contextlib.suppress(AssertionError):
        until(over, seconds=3)
    assert fleet.reply(root).code == "FC304"
    survives()
    assert most < 500 << 20, f"{most >> 20} MB for 8 MB that were sent"


def test_a_giant_message_is_given_up(fleet, survives):
    """Many pieces that are each small enough, together far beyond the largest model that the policy allows."""
    pieces = {}
    for number in range(96):
        name, content = made("ArrayChunk", [], bytes([number]) * (1 << 20))
        pieces[name] = content
    root, content = made("RecordDict", list(pieces), b"{}")
    before = len(fleet.received)
    offered(fleet, {root: content, **pieces}, root)
    until(lambda: any(route == "pull-object" for route, _, _ in fleet.received[before:]))
    survives()
    pulled = sum(route == "pull-object" for route, _, _ in fleet.received[before:])
    assert pulled < 64, f"{pulled} MB for a model of at most 8"


def test_a_message_that_cannot_be_put_together_is_answered_by_a_number_and_written_down(
    fleet, hospital, survives
):
    lines = len(hospital.lines("refused"))
    contents, root = message_around(made("ConfigRecord", [], b"\xff" * 300_000))
    offered(fleet, contents, root)
    assert fleet.reply(root).code == "FC304"
    assert [line.words.split(":")[0] for line in hospital.lines("refused")[lines:]] == ["FC304"]
    assert any("FC304" in line.words for line in hospital.lines("sent"))
    survives()


def test_a_request_with_more_unknown_keys_than_anybody_reads_is_told_in_few_words(fleet, hospital, survives):
    told = len(hospital.screen)
    fields = {**fields_of(), **{f"a-key-that-there-is-not-{number}": 0 for number in range(50_000)}}
    assert fleet.reply(fleet.ask(fields)).code == "FC304"
    survives()
    assert len(hospital.screen) - told < 10_000


def test_what_no_rule_foresees_is_a_pause_and_not_the_end(fleet, hospital, survives, monkeypatch):
    """Belt and braces: a fault of this client itself that an answer brings to light."""
    lines = len(hospital.lines("failed"))
    met: list[bool] = []

    def broken(*_: Any) -> Any:
        met.append(True)
        monkeypatch.undo()
        msg = "a fault of ours"
        raise ZeroDivisionError(msg)

    monkeypatch.setattr(FleetSession, "fetch", broken)
    fleet.ask(fields_of())
    until(lambda: met, what="the fault is met")
    survives()
    assert "FC608" in hospital.lines("failed")[lines].words


def test_endless_questions_do_not_stop_the_hospital(fleet, hospital, survives):
    """A hundred requests that must be refused come no faster than they are worth, and each is a line."""
    lines = len(hospital.lines("refused"))
    asked = [fleet.ask(fields_of(fingerprint="0" * 64, round=number)) for number in range(8)]
    assert {fleet.reply(message_id).code for message_id in asked} == {"FC302"}
    assert len(hospital.lines("refused")) == lines + 8
    survives()


def test_what_the_session_asks_to_push_again_is_only_what_belongs_to_the_reply(fleet, survives):
    """A coordinator names objects that are not of the reply; nothing but the reply's own leaves."""
    wanted = ["0" * 64, "/etc/passwd", "../clinical.csv"]

    def greedy(body: bytes) -> bytes:
        fleet.handlers.pop("push-messages")
        return fleet_pb2.PushMessagesResponse(objects_to_push=wanted, session_id="s").SerializeToString()

    fleet.handlers["push-messages"] = greedy
    before = len(fleet.received)
    fleet.ask(fields_of())
    until(lambda: "push-messages" not in fleet.handlers)
    survives()
    pushed = [body for route, _, body in fleet.received[before:] if route == "push-object"]
    assert not [body for body in pushed if any(name.encode() in body for name in wanted)]


def test_a_session_name_that_is_no_session_carries_nothing_out(fleet, survives):
    def odd(body: bytes) -> bytes:
        fleet.handlers.pop("push-messages")
        request = fleet_pb2.PushMessagesRequest.FromString(body)
        names = [request.message_object_trees[0].object_id]
        return fleet_pb2.PushMessagesResponse(
            objects_to_push=names, session_id="\r\nx: y"
        ).SerializeToString()

    fleet.handlers["push-messages"] = odd
    fleet.ask(fields_of())
    until(lambda: "push-messages" not in fleet.handlers)
    survives()
