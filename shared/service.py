"""Tell the service manager that started this process how it is: systemd's sd_notify(3), where there is one."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from collections.abc import Iterator

MICROSECONDS = 1e-6


def tell_service(state: str) -> None:
    """Send lines such as ``READY=1`` or ``STATUS=waiting``; without a service manager, or if it is deaf, do nothing."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address or not hasattr(socket, "AF_UNIX"):
        return
    if address.startswith("@"):  # an abstract socket of Linux
        address = "\0" + address[1:]
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as messenger:
        messenger.settimeout(1.0)
        messenger.sendto(state.encode(), address)


@contextlib.contextmanager
def in_service() -> Iterator[None]:
    """Say that this process is ready, that it lives, as often as ``WatchdogSec=`` wants it, and that it stops."""
    tell_service("READY=1")
    ended = threading.Event()
    pause = _watchdog_s() / 2
    if pause:
        threading.Thread(target=_live, args=(ended, pause), name="service", daemon=True).start()
    try:
        yield
    finally:
        ended.set()
        tell_service("STOPPING=1")


def _live(ended: threading.Event, pause: float) -> None:
    tell_service("WATCHDOG=1")
    while not ended.wait(pause):
        tell_service("WATCHDOG=1")


def _watchdog_s() -> float:
    """Return within how many seconds the service manager wants a sign of life; 0 if it wants none."""
    try:
        if int(os.environ.get("WATCHDOG_PID", os.getpid())) != os.getpid():
            return 0.0
        return int(os.environ.get("WATCHDOG_USEC", "0")) * MICROSECONDS
    except ValueError:
        return 0.0
