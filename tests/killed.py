"""Simulations in processes of their own that are killed at a chosen instant, as a power cut would.

Run as a script it imports everything once and forks a process for each line it reads: that takes milliseconds
where a command takes seconds.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

# What a run imports sooner or later.
IMPORTED = (
    "fedchemo.simulations.simulate",
    "fedchemo.server.checkpoint_files",
    "torch._dynamo",
    "torch.onnx",
    "pandera.pandas",
    "pandera.backends.pandas.register",
    "pandera.strategies.pandas_strategies",
    "hypothesis",
)
# Names of `sys.audit` events about files; the first argument is a path.
FILE_EVENTS = {"open", "os.rename", "os.remove", "os.mkdir", "os.chmod", "os.truncate"}


class Instants:
    """Counts what a run does that a reader of its folder could see: files touched and events told.

    Args:
        folder: the run's.
        kill_at: the count at which this process dies.
        kill_with: a file in the folder; this process dies when it is there.
    """

    def __init__(self, folder: Path, *, kill_at: int | None = None, kill_with: str | None = None) -> None:
        self.count = 0
        self._folder, self._kill_at = str(folder), kill_at
        self._kill_with = folder / kill_with if kill_with else None
        sys.addaudithook(self._audit)

    def __call__(self, _event: Mapping[str, object] | None = None) -> None:
        self.count += 1
        if self.count == self._kill_at or (self._kill_with and self._kill_with.exists()):
            os.kill(os.getpid(), signal.SIGKILL)

    def _audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event in FILE_EVENTS and arguments and str(arguments[0]).startswith(self._folder):
            self()


@dataclass(frozen=True)
class Ended:
    """How a process ended: with its work done (no code), with an error, or killed."""

    instants: int = 0
    code: str | None = None
    what: str = ""
    killed: bool = False


class Simulations:
    """Asks the script for simulations; see `simulations`."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def __call__(
        self,
        folders: Sequence[Path],
        content: Mapping[str, Any],
        out: Path,
        *,
        kill_at: int | None = None,
        kill_with: str | None = None,
        largest_file: int | None = None,
        force: bool = False,
    ) -> Ended:
        """Run a simulation, or resume the one in ``out``, in a process of its own.

        Args:
            folders: site folders.
            content: of the run's configuration.
            out: the run folder.
            kill_at: the instant at which the process is killed.
            kill_with: the file in ``out`` whose appearance kills it.
            largest_file: bytes that a file may have: as on a disk that is full then.
            force: resume with other versions.
        """
        asked = {
            "folders": list(map(str, folders)),
            "content": content,
            "out": str(out),
            "kill_at": kill_at,
            "kill_with": kill_with,
            "largest_file": largest_file,
            "force": force,
        }
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()
        return Ended(**json.loads(self._process.stdout.readline()))


@contextlib.contextmanager
def simulations() -> Iterator[Simulations]:
    """Yield a way to run simulations that may be killed."""
    process = subprocess.Popen(
        [sys.executable, __file__],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    try:
        yield Simulations(process)
    finally:
        process.communicate(timeout=60)


def _simulate(
    folders: list[str],
    content: dict[str, Any],
    out: Path,
    kill_at: int | None,
    kill_with: str | None,
    largest_file: int | None,
    force: bool,
) -> Ended:
    from fedchemo.server.resume import reopen
    from fedchemo.server.run_folder import CONFIGURATION, RunFolder
    from fedchemo.shared.configuration import RunConfiguration, parse
    from fedchemo.shared.errors import FedchemoError
    from fedchemo.simulations.simulate import resume, simulate

    if largest_file is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file, largest_file))
    instants = Instants(out, kill_at=kill_at, kill_with=kill_with)
    try:
        if (out / CONFIGURATION).exists():
            taken = reopen(out, command="simulate", force=force)
            if not taken.has_ended:
                resume(taken, listeners=[instants])
        else:
            simulate(
                list(map(Path, folders)),
                parse(RunConfiguration, content, source="test"),
                RunFolder(out, overwrite=out.exists()),
                cache=out.parent / "cache",
                device="cpu",
                listeners=[instants],
            )
    except FedchemoError as error:
        return Ended(instants.count, error.code, error.what)
    return Ended(instants.count)


def _serve() -> None:
    """Fork a process for each line of standard input and write how it ended; only those processes have threads."""
    for name in IMPORTED:
        importlib.import_module(name)
    for line in sys.stdin:
        reading, writing = os.pipe()
        if not (child := os.fork()):
            os.close(reading)
            asked = json.loads(line)
            ended = _simulate(**{**asked, "out": Path(asked["out"])})
            os.write(writing, json.dumps(asdict(ended)).encode())
            os._exit(0)
        os.close(writing)
        with os.fdopen(reading) as told:
            answer = told.read()
        _, status = os.waitpid(child, 0)
        killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
        assert killed or status == 0, f"ended with {status}"
        sys.stdout.write((json.dumps(asdict(Ended(killed=True))) if killed else answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    _serve()
