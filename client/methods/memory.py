"""What a method must remember at this site: one vector a round, in the state folder by run and round.

A request of round r looks at the newest round before r, so a retried or resumed round finds what it found the first
time and gives the same bits.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import safetensors
import safetensors.numpy

from fedchemo.client.approvals.proposal import Proposal
from fedchemo.shared.atomic import write_bytes
from fedchemo.shared.errors import FedchemoError
from fedchemo.shared.model.packing import Weights
from fedchemo.shared.private_file import PRIVATE_FOLDER, SECRET
from fedchemo.shared.wire.messages import Request, TrainRequest

KEPT = 4
"""Rounds remembered: a run that is resumed goes back by one, by two if its newest checkpoint is damaged."""
MOST_RUNS = 8
"""Runs remembered: ever new names must not fill the disk. The one that was not trained for longest goes."""
_VECTOR = "vector"


class Memory:
    """What this site remembers of one run.

    Args:
        folder: of all runs, in the site's state folder; made at first use, nobody else's to read.
        request: of the run. Its folder's name is a hash of all that a person approves: a run's name comes from
            another party, and names are used again.
    """

    def __init__(self, folder: Path, request: Request) -> None:
        self._request = request
        self._folder = folder / Proposal.of(request).identity[:32]

    def newest(self, size: int, *, upto: int) -> Weights | None:
        """Return what was remembered in the newest round up to one, float32 (size,); None if nothing was.

        Raises:
            FedchemoError: FC004 if it cannot be read or belongs to another model.
        """
        earlier = [number for number in self._rounds() if number <= upto]
        if not earlier:
            return None
        path = self._file(max(earlier))
        try:
            vector: Weights = safetensors.numpy.load(path.read_bytes())[_VECTOR]
        except (OSError, KeyError, safetensors.SafetensorError) as error:
            raise FedchemoError("FC004", f"{path}: {error}") from error
        if vector.shape != (size,) or vector.dtype != np.float32:
            raise FedchemoError("FC004", f"{path} belongs to another model")
        return vector

    def before(self, size: int) -> Weights:
        """Return what was remembered before the request's round, zeros if nothing was; otherwise as `newest`."""
        found = self.newest(size, upto=self._request.round - 1)
        return np.zeros(size, dtype=np.float32) if found is None else found

    def keep(self, vector: Weights) -> None:
        """Remember the request's round, and forget what nothing needs any more.

        Raises:
            FedchemoError: FC004 if it cannot be written.
        """
        number = self._request.round
        try:
            self._folder.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
        except OSError as error:
            raise FedchemoError("FC004", f"{self._folder}: {error.strerror}") from error
        write_bytes(self._file(number), safetensors.numpy.save({_VECTOR: vector}), mode=SECRET)
        kept = self._kept(number)
        for other in self._rounds():
            if other not in kept:
                self._file(other).unlink(missing_ok=True)
        self._forget_runs()

    def _kept(self, number: int) -> set[int]:
        """Return the rounds to keep: the last ones, and those that a candidate for the result needs.

        Later ones are of a run that began anew: it may leave this site out of a round in which the other had it.
        """
        rounds = sorted(one for one in self._rounds() if one <= number)
        asked = self._request.candidates if isinstance(self._request, TrainRequest) else ()
        needed = {max((one for one in rounds if one <= candidate), default=0) for candidate in asked}
        return {*rounds[-KEPT:], *needed}

    def _forget_runs(self) -> None:
        runs = [path for path in self._folder.parent.iterdir() if path.is_dir()]
        # By name where the clock cannot tell; never the run at hand.
        runs.sort(key=lambda path: (path == self._folder, path.stat().st_mtime_ns, path.name))
        for path in runs[:-MOST_RUNS]:
            shutil.rmtree(path, ignore_errors=True)

    def _rounds(self) -> list[int]:
        return [int(path.stem) for path in self._folder.glob("[0-9]*.safetensors")]

    def _file(self, number: int) -> Path:
        return self._folder / f"{number:06}.safetensors"
