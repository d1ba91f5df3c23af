"""Who sent a request: flwr's node authentication, split so that a stranger is turned away before its body is read.

A node signs the time with its EC key and sends key, time and signature as headers. flwr checks them together
with the body; here the headers come first and what the body claims comes after.
"""

from __future__ import annotations

import base64
import binascii
import datetime
from collections.abc import Mapping

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from flwr.common.constant import SYSTEM_TIME_TOLERANCE, TIMESTAMP_HEADER, TIMESTAMP_TOLERANCE
from flwr.proto.fleet_pb2 import ActivateNodeRequest
from flwr.supercore.constant import FLEET_HTTP_PUBLIC_KEY_HEADER, FLEET_HTTP_SIGNATURE_HEADER
from flwr.supercore.date import now
from flwr.supercore.primitives.asymmetric import bytes_to_public_key, verify_signature
from google.protobuf.message import Message as Protobuf


class NotAuthenticatedError(Exception):
    """The request does not prove who sent it; answered with status 401 and nothing else."""


def claimed_key(headers: Mapping[str, str]) -> bytes:
    """Return the public key (PEM) that a request claims as its signer's, empty if it names none; nothing is checked."""
    try:
        return base64.b64decode(headers.get(FLEET_HTTP_PUBLIC_KEY_HEADER, ""), validate=True)
    except ValueError:
        return b""


def signer(headers: Mapping[str, str]) -> bytes:
    """Return the public key (PEM) that signed a request.

    Raises:
        NotAuthenticatedError: if a header is missing, the signature is wrong, or the time is too far off.
    """
    try:
        key = base64.b64decode(headers[FLEET_HTTP_PUBLIC_KEY_HEADER], validate=True)
        signature = base64.b64decode(headers[FLEET_HTTP_SIGNATURE_HEADER], validate=True)
        timestamp = headers[TIMESTAMP_HEADER]
        age = (now() - datetime.datetime.fromisoformat(timestamp)).total_seconds()
        public_key = bytes_to_public_key(key)
        genuine = isinstance(public_key, ec.EllipticCurvePublicKey) and verify_signature(
            public_key, timestamp.encode("ascii"), signature
        )
    except (KeyError, ValueError, TypeError, binascii.Error, UnsupportedAlgorithm) as error:
        raise NotAuthenticatedError from error
    timely = -SYSTEM_TIME_TOLERANCE < age < TIMESTAMP_TOLERANCE + SYSTEM_TIME_TOLERANCE
    if not (genuine and timely):
        raise NotAuthenticatedError
    return key


def check_claim(request: Protobuf, key: bytes, nodes: Mapping[bytes, int]) -> None:
    """Check that a request speaks for the node whose key signed it.

    Args:
        request: the request's body.
        key: the public key that signed it.
        nodes: public key -> node id, of every site in the roster.

    Raises:
        NotAuthenticatedError: if it speaks for another.
    """
    if isinstance(request, ActivateNodeRequest):
        honest = request.public_key == key
    else:
        claimed = request.node.node_id if hasattr(request, "node") else request.node_id
        honest = nodes.get(key) == claimed
    if not honest:
        raise NotAuthenticatedError
