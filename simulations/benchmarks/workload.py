"""The work that is measured: models of random values, and a site that adds a constant of its own to them.

Random, since Flower names what travels by its hash: zeros would travel once.
"""

from __future__ import annotations

import time
from collections.abc import Mapping

import numpy as np

from fedchemo.client.gate import release
from fedchemo.client.policy import Policy
from fedchemo.shared.clinical.statistics import ClinicalStatistics
from fedchemo.shared.configuration import SiteConfiguration
from fedchemo.shared.quiet import silence_flower
from fedchemo.shared.randomness import numpy_stream
from fedchemo.shared.wire.messages import TrainReply, TrainRequest
from fedchemo.shared.wire.records import Weights, read_request, reply_content

silence_flower()

from flwr.app import Context, Message  # noqa: E402
from flwr.clientapp import ClientApp  # noqa: E402

SIZES: Mapping[str, int] = {"tiny": 10, "3.5 MB": 875_000, "100 MB": 25_000_000}
"""Model -> float32 values."""
EXAMPLES = 20


def model(size: str) -> Weights:
    """Return the model of a size, random values between 0 and 1."""
    weights: Weights = numpy_stream(0, "benchmark", 0, size).random(SIZES[size], dtype=np.float32)
    return weights


def site_names(count: int) -> list[str]:
    """Return the names of that many sites."""
    return [f"site{number:03d}" for number in range(count)]


def request(number: int) -> TrainRequest:
    """Return the request of a round, as a run sends it."""
    return TrainRequest(
        run="benchmark",
        round=number,
        fingerprint="0" * 64,
        configuration=SiteConfiguration(),
        statistics=ClinicalStatistics(names=("her2",), means=(0.5,), deviations=(0.5,), counts=(500,)),
    )


def answer(message: Message, site: str, *, gate: bool = True) -> Message:
    """Answer as a site does: read the request, compute (as little as can be), and release the update.

    Without ``gate`` the update leaves as it is: to tell what the gate costs.
    """
    asked, _, weights = read_request(message.content, TrainRequest)
    assert weights is not None
    started = time.perf_counter()
    update = weights + np.float32(1e-3 * (1 + int(site[-3:])))
    reply = TrainReply(
        examples=EXAMPLES,
        steps=asked.round,
        loss=0.5,
        seconds=time.perf_counter() - started,
        validation=None,
    )
    if not gate:
        return Message(reply_content(reply, update, examples=EXAMPLES), reply_to=message)
    return Message(release(reply, update, received=weights, policy=Policy()), reply_to=message)


def virtual_sites() -> ClientApp:
    """Return the app of the local engine."""
    app = ClientApp()

    @app.train()
    def train(message: Message, context: Context) -> Message:
        return answer(message, str(context.node_config["site"]))

    return app
