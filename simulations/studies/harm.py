"""What may be wrong at some hospitals: images that are missing, outcomes that are wrong."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping

from fedchemo.shared.randomness import numpy_stream
from fedchemo.shared.splits import Split
from fedchemo.simulations.datasets.contract import Dataset
from fedchemo.simulations.studies.settings import Variant


def harmed(
    dataset: Dataset,
    assignment: Mapping[str, Collection[str]],
    splits: Mapping[str, Split],
    variant: Variant,
    *,
    seed: int,
) -> Dataset:
    """Return the data set as a variant has it.

    Outcomes of test patients stay as they are: what is asked is how well the truth is predicted.

    Args:
        dataset: as it is.
        assignment: hospital -> patients.
        splits: patient -> split.
        variant: what is wrong, and at how many hospitals.
        seed: of the draws.
    """
    if not variant.harmed_sites:
        return dataset
    by_size = sorted(assignment, key=lambda site: (-len(assignment[site]), site))
    clinical, images = dataset.clinical.copy(), dict(dataset.images)
    for site in by_size[: variant.harmed_sites]:
        patients = sorted(assignment[site])
        imaged = [patient for patient in patients if patient in images]
        stream = numpy_stream(seed, "study", "missing images", site)
        for place in stream.permutation(len(imaged))[: round(variant.missing_images * len(imaged))]:
            del images[imaged[place]]
        taught = [patient for patient in patients if splits.get(patient) in {"train", "validation"}]
        stream = numpy_stream(seed, "study", "label noise", site)
        for place in stream.permutation(len(taught))[: round(variant.label_noise * len(taught))]:
            clinical.loc[taught[place], "pcr"] = 1 - clinical.loc[taught[place], "pcr"]
    return dataclasses.replace(dataset, clinical=clinical, images=images)
