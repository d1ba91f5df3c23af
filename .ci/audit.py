"""Look for known vulnerabilities of everything that `requirements.lock` pins, where there is internet."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import requests

WHERE = "https://pypi.org/pypi/pip/json"


def reachable() -> bool:
    """Tell whether the list of vulnerabilities can be asked, through a proxy if one is set."""
    try:
        answer = requests.get(WHERE, timeout=10)
        return answer.ok and "vulnerabilities" in answer.json()
    except (requests.RequestException, ValueError):
        return False


if __name__ == "__main__":
    lock = Path(__file__).parent.parent / "requirements.lock"
    if not reachable():
        sys.stdout.write(
            f"NOT AUDITED: {WHERE} cannot be reached from here, so nothing is known about vulnerabilities of what "
            f"{lock.name} pins. Run `make audit` on a machine with internet.\n"
        )
        sys.exit(0)
    command = [sys.executable, "-m", "pip_audit", "--requirement", str(lock), "--no-deps", "--disable-pip"]
    sys.exit(subprocess.run([*command, "--progress-spinner", "off"], check=False).returncode)  # noqa: S603
