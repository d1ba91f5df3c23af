"""Hospitals, with the real client on a site folder, and coordinators in processes of their own: as many as one likes.

Run as a script it imports everything once and forks a process for each line it reads: that takes milliseconds where
a command takes seconds. All of them are gone when the script's input ends.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

# What a hospital imports sooner or later.
IMPORTED = (
    "fedchemo.client.app",
    "fedchemo.client.fleet.node",
    "fedchemo.client.gate",
    "fedchemo.client.ledger",
    "fedchemo.client.participant",
    "fedchemo.server.coordinate",
    "fedchemo.server.checkpoint_files",
    "pandera.pandas",
    "pandera.backends.pandas.register",
    "pandera.strategies.pandas_strategies",
    "hypothesis",
    "torch._dynamo",
)


class Hospital:
    """One of the processes."""

    def __init__(self, pid: int, told: Path) -> None:
        self.pid, self._told = pid, told

    def signal(self, number: int) -> None:
        """Send a signal, such as SIGKILL for a power cut or SIGSTOP for a machine that hangs."""
        os.kill(self.pid, number)

    def of(self, kind: str) -> list[Mapping[str, Any]]:
        """Return what the hospital told of a kind so far."""
        lines = self._told.read_text().splitlines() if self._told.exists() else []
        return [details for told, details in map(json.loads, lines) if told == kind]


class Hospitals:
    """Asks the script for hospitals; see `hospitals`."""

    def __init__(self, process: subprocess.Popen[str], scratch: Path) -> None:
        self._process, self._scratch = process, scratch
        self._started = 0

    def start(
        self,
        kit: Path,
        site: Path,
        *,
        hold: Mapping[str, str] | None = None,
        busy_s: Mapping[str, float] | None = None,
        heartbeat: float = 10.0,
    ) -> Hospital:
        """Start the hospital of a kit.

        Args:
            kit: its kit.
            site: its site folder.
            hold: round -> path: its update of that round is not made before the path exists.
            busy_s: round -> seconds that it computes beside its training in that round.
            heartbeat: as of `HospitalNode`.
        """
        self._started += 1
        told = self._scratch / f"told-{self._started}"
        asked = {
            "role": "hospital",
            "kit": str(kit),
            "site": str(site),
            "told": str(told),
            "cache": str(self._scratch / "cache"),
            "hold": hold or {},
            "busy_s": busy_s or {},
            "heartbeat": heartbeat,
        }
        return Hospital(self._forked(asked), told)

    def coordinate(self, federation: Path, content: Mapping[str, Any], out: Path) -> int:
        """Start the coordinator of a run, or resume the run in ``out``; return its process id."""
        return self._forked(
            {"role": "coordinator", "federation": str(federation), "content": content, "out": str(out)}
        )

    def kill(self, pid: int) -> None:
        """Kill a process as a power cut would; return when its ports and locks are free."""
        assert self._forked({"kill": pid}) == pid

    def _forked(self, asked: Mapping[str, Any]) -> int:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())


@contextlib.contextmanager
def hospitals(scratch: Path) -> Iterator[Hospitals]:
    """Yield a way to start hospitals; all of them are gone at the end."""
    scratch.mkdir(parents=True, exist_ok=True)
    with (scratch / "errors").open("w") as errors:
        process = subprocess.Popen(
            [sys.executable, __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
        try:
            yield Hospitals(process, scratch)
        finally:
            process.communicate(timeout=60)
    assert not (scratch / "errors").read_text()


def _hospital(
    kit: str,
    site: str,
    told: str,
    cache: str,
    hold: Mapping[str, str],
    busy_s: Mapping[str, float],
    heartbeat: float,
) -> None:
    """Be a hospital until told to stop."""
    from flwr.app import Context, Message

    from fedchemo.client.app import client_app
    from fedchemo.client.cohort import read_site
    from fedchemo.client.fleet.node import HospitalNode
    from fedchemo.client.gate import Gate
    from fedchemo.client.ledger import Ledger
    from fedchemo.client.participant import Participant
    from fedchemo.client.runs import Runs
    from fedchemo.shared.kit import read_kit
    from fedchemo.shared.wire.messages import TrainRequest
    from fedchemo.shared.wire.records import read_request

    lock, log = threading.Lock(), Path(told).open("a", buffering=1)  # noqa: SIM115 - until the process ends

    def tell(kind: str, details: Mapping[str, object]) -> None:
        with lock:
            log.write(json.dumps([kind, dict(details)], default=str) + "\n")

    participant = Participant(read_site(Path(site)), Path(cache), notice=tell)
    answer = client_app(lambda _: participant, Runs())

    def app(message: Message, context: Context) -> Message:
        if message.metadata.message_type == "train":
            number = str(read_request(message.content, TrainRequest)[0].round)
            tell("asked_to_train", {"round": int(number)})
            end = time.monotonic() + busy_s.get(number, 0.0)
            while time.monotonic() < end:
                sum(range(1000))
            while number in hold and not Path(hold[number]).exists():
                time.sleep(0.02)
        return answer(message, context)

    ledger = Ledger(Path(told + ".ledger"), Path(told + ".head"))
    node = HospitalNode(read_kit(Path(kit)), app, on_event=tell, heartbeat=heartbeat, gate=Gate(ledger))
    signal.signal(signal.SIGTERM, lambda *_: node.stop())
    node.run()


def _coordinator(federation: str, content: dict[str, Any], out: str) -> None:
    """Be the coordinator of a run until it ends."""
    from fedchemo.server.coordinate import coordinate, resume
    from fedchemo.server.run_folder import CONFIGURATION
    from fedchemo.shared.configuration import RunConfiguration, parse

    if Path(out, CONFIGURATION).exists():
        resume(Path(out))
    else:
        coordinate(Path(federation), parse(RunConfiguration, content, source="test"), Path(out))


ROLES = {"hospital": _hospital, "coordinator": _coordinator}


def _become(role: str, **asked: Any) -> None:
    """Be what was asked for, and end with it."""
    status = 1
    try:
        os.close(0)  # else the test's end would be this process's as well
        ROLES[role](**asked)
        status = 0
    except BaseException:  # noqa: BLE001 - os._exit would say nothing of it
        traceback.print_exc()
    finally:
        os._exit(status)


def _end(child: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(child, signal.SIGKILL)
    os.waitpid(
        child, 0
    )  # a process of several threads holds its locks a little longer than its first thread lives


def _serve() -> None:
    """Fork a process for each line of standard input, and write its process id."""
    for name in IMPORTED:
        importlib.import_module(name)
    children: set[int] = set()
    for line in sys.stdin:
        asked = json.loads(line)
        child = asked.get("kill") or os.fork()
        if not child:
            _become(**asked)
        if child in children:
            _end(child)
            children.discard(child)
        else:
            children.add(child)
        sys.stdout.write(f"{child}\n")
        sys.stdout.flush()
    for child in children:
        _end(child)
    os._exit(0)


if __name__ == "__main__":
    _serve()
