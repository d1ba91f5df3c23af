from __future__ import annotations

import pytest
from flwr.proto.message_pb2 import PullObjectResponse, PushObjectRequest
from flwr.proto.node_pb2 import Node
from google.protobuf.message import DecodeError
from hypothesis import given
from hypothesis import strategies as st

from fedchemo.shared.wire.protobuf import cut_out, lead

CONTENT = PushObjectRequest.OBJECT_CONTENT_FIELD_NUMBER
requests = st.builds(
    PushObjectRequest,
    node=st.builds(Node, node_id=st.integers(0, 2**63 - 1)),
    run_id=st.integers(0, 2**63 - 1),
    session_id=st.text(max_size=40),
    object_id=st.text(max_size=200),
    object_content=st.binary(max_size=400),
)


@given(requests)
def test_cutting_out_is_what_protobuf_reads(request_):
    rest, content = cut_out(request_.SerializeToString(), CONTENT)
    assert bytes(content) == request_.object_content
    head = PushObjectRequest.FromString(rest)
    assert not head.object_content
    head.object_content = bytes(content)
    assert head == request_


@given(requests)
def test_what_is_written_with_a_lead_is_what_protobuf_reads(request_):
    content = request_.object_content
    head = PushObjectRequest()
    head.CopyFrom(request_)
    head.ClearField("object_content")
    written = head.SerializeToString() + lead(CONTENT, len(content)) + content
    assert PushObjectRequest.FromString(written) == request_


@given(st.binary(max_size=60), st.integers(1, 6))
def test_whatever_comes_is_read_as_protobuf_reads_it_or_refused(junk, field):
    try:
        rest, _ = cut_out(junk, field)
    except ValueError:
        return
    assert len(rest) <= len(junk)


@given(st.binary(max_size=60))
def test_nothing_is_accepted_that_protobuf_refuses(junk):
    try:
        rest, content = cut_out(junk, CONTENT)
        head = PushObjectRequest.FromString(rest)
    except (ValueError, DecodeError):
        return
    whole = PushObjectRequest.FromString(junk)
    assert (whole.session_id, whole.object_id) == (head.session_id, head.object_id)
    assert whole.object_content == bytes(content)


def test_a_field_that_is_there_twice_is_refused():
    twice = 2 * PullObjectResponse(object_content=b"abc").SerializeToString()
    with pytest.raises(ValueError, match="twice"):
        cut_out(twice, PullObjectResponse.OBJECT_CONTENT_FIELD_NUMBER)


@pytest.mark.parametrize("cut", [b"\xff" * 12, b"\x0a\xff", b"\x0b", b"\x00\x01", b"\x0a"])
def test_what_is_no_message_is_refused(cut):
    with pytest.raises(ValueError):  # noqa: PT011 - whatever is wrong
        cut_out(cut, 1)
