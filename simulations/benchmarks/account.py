"""Where the time of a networked round of a large model goes: the processor seconds of each step, one by one.

`network` measures the whole round and `floor` the bytes over bare TLS; here every other step is done alone, on one
core. Spread over the cores, and beside the floor, they are what the round would take if no core ever waited.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from fedchemo.client.gate import release
from fedchemo.client.policy import Policy
from fedchemo.server.aggregation import FixedPointMean
from fedchemo.shared.wire.messages import TrainReply
from fedchemo.simulations.benchmarks.workload import EXAMPLES, SIZES, model

SIZE = "100 MB"
REPLY = TrainReply(examples=EXAMPLES, steps=1, loss=0.5, seconds=0.0, validation=None)


@dataclass(frozen=True)
class Step:
    """A step of a round.

    Attributes:
        what: in words.
        seconds: of one core, each time.
        times: how often in a round.
        in_floor: whether the floor does it as well.
    """

    what: str
    seconds: float
    times: int
    in_floor: bool = False


def steps(*, sites: int, repeat: int) -> Iterator[Step]:
    """Yield the steps of a round of `SIZE` beside TLS; each is done ``repeat`` times, and the least counts.

    The first time pays for memory that a running federation has already.
    """
    weights = model(SIZE)
    update, mean = weights + np.float32(1e-3), FixedPointMean(SIZES[SIZE])
    buffer, sent = np.empty_like(weights), weights.copy()

    def took(do: Callable[[], object]) -> float:
        return min(_seconds(do) for _ in range(repeat))

    def hashed() -> bytes:
        return hashlib.sha256(weights.data).digest()

    yield Step("the coordinator names the model by its hash", took(hashed), 1, in_floor=True)
    yield Step("a site names its update by its hash", took(hashed), sites, in_floor=True)
    yield Step("the coordinator checks an update's hash", took(hashed), sites, in_floor=True)
    yield Step("a site checks the model's hash", took(hashed), sites)
    # At a site and at the coordinator, from pieces of 5 MB.
    yield Step("pieces are put together", took(lambda: np.copyto(buffer, sent)), 2 * sites)
    yield Step(
        "a site's gate looks at the update",
        took(lambda: release(REPLY, update, received=weights, policy=Policy())),
        sites,
    )
    yield Step("the coordinator adds an update", took(lambda: mean.add(update, EXAMPLES)), sites)
    yield Step("the coordinator makes the mean", took(mean.mean), 1)


def _seconds(do: Callable[[], object]) -> float:
    started = time.thread_time()
    do()
    return time.thread_time() - started
