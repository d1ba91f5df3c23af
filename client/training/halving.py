"""Out of memory is no reason to lose a round: the same request again, its batches in twice as many parts.

The gradients of the parts add up to the batch's, but for rounding. What fitted is remembered for the next request of
the same settings, so that memory runs out once and not in each round.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

from fedchemo.client.policy.limits import PREDICTION_BATCH
from fedchemo.shared.configuration import SiteConfiguration
from fedchemo.shared.errors import FedchemoError

Answer = TypeVar("Answer")
Notice = Callable[[str, Mapping[str, object]], None]

OUT_OF_MEMORY = frozenset({"FC321", "FC632"})
"""The device says so, or the system ended the process for it."""
MOST_REMEMBERED = 100
"""Settings in mind; ever new ones must not fill the memory."""


class Halving:
    """Asks for an answer in ever more parts until it fits in memory, one patient a part at last."""

    def __init__(self) -> None:
        self._fits: dict[tuple[str, SiteConfiguration], int] = {}

    def __call__(
        self, site: str, configuration: SiteConfiguration, answer: Callable[[int], Answer], notice: Notice
    ) -> Answer:
        """Return the first answer that fits.

        Args:
            site: whose answer it is.
            configuration: of the request.
            answer: given the number of parts.
            notice: told ``out_of_memory``, with the code, what happened and the parts that are tried next.

        Raises:
            FedchemoError: FC321 or FC632 if not even single patients fit; any other at once.
        """
        parts = self._fits.get((site, configuration), 1)
        while True:
            try:
                return answer(parts)
            except FedchemoError as error:
                if error.code not in OUT_OF_MEMORY or parts >= _most(configuration):
                    raise
                parts *= 2
                notice("out_of_memory", {"code": error.code, "what": error.what, "parts": parts})
            self._remember(site, configuration, parts)

    def _remember(self, site: str, configuration: SiteConfiguration, parts: int) -> None:
        if len(self._fits) >= MOST_REMEMBERED:
            self._fits.clear()
        self._fits[site, configuration] = parts


def _most(configuration: SiteConfiguration) -> int:
    """Return the number of parts from which on each holds one patient."""
    return max(configuration.training.batch_size, PREDICTION_BATCH)
