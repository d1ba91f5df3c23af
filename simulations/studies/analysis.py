"""From predictions to figures: how good each method is, which differ, by how much, and for whom.

Every figure of a method is over its test patients, several seeds being a factor; every comparison is on the patients
that both methods predict. Under ``leave-one-site-out`` and ``folds`` the patients were judged by different models,
each trained without them, and stand in one ranking.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from fedchemo.shared.metrics.scores import Vector
from fedchemo.shared.randomness import numpy_stream
from fedchemo.simulations.statistics import calibration, delong, paired, power, random_effects, subgroups
from fedchemo.simulations.statistics.equivalence import against_margin
from fedchemo.simulations.statistics.estimate import Estimate
from fedchemo.simulations.statistics.multiplicity import holm
from fedchemo.simulations.studies.probes import probes_in_words
from fedchemo.simulations.studies.settings import Study

CLINICAL = "clinical"
"""The logistic model on clinical variables that the first strategy starts from, as a method of its own."""


@dataclass(frozen=True)
class Matrix:
    """One method's predictions: probabilities (seeds, n), outcomes (n,), sites (n,), patients (n,), sorted."""

    probabilities: Vector
    outcomes: Vector
    sites: np.ndarray[tuple[int], np.dtype[np.object_]]
    patients: pd.Index

    def at(self, patients: pd.Index) -> Matrix:
        """Return the same of some patients."""
        places = self.patients.get_indexer(patients)
        return Matrix(
            self.probabilities[:, places], self.outcomes[places], self.sites[places], self.patients[places]
        )


@dataclass(frozen=True)
class Tables:
    """What a study says.

    Attributes:
        estimates: a row a variant, partition, method and figure.
        comparisons: a row a pair: difference of AUC, interval, p, Holm's p, and the verdict against the margin.
        subgroups: the first strategy's figures by subtype, age, menopause, vendor and site.
        cross_site: AUC of each hospital's own model at each other; empty unless asked for.
        sentences: verdicts and power in words.
        probes: what the models' image embeddings give away of site and vendor; empty unless images are used.
    """

    estimates: pd.DataFrame
    comparisons: pd.DataFrame
    subgroups: pd.DataFrame
    cross_site: pd.DataFrame
    sentences: tuple[str, ...]
    probes: pd.DataFrame = field(default_factory=pd.DataFrame)


def analyse(
    study: Study, predictions: pd.DataFrame, patients: pd.DataFrame, probes: pd.DataFrame | None = None
) -> Tables:
    """Return the tables of a study.

    Args:
        study: the study.
        predictions: as `fedchemo.simulations.studies.run.run_study` gathers them.
        patients: clinical frame with ``site`` and ``vendor``.
        probes: as `fedchemo.simulations.studies.run.run_study` gathers them.

    Raises:
        FedchemoError: FC801, FC802 if a model returned something that is no probability.
    """
    # Seen by a study's figures alone: what runs draw has streams of its own.
    stream = numpy_stream(study.data.seed, "study", "statistics")
    estimates, groups, sentences = [], [], []
    compared: list[dict[str, object]] = []
    cells = {
        (variant.name, where.label): _matrices(study, predictions, variant.name, where.label)
        for variant in study.variant
        for where in study.partition
    }
    first = study.strategy[0].title
    for (variant, where), methods in cells.items():
        cell: dict[str, object] = {"variant": variant, "partition": where}
        for name, matrix in methods.items():
            estimates += [
                {**cell, "method": name, "figure": figure, **_row(estimate)}
                for figure, estimate in _figures(matrix, stream)
            ]
        for one, other in _pairs(study, methods):
            compared += [{**cell, **row} for row in _compared(study, methods, one, other)]
        if first in methods:
            groups += [{**cell, **row} for row in _by_group(methods[first], patients)]
            if (against := methods.get("pooled", methods.get(CLINICAL))) is not None:
                sentences += _power(methods[first], against, f"{where}, {variant}")
    compared += _between_variants(study, cells)
    if compared:
        # All comparisons of a study are one family: nobody knows which of them a reader will pick.
        corrected = holm([float(str(row["p"])) for row in compared])
        compared = [{**row, "p_holm": p} for row, p in zip(compared, corrected, strict=True)]
        sentences = [
            f"{row['partition']}, {row['variant']}: {row['verdict']}" for row in compared
        ] + sentences
    return Tables(
        pd.DataFrame(estimates),
        pd.DataFrame(compared),
        pd.DataFrame(groups),
        _cross_site(predictions) if study.cross_site else pd.DataFrame(),
        (*sentences, *probes_in_words(probes)),
        pd.DataFrame() if probes is None else probes,
    )


