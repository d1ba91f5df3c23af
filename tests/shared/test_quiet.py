"""flwr stays silent: no telemetry, no update check, no installation, and no file in the user's home."""

from __future__ import annotations

import os
import subprocess
import sys

from fedchemo.shared.quiet import QUIET

PROBE = """
import logging, os, sys
import fedchemo.client.fleet.node, fedchemo.server.fleet.coordinator
from flwr.supercore import telemetry
print(logging.getLogger("flwr").level, telemetry.FLWR_TELEMETRY_ENABLED, os.environ["RAY_USAGE_STATS_ENABLED"])
"""


def test_importing_both_halves_of_the_network_switches_flower_off(tmp_path):
    environment = {name: value for name, value in os.environ.items() if name not in QUIET} | {
        "HOME": str(tmp_path)
    }
    done = subprocess.run(
        [sys.executable, "-c", PROBE], env=environment, capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.split() == ["50", "0", "0"]
    assert done.stderr == ""
    assert list(tmp_path.iterdir()) == []
