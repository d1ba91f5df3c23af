"""Keep flwr and Ray from calling home, updating or installing anything, and from writing to the terminal."""

from __future__ import annotations

import logging
import os

# Read by flwr and Ray when they are imported.
QUIET = {
    "FLWR_TELEMETRY_ENABLED": "0",
    "FLWR_DISABLE_UPDATE_CHECK": "1",
    "FLWR_DISABLE_RUNTIME_DEPENDENCY_INSTALLATION": "1",
    "RAY_USAGE_STATS_ENABLED": "0",
}


def silence_flower(level: int = logging.ERROR) -> None:
    """Switch off what flwr and Ray do unasked; call it before anything imports flwr.

    Args:
        level: the least level of flwr's own log lines that reach the terminal. It is set after flwr is
            imported, because the import sets it itself.
    """
    os.environ.update(QUIET)
    import flwr.app

    logging.getLogger(flwr.__name__).setLevel(level)
