"""What may be wrong: images missing or outcomes wrong at some hospitals, or images that are other patients'."""

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
    if variant.shuffled_images:
        dataset = _shuffled(dataset, assignment, seed=seed)
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


def _shuffled(dataset: Dataset, assignment: Mapping[str, Collection[str]], *, seed: int) -> Dataset:
    """Return the data set with the images of each hospital dealt anew among its patients who have some.

    Within a hospital, so that scanners stay where they are: what a model could learn from them, it still can.
    """
    images = dict(dataset.images)
    for site, patients in sorted(assignment.items()):
        imaged = sorted(patient for patient in patients if patient in dataset.images)
        dealt = numpy_stream(seed, "study", "shuffled images", site).permutation(len(imaged))
        images |= {
            patient: dataset.images[imaged[place]] for patient, place in zip(imaged, dealt, strict=True)
        }
    return dataclasses.replace(dataset, images=images)
