"""Which methods differ, by how much, and what these patients could have shown at all."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from fedchemo.simulations.statistics import delong, paired, power, random_effects, weighted
from fedchemo.simulations.statistics.equivalence import against_margin
from fedchemo.simulations.statistics.multiplicity import holm
from fedchemo.simulations.statistics.paired import PairedDifference
from fedchemo.simulations.statistics.resampling import ByPatient, BySite
from fedchemo.simulations.studies.cells import CLINICAL, Cell, Matrix
from fedchemo.simulations.studies.figures import RESAMPLES, row
from fedchemo.simulations.studies.settings import Study

EVERYBODY, IMAGED = "all", "with an image"
"""Among whom methods are compared: what images add can only be seen in patients who have some."""


def comparisons(
    study: Study, found: list[Cell], imaged: pd.Index, stream: np.random.Generator
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the comparisons of a study and the power of each.

    All comparisons of a study are one family for Holm's correction: nobody knows which of them a reader will pick.

    Args:
        study: the study.
        found: its cells.
        imaged: patients with images.
        stream: for the bootstrap.
    """
    compared: list[dict[str, Any]] = []
    powers: list[dict[str, Any]] = []
    for about, one, other, among, first, second in _asked(study, found, imaged):
        shared = first.patients.intersection(second.patients, sort=True)
        pair = first.at(shared), second.at(shared)
        named = {**about, "first": one, "second": other, "among": among}
        compared += [{**named, **each} for each in _compared(*pair, one, other, study.margin, stream)]
        sample = power.sample_at_hand(pair[0].mean, pair[1].mean, pair[0].outcomes)
        if sample is not None:
            powers.append({**named, **_power(sample)})
    if compared:
        corrected = holm([float(each["p"]) for each in compared])
        compared = [{**each, "p_holm": p} for each, p in zip(compared, corrected, strict=True)]
    return pd.DataFrame(compared), pd.DataFrame(powers)


Asked = tuple[dict[str, object], str, str, str, Matrix, Matrix]
"""Where, names of the two, among whom, predictions of the two."""


def _asked(study: Study, found: list[Cell], imaged: pd.Index) -> Iterator[Asked]:
    """Yield what is compared.

    Within a condition the first strategy with the references, and every other strategy with the first; then the
    first strategy under each variant, and under each privacy setting, with itself under the first one.
    """
    first, *others = [each.title for each in study.strategy]
    for cell in found:
        references = ["pooled", "local", CLINICAL]
        pairs = [(first, name) for name in references] + [(name, first) for name in others]
        for one, other in pairs:
            if {one, other} <= set(cell.methods):
                both = cell.methods[one], cell.methods[other]
                yield cell.about, one, other, EVERYBODY, *both
                if other == CLINICAL and _looks_at_images(study, cell.variant):
                    yield from _among_imaged(cell.about, one, other, *both, imaged)
    for cell in found:
        for axis, base in _bases(study, cell, found):
            if first in cell.methods and first in base.methods:
                names = getattr(cell, axis), getattr(base, axis)
                about = {**cell.about, axis: f"{first} under both"}
                both = cell.methods[first], base.methods[first]
                yield about, *names, EVERYBODY, *both
                if axis == "variant" and _looks_at_images(study, cell.variant):
                    yield from _among_imaged(about, *names, *both, imaged)


def _bases(study: Study, cell: Cell, found: list[Cell]) -> Iterator[tuple[str, Cell]]:
    """Yield the conditions that a condition is held against, and on which axis."""
    firsts = {"variant": study.variant[0].name, "privacy": study.privacy[0].name}
    for axis, name in firsts.items():
        if getattr(cell, axis) != name:
            wanted = {**cell.about, axis: name}
            yield from ((axis, each) for each in found if each.about == wanted)


def _looks_at_images(study: Study, variant: str) -> bool:
    chosen = next(each for each in study.variant if each.name == variant)
    return study.configuration(chosen, study.strategy[0].strategy, study.seeds[0]).site.imaging.enabled


def _among_imaged(
    about: dict[str, object], one: str, other: str, first: Matrix, second: Matrix, imaged: pd.Index
) -> Iterator[Asked]:
    seen = first.patients.intersection(imaged, sort=True)
    # Where everybody has images, or nobody, there is nothing to add.
    if 0 < len(seen) < len(first.patients):
        yield about, one, other, IMAGED, first.at(seen), second


def _compared(
    first: Matrix, second: Matrix, one: str, other: str, margin: float, stream: np.random.Generator
) -> Iterator[dict[str, object]]:
    """Yield the row of one comparison, if the patients can tell."""
    difference = _difference(first, second, stream)
    if difference is None:
        return
    verdict = against_margin(difference.contrast, margin)
    found: dict[str, object] = {
        **row(difference.contrast.estimate),
        "p": difference.contrast.p,
        "seed_spread": difference.seed_spread,
        "margin": margin,
        "low_90": verdict.low,
        "high_90": verdict.high,
        "p_equivalence": verdict.p,
        "p_not_worse": verdict.p_not_worse,
        "verdict": verdict.sentence(one, other),
    }
    if first.complete and second.complete:
        found |= _beside(first, second, stream)
    yield found


def _difference(first: Matrix, second: Matrix, stream: np.random.Generator) -> PairedDifference | None:
    if first.complete and second.complete:
        return paired.paired_auc(first.probabilities, second.probabilities, first.outcomes)
    return paired.paired(
        weighted.auc,
        first.beside(second).probabilities,
        second.probabilities,
        first.outcomes,
        resampling=BySite(first.sites),
        generator=stream,
        resamples=RESAMPLES,
        trainings="trainings",
    )


def _beside(first: Matrix, second: Matrix, stream: np.random.Generator) -> dict[str, object]:
    """Return the difference as other questions see it: clustered by site, mean over sites, Brier score, log-loss."""
    rows = first.probabilities, second.probabilities
    clustered = delong.compare_aucs(*rows, first.outcomes, sites=first.sites)
    within = random_effects.differences_over_sites(first.mean, second.mean, first.outcomes, first.sites)
    found: dict[str, object] = {
        "low_by_site": clustered.estimate.low if clustered else None,
        "high_by_site": clustered.estimate.high if clustered else None,
        "within_sites": within.mean.estimate.value if within else None,
        "within_sites_low": within.mean.estimate.low if within else None,
        "within_sites_high": within.mean.estimate.high if within else None,
    }
    for name, figure in (("brier", weighted.brier), ("log_loss", weighted.log_loss)):
        lost = paired.paired(
            figure,
            *rows,
            first.outcomes,
            resampling=ByPatient(first.outcomes),
            generator=stream,
            resamples=RESAMPLES,
        )
        found |= {
            name: lost.contrast.estimate.value if lost else None,
            f"{name}_low": lost.contrast.estimate.low if lost else None,
            f"{name}_high": lost.contrast.estimate.high if lost else None,
        }
    return found


def _power(sample: power.SampleAtHand) -> dict[str, object]:
    return {
        "positives": sample.positives,
        "negatives": sample.negatives,
        "auc_of_second": sample.area,
        "correlation": sample.correlation,
        "half_width": sample.half_width,
        "detectable": sample.detectable,
        "margin_showable": sample.margin,
        "sentence": sample.sentence(),
    }
