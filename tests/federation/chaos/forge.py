"""The real commands as processes that start in milliseconds: forked from one that has imported everything.

Run as a script it reads a line for each process that it shall start or look after. All that these processes start,
and all that they leave behind when they die, stays below it, so that nothing can get lost unseen.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import importlib
import json
import os
import select
import signal
import subprocess
import sys
import threading
import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tests.federation.chaos.processes import below

PR_SET_CHILD_SUBREAPER = 36
# What a coordinator or a hospital imports sooner or later.
IMPORTED = (
    "fedchemo.simulations.simulate",
    "fedchemo.simulations.engines.local",
    "fedchemo.server.coordinate",
    "fedchemo.server.result",
    "fedchemo.server.checkpoint_files",
    "fedchemo.server.view",
    "fedchemo.server.commands",
    "fedchemo.client.commands.join",
    "fedchemo.client.hospital",
    "fedchemo.client.app",
    "fedchemo.client.validation",
    "fedchemo.client.fleet.node",
    "fedchemo.shared.command",
    "torch._dynamo",
    "pandera.pandas",
    "pandera.backends.pandas.register",
    "tests.federation.chaos.check",
)


class Member:
    """One process; see `Forge`."""

    def __init__(self, forge: Forge, pid: int) -> None:
        self._forge, self.pid = forge, pid

    @property
    def status(self) -> int | None:
        """Its exit status, as `subprocess` gives it; None while it runs."""
        found = self._forge.ask(do="look", pid=self.pid)["status"]
        return None if found is None else int(found)

    def signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, number)


class Forge:
    """Starts processes; see `forge`."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self._lock = threading.Lock()

    def ask(self, **asked: Any) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with self._lock:
            self._process.stdin.write(json.dumps(asked) + "\n")
            self._process.stdin.flush()
            answer: dict[str, Any] = json.loads(self._process.stdout.readline())
            return answer

    def command(self, arguments: Sequence[object], *, log: Path, clock: Path) -> Member:
        """Start ``fedchemo`` with arguments; its output is appended to a file."""
        told = [str(argument) for argument in arguments]
        return Member(self, self.ask(do="command", arguments=told, log=str(log), clock=str(clock))["pid"])

    def call(self, target: str, *, log: Path, **arguments: Any) -> Member:
        """Start a function ``module:name``, which takes and returns what JSON can say; it writes ``log`` + .json."""
        return Member(self, self.ask(do="call", target=target, arguments=arguments, log=str(log))["pid"])

    def descendants(self) -> dict[int, str]:
        """Return everything alive below the forge: process id -> command line."""
        return below(self._process.pid)


@contextlib.contextmanager
def forge(*, clock: Path | None = None) -> Iterator[Forge]:
    """Yield a way to start processes; at the end, whatever still runs is killed.

    Args:
        clock: library of `clock.built`, if there is one.
    """
    environment = {
        **os.environ,
        "OMP_NUM_THREADS": "1",
        "COLUMNS": "200",
        "NO_COLOR": "1",
        **({"LD_PRELOAD": str(clock)} if clock else {}),
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.federation.chaos.forge"],
        cwd=Path(__file__).parents[3],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
        start_new_session=True,
    )
    made = Forge(process)
    try:
        made.ask(do="nothing")
        yield made
    finally:
        assert process.stdin is not None
        process.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=20)
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def _serve() -> None:
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    for name in IMPORTED:
        importlib.import_module(name)
    assert threading.active_count() == 1, "a process with threads cannot be forked"
    gc.collect()
    gc.freeze()
    ended: dict[int, int] = {}
    while True:
        readable = select.select([sys.stdin], [], [], 0.1)[0]
        with contextlib.suppress(ChildProcessError):
            while (found := os.waitpid(-1, os.WNOHANG))[0]:
                ended[found[0]] = os.waitstatus_to_exitcode(found[1])
        if not readable:
            continue
        line = sys.stdin.readline()
        if not line:
            break
        asked = json.loads(line)
        answer: dict[str, Any] = {}
        match asked["do"]:
            case "look":
                answer["status"] = ended.get(asked["pid"])
            case "command" | "call":
                answer["pid"] = os.fork() or _be(asked)
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()
    while left := below(os.getpid()):
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass


def _be(asked: dict[str, Any]) -> int:
    """Become a member; never return."""
    status = 1
    try:
        os.setsid()
        with open(os.devnull, "rb") as nothing, open(asked["log"], "ab") as log:  # noqa: PTH123
            os.dup2(nothing.fileno(), 0)
            os.dup2(log.fileno(), 1)
            os.dup2(log.fileno(), 2)
        sys.stdin = open(0)  # noqa: SIM115 - lives as long as the process
        if asked["do"] == "call":
            module, _, name = asked["target"].partition(":")
            found = getattr(importlib.import_module(module), name)(**asked["arguments"])
            Path(asked["log"] + ".json").write_text(json.dumps(found))
            status = 0
        else:
            os.environ["CHAOS_CLOCK"] = asked["clock"]
            with contextlib.suppress(AttributeError):
                ctypes.CDLL(None).chaos_clock(asked["clock"].encode())
            from fedchemo.shared.command import main

            sys.argv = ["fedchemo", *asked["arguments"]]
            main(asked["arguments"])
            status = 0
    except SystemExit as error:
        status = error.code if isinstance(error.code, int) else 1
    except BaseException:  # noqa: BLE001 - the log has it, and no other code of the parent may run here
        traceback.print_exc()
    finally:
        with contextlib.suppress(OSError, ValueError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(status)


if __name__ == "__main__":
    _serve()