def _between_variants(
    study: Study, cells: dict[tuple[str, str], dict[str, Matrix]]
) -> list[dict[str, object]]:
    """Return the rows that compare the first strategy under each condition with itself under the first one."""
    first, rows = study.strategy[0].title, []
    for where in study.partition:
        base = cells[study.variant[0].name, where.label].get(first)
        for variant in study.variant[1:]:
            other = cells[variant.name, where.label].get(first)
            if base is not None and other is not None:
                both = {variant.name: other, study.variant[0].name: base}
                rows += [
                    {"variant": f"{first} under both", "partition": where.label, **row}
                    for row in _compared(study, both, *both)
                ]
    return rows


def _matrices(study: Study, predictions: pd.DataFrame, variant: str, where: str) -> dict[str, Matrix]:
    """Return the methods of a cell; ``local`` is each hospital's own model on its own patients."""
    cell = predictions[(predictions["variant"] == variant) & (predictions["partition"] == where)]
    cell = cell[(cell["trained_at"] == "") | (cell["trained_at"] == cell["site"])]
    found = {}
    for method, rows in cell.groupby("method", sort=False):
        found[str(method)] = _matrix(rows, "probability")
        if method == study.strategy[0].title:
            # The same with every seed, as nothing in it is drawn.
            found[CLINICAL] = _matrix(rows[rows["seed"] == study.seeds[0]], "clinical")
    return found


def _matrix(rows: pd.DataFrame, column: str) -> Matrix:
    wide = rows.pivot_table(index="patient", columns="seed", values=column, sort=True)
    about = rows.drop_duplicates("patient").set_index("patient").loc[wide.index]
    return Matrix(
        wide.to_numpy(dtype=np.float64).T,
        about["outcome"].to_numpy(dtype=np.float64),
        about["site"].to_numpy(dtype=object),
        wide.index,
    )


def _row(estimate: Estimate) -> dict[str, object]:
    """Return the estimate for a table in which ``method`` is the method that is judged."""
    found: dict[str, object] = dict(estimate.to_dict())
    how = found.pop("method")
    return {**found, "how": how}


def _figures(matrix: Matrix, stream: np.random.Generator) -> Iterator[tuple[str, Estimate]]:
    """Yield the figures of a method; calibration and sites from the mean prediction over seeds."""
    area = paired.mean_auc(matrix.probabilities, matrix.outcomes)
    if area is not None:
        yield "auc", area.estimate
    mean = matrix.probabilities.mean(axis=0)
    by_site = delong.clustered_auc(mean, matrix.outcomes, matrix.sites)
    if by_site is not None:
        yield "auc, clustered by site", by_site
    sites = random_effects.auc_over_sites(mean, matrix.outcomes, matrix.sites)
    for site, estimate in sites.sites.items():
        yield f"auc at {site}", estimate
    if sites.pooled is not None:
        yield "auc, mean over sites", sites.pooled.mean.estimate
        if sites.pooled.new_site is not None:
            yield (
                "auc, another site",
                Estimate(sites.pooled.new_site, sites.pooled.mean.estimate.n, "prediction interval"),
            )
    about = calibration.calibration(mean, matrix.outcomes, generator=stream, resamples=1000)
    for name, found in (
        ("calibration slope", about.slope),
        ("calibration intercept", about.intercept),
        ("calibration in the large", about.in_the_large),
        ("brier", about.brier),
        ("expected calibration error", about.expected_error),
    ):
        if found is not None:
            yield name, found


