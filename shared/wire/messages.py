"""The typed schema of every request and reply: known keys, with ranges, and nothing else.

A request says all that a site's answer depends on, so a site needs no memory of earlier ones. Weights travel
beside a message as one packed float32 array.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from fedchemo.shared.clinical.statistics import ClinicalStatistics, Moments
from fedchemo.shared.configuration import (
    PLAIN,
    PROTOCOL,
    Label,
    Purpose,
    Settings,
    SiteConfiguration,
    SiteMethod,
)
from fedchemo.shared.metrics.summary import ScoreSums

Count = Annotated[int, Field(ge=0, le=10**9)]
Kind = Literal["statistics", "logistic", "train", "evaluate", "personal", "finish"]
"""The kinds of exchange, in the order a run first uses them."""
MOST_CANDIDATES = 8
"""As many as a coordinator remembers: each costs a site room on its disk."""
Parts = Annotated[int, Field(ge=1, le=1024)]
"""In how many parts a site computed each batch: 1, or more after it ran out of memory. The result is then the same but
for rounding, so that its run cannot be repeated to the bit."""
Role = Literal["train", "evaluate"]

# Flower routes a message by its type; its own strategies know "train" and "evaluate".
MESSAGE_TYPES: dict[Kind, str] = {
    "statistics": "query.statistics",
    "logistic": "query.logistic",
    "train": "train",
    "evaluate": "evaluate",
    "personal": "query.personal",
    "finish": "query.finish",
}


class Request(Settings):
    """What every request carries."""

    protocol: Literal[1] = PROTOCOL
    run: Label
    purpose: Purpose = ""
    """What the run is for, in the coordinator's words; a site approves a run by it and by the fingerprint."""
    round: Count = 0
    fingerprint: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    configuration: SiteConfiguration
    method: SiteMethod = PLAIN
    """What the strategy asks of a site beyond plain training."""


class StatisticsRequest(Request):
    """Asks for counts, the site's role, and sums of the clinical variables over training patients."""


class LogisticRequest(Request):
    """Asks for the sums of one Newton step of the clinical logistic model."""

    statistics: ClinicalStatistics
    coefficients: Annotated[tuple[float, ...], Field(min_length=1, max_length=1024)]


class TrainRequest(Request):
    """Asks to score the weights sent on validation patients, then to train from them."""

    statistics: ClinicalStatistics
    candidates: Annotated[tuple[Count, ...], Field(max_length=MOST_CANDIDATES)] = ()
    """Earlier rounds whose model may still be the result: what a site remembers of them it keeps."""


class EvaluateRequest(Request):
    """Asks to score the weights sent."""

    statistics: ClinicalStatistics
    split: Literal["validation", "test"]


class PersonalRequest(Request):
    """Asks to make, from the result sent, the model of its own that the method leaves a site, and to score it.

    The model stays at the site; its scores on test patients are the answer.
    """

    statistics: ClinicalStatistics


class FinishRequest(Request):
    """Says that the run has ended; there is nothing to answer."""

    outcome: Literal["completed", "failed", "stopped"]


class StatisticsReply(Settings):
    """Counts are None where they are below the site's minimum."""

    role: Role
    training: Count | None
    validation: Count | None
    test: Count | None
    images: Count | None
    moments: Annotated[tuple[Moments | None, ...], Field(max_length=256)] | None


class LogisticReply(Settings):
    """A site's `fedchemo.shared.clinical.logistic.LogisticSums`; the Hessian row by row."""

    count: Count
    loss: Annotated[float, Field(ge=0)]
    gradient: Annotated[tuple[float, ...], Field(max_length=1024)]
    hessian: Annotated[tuple[float, ...], Field(max_length=1024**2)]


class TrainReply(Settings):
    """What comes with an update; ``validation`` scores the weights that were received."""

    examples: Count
    steps: Count
    loss: Annotated[float, Field(ge=0)] | None
    seconds: Annotated[float, Field(ge=0)]
    validation: ScoreSums | None
    parts: Parts = 1


class EvaluateReply(Settings):
    """Scores of the weights that were received; None means too few patients to say."""

    scores: ScoreSums | None
    parts: Parts = 1


class PersonalReply(Settings):
    """Scores on test patients of the model that the site has made for itself; None means too few patients to say."""

    scores: ScoreSums | None


class FinishReply(Settings):
    """An acknowledgement."""
