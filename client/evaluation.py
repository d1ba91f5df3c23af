"""How well a trained model predicts at a site, beside its clinical part alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

from fedchemo.shared.errors import FedchemoError
from fedchemo.shared.metrics.auc import paired_difference
from fedchemo.shared.metrics.interval import Interval
from fedchemo.shared.metrics.scorecard import Scorecard, scorecard
from fedchemo.shared.metrics.summary import MINIMUM_PER_CLASS
from fedchemo.shared.randomness import numpy_stream

if TYPE_CHECKING:
    from fedchemo.client.cohort import Cohort
    from fedchemo.client.inference import Predictions

Part = Literal["all", "train", "validation", "test"]


@dataclass(frozen=True)
class Evaluation:
    """What `fedchemo evaluate` reports.

    Attributes:
        site: its name.
        dataset: it belongs to.
        split: which patients.
        images: how many of them have an image that the model looked at.
        model: the figures of the model.
        clinical_only: those of its clinical part, on the same patients.
        gain: AUC of the model minus AUC of its clinical part, by DeLong's paired interval.
        notes: what a reader of the figures must know.
    """

    site: str
    dataset: str
    split: Part
    images: int
    model: Scorecard
    clinical_only: Scorecard
    gain: Interval | None
    notes: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, ready for JSON."""
        return asdict(self)


def took_part(details: Mapping[str, Any], cohort: Cohort) -> bool:
    """Tell whether a site of this name is among those that the model's run names."""
    return cohort.site in details.get("sites", ())


def labelled(cohort: Cohort, split: Part) -> list[str]:
    """Return the patients of a split whose outcome is known, sorted.

    Raises:
        FedchemoError: FC803 if there is none.
    """
    if split == "all":
        patients = sorted(cohort.clinical.index[cohort.clinical["pcr"].notna()])
    else:
        patients = cohort.patients(split)
    if not patients:
        raise FedchemoError(
            "FC803", f"{cohort.folder}: --split {split} holds no patient with a known outcome"
        )
    return patients


def evaluate_predictions(
    predictions: Predictions, cohort: Cohort, *, split: Part, seed: int, trained_here: bool
) -> Evaluation:
    """Score predictions of labelled patients.

    Args:
        predictions: of `labelled` patients.
        cohort: the site.
        split: which patients they are.
        seed: of the bootstrap's stream.
        trained_here: whether the site took part in the training.

    Raises:
        FedchemoError: FC801 if the model returned something that is no probability.
    """
    full, clinical = (
        scorecard(
            probabilities,
            predictions.outcomes,
            generator=numpy_stream(seed, cohort.site, "evaluate", "bootstrap"),
        )
        for probabilities in (predictions.probabilities, predictions.clinical_only)
    )
    return Evaluation(
        site=cohort.site,
        dataset=cohort.dataset,
        split=split,
        images=int(predictions.has_image.sum()),
        model=full,
        clinical_only=clinical,
        gain=paired_difference(predictions.probabilities, predictions.clinical_only, predictions.outcomes),
        notes=_notes(predictions, full, split=split, trained_here=trained_here),
    )


def _notes(
    predictions: Predictions, figures: Scorecard, *, split: Part, trained_here: bool
) -> tuple[str, ...]:
    notes = []
    if trained_here and split in {"all", "train"}:
        notes.append("A site of this name took part in the training: these figures are too good.")
    images = int(predictions.has_image.sum())
    if images == 0:
        notes.append(
            "No patient has an image that the model uses: its predictions are those of its clinical part."
        )
    elif images < figures.patients:
        without = figures.patients - images
        notes.append(
            f"{without} of {figures.patients} patients have no usable image: the clinical part speaks."
        )
    if predictions.set_aside:
        notes.append(f"The images of {len(predictions.set_aside)} patients could not be used.")
    if min(figures.positives, figures.patients - figures.positives) < MINIMUM_PER_CLASS:
        notes.append(f"Fewer than {MINIMUM_PER_CLASS} patients with or without pCR: the figures say little.")
    return tuple(notes)
