"""What signals do to a running client: SIGTERM and Ctrl-C stop it, SIGUSR1 pauses it, SIGUSR2 lets it go on."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from typing import Protocol

PAUSE, RESUME = signal.SIGUSR1, signal.SIGUSR2


class Obeying(Protocol):
    """What can be told by signals; none of it may take a lock, since a handler runs in between anything."""

    def stop(self) -> None:
        """End, after what is in hand."""
        ...

    def pause(self) -> None:
        """Take no more work."""
        ...

    def resume(self) -> None:
        """Go on."""
        ...


@contextlib.contextmanager
def obeying_signals(client: Obeying) -> Iterator[None]:
    """Let signals steer the client while the body runs; elsewhere than in the main thread, do nothing."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    handlers = {
        signal.SIGTERM: client.stop,
        signal.SIGINT: client.stop,
        PAUSE: client.pause,
        RESUME: client.resume,
    }
    before = {
        number: signal.signal(number, lambda *_, obey=obey: obey()) for number, obey in handlers.items()
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
