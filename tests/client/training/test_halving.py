"""Out of memory: the same request again, its batches in ever more parts, and what fitted is remembered."""

from __future__ import annotations

import pytest

from fedchemo.client.policy.limits import PREDICTION_BATCH
from fedchemo.client.training.halving import Halving
from fedchemo.shared.configuration import SiteConfiguration
from fedchemo.shared.errors import FedchemoError

CONFIGURATION = SiteConfiguration()


def holding(most, *, code="FC321"):
    """A site whose memory holds batches of 32 in so many parts at least."""

    def answer(parts):
        if parts < most:
            raise FedchemoError(code, "no memory")
        return parts

    return answer


def silent(_event, _details):
    pass


@pytest.mark.parametrize("code", ["FC321", "FC632"])
def test_parts_double_until_it_fits_and_the_next_request_begins_there(code):
    told, halving = [], Halving()
    assert halving("a", CONFIGURATION, holding(3, code=code), lambda *said: told.append(said)) == 4
    assert [(event, details["parts"]) for event, details in told] == [
        ("out_of_memory", 2),
        ("out_of_memory", 4),
    ]
    assert halving("a", CONFIGURATION, lambda parts: parts, silent) == 4
    assert halving("b", CONFIGURATION, lambda parts: parts, silent) == 1
    assert halving("a", SiteConfiguration(seed=1), lambda parts: parts, silent) == 1


def test_when_single_patients_do_not_fit_it_is_told():
    tried = []

    def never(parts):
        tried.append(parts)
        raise FedchemoError("FC321", "no memory")

    with pytest.raises(FedchemoError, match="FC321"):
        Halving()("a", CONFIGURATION, never, silent)
    assert tried == [1, 2, 4, 8, 16, 32]
    assert tried[-1] == PREDICTION_BATCH


def test_other_errors_are_not_tried_again():
    calls = []

    def diverged(parts):
        calls.append(parts)
        raise FedchemoError("FC320", "loss nan")

    with pytest.raises(FedchemoError, match="FC320"):
        Halving()("a", CONFIGURATION, diverged, silent)
    assert calls == [1]
