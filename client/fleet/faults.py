"""What can go wrong between a hospital and the coordinator, in numbered words."""

from __future__ import annotations

import datetime as dt
import email.utils
import http.client
import json
import ssl
from collections.abc import Mapping

from fedchemo.shared.errors import FedchemoError

# OpenSSL's X509_V_ERR_* (x509_vfy.h): not yet valid, expired, host name mismatch, IP address mismatch.
CERTIFICATE_FAULTS = {9: "FC604", 10: "FC604", 62: "FC605", 64: "FC605"}
GARBLED = "BAD_RECORD_MAC"
"""In OpenSSL's reason where TLS was spoken and a record, either side's, is not what was sent: a fault of the line."""
NOT_NOW = frozenset({408, 429, 500, 502, 503, 504})
VERSIONS_DIFFER = 1001
"""flwr's ApiErrorCode.RUNTIME_VERSION_INCOMPATIBLE."""
CLOCKS_DIFFER_S = 4.0
LONGEST_DETAILS = 64 * 1024
"""Bytes of an error that are looked at; flwr's have a few hundred."""
LOST = frozenset({"FC601", "FC618", "FC621"})
"""No connection now, straight or through a proxy: the work in hand is kept and tried again."""
PASSING = LOST | {"FC607"}
"""Faults that may pass by themselves; the others need a person."""


class RefusedError(FedchemoError):
    """The coordinator answered, and refused.

    Args:
        status: HTTP status of the answer.
    """

    def __init__(self, code: str, what: str, *, status: int) -> None:
        super().__init__(code, what)
        self.status = status


def no_connection(error: Exception, address: str) -> FedchemoError:
    """Return the numbered error for a request that got no answer."""
    if isinstance(error, ssl.SSLCertVerificationError):
        code = CERTIFICATE_FAULTS.get(error.verify_code, "FC603")
        return FedchemoError(code, f"{address}: {error.verify_message}")
    if isinstance(error, ssl.SSLError) and GARBLED in str(error.reason):
        return FedchemoError("FC601", f"{address}: bytes were changed on their way")
    if isinstance(error, ssl.SSLError) and not isinstance(error, ssl.SSLEOFError):
        return FedchemoError("FC608", f"{address} does not speak TLS as a coordinator does ({error.reason})")
    if isinstance(error, OSError):
        return FedchemoError("FC601", f"{address}: {error.strerror or error or type(error).__name__}")
    if isinstance(error, http.client.IncompleteRead):
        return FedchemoError("FC601", f"{address}: the connection broke in the middle of an answer")
    return not_a_coordinator(address)


def not_a_coordinator(address: str) -> FedchemoError:
    """Return the error for an answer that is not the Fleet API's."""
    return FedchemoError("FC608", f"{address} answers, but not as a coordinator")


def refused(
    status: int, headers: Mapping[str, str], body: bytes, *, address: str, now: dt.datetime
) -> RefusedError:
    """Return the numbered error for an answer with an error status.

    Only numbers and our own codes are taken from the answer; ``now`` is this machine's time.
    """
    flowers_code, reason = _details(body)
    apart = _seconds_apart(headers, now)
    if flowers_code == VERSIONS_DIFFER and reason == "FC303":
        code, what = "FC303", "speaks another protocol"
    elif flowers_code == VERSIONS_DIFFER:
        code, what = "FC609", "runs another release of flwr"
    elif status == 412 and reason == "FC607":
        code, what = "FC607", "has another process with this kit"
    elif status == 412:
        code, what = "FC606", "does not know this kit's key"
    elif status == 401 and apart > CLOCKS_DIFFER_S:
        code, what = "FC610", f"has a clock {apart:.0f} s apart from this one"
    elif status == 401:
        code, what = "FC440", "has been started again, or does not know this site any more"
    elif status in {404, 405}:
        code, what = "FC608", "is a web server, but not a coordinator"
    elif status in NOT_NOW:
        code, what = "FC601", f"is not serving now (status {status})"
    else:
        code, what = "FC613", f"answered with status {status}"
    return RefusedError(code, f"{address} {what}", status=status)


def _details(body: bytes) -> tuple[object, object]:
    """Return flwr's error code and our reason, as far as the answer has them."""
    if len(body) > LONGEST_DETAILS:
        return None, None
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):  # brackets within brackets without end are not a ValueError
        return None, None
    return (content.get("code"), content.get("extra")) if isinstance(content, dict) else (None, None)


def _seconds_apart(headers: Mapping[str, str], now: dt.datetime) -> float:
    """Return how far the coordinator's clock is from this one; 0 if it does not say."""
    try:
        there = email.utils.parsedate_to_datetime(headers["date"])
        if there.tzinfo is None:  # "-0000": the time in UTC, of somebody who does not say where
            there = there.replace(tzinfo=dt.UTC)
        return abs((now - there).total_seconds())
    except Exception:  # noqa: BLE001 - the date is anybody's text, and its parser raises more than it says
        return 0.0