def _pairs(study: Study, methods: dict[str, Matrix]) -> list[tuple[str, str]]:
    """Return what is compared: the first strategy with the references, every other strategy with the first."""
    first, *others = [each.title for each in study.strategy]
    asked = [(first, name) for name in ("pooled", "local", CLINICAL)] + [(name, first) for name in others]
    return [pair for pair in asked if set(pair) <= set(methods)]


def _compared(study: Study, methods: dict[str, Matrix], one: str, other: str) -> Iterator[dict[str, object]]:
    """Yield the row of one comparison, if the patients can tell."""
    shared = methods[one].patients.intersection(methods[other].patients, sort=True)
    first, second = methods[one].at(shared), methods[other].at(shared)
    difference = paired.paired_auc(first.probabilities, second.probabilities, first.outcomes)
    if difference is None:
        return
    verdict = against_margin(difference.contrast, study.margin)
    clustered = delong.compare_aucs(
        first.probabilities, second.probabilities, first.outcomes, sites=first.sites
    )
    yield {
        "first": one,
        "second": other,
        **_row(difference.contrast.estimate),
        "p": difference.contrast.p,
        "seed_spread": difference.seed_spread,
        "low_by_site": clustered.estimate.low if clustered else None,
        "high_by_site": clustered.estimate.high if clustered else None,
        "margin": study.margin,
        "p_equivalence": verdict.p,
        "p_not_worse": verdict.p_not_worse,
        "verdict": verdict.sentence(one, other),
    }


def _power(first: Matrix, second: Matrix, where: str) -> list[str]:
    """Return in words what the patients of a cell can show."""
    shared = first.patients.intersection(second.patients, sort=True)
    one, other = first.at(shared), second.at(shared)
    sample = power.sample_at_hand(
        one.probabilities.mean(axis=0), other.probabilities.mean(axis=0), one.outcomes
    )
    return [] if sample is None else [f"{where}: {sample.sentence()}"]


def _by_group(matrix: Matrix, patients: pd.DataFrame) -> Iterator[dict[str, object]]:
    """Yield the rows of subgroup tables."""
    about = patients.loc[matrix.patients]
    groupings = {
        "subtype": subgroups.subtypes(about["hr"], about["her2"]),
        "age": subgroups.age_groups(about["age_years"]),
        "menopause": subgroups.categories(about["menopause"]),
        "vendor": subgroups.categories(about["vendor"]),
        "site": subgroups.categories(matrix.sites),
    }
    found = subgroups.tables(matrix.probabilities.mean(axis=0), matrix.outcomes, groupings)
    for grouping, rows in found.items():
        for row in rows:
            against = row.against_others
            yield {
                "grouping": grouping,
                "group": row.name,
                "n": row.patients,
                "positives": row.positives,
                "auc": row.auc.value if row.auc else None,
                "auc_low": row.auc.low if row.auc else None,
                "auc_high": row.auc.high if row.auc else None,
                "against_others": against.estimate.value if against else None,
                "against_others_low": against.estimate.low if against else None,
                "against_others_high": against.estimate.high if against else None,
                "observed": row.observed.value if row.observed else None,
                "predicted": row.predicted,
            }


def _cross_site(predictions: pd.DataFrame) -> pd.DataFrame:
    """Return the AUC of each hospital's own model at each hospital, over seeds."""
    rows = []
    local = predictions[predictions["trained_at"] != ""]
    for (variant, where, trained_at, site), part in local.groupby(
        ["variant", "partition", "trained_at", "site"]
    ):
        matrix = _matrix(part, "probability")
        area = paired.mean_auc(matrix.probabilities, matrix.outcomes)
        if area is not None:
            about = {"variant": variant, "partition": where, "trained_at": trained_at, "site": site}
            rows.append({**about, **_row(area.estimate)})
    return pd.DataFrame(rows)
