"""From predictions to figures: how good each method is, which differ, by how much, and for whom.

Every figure of a method is over its test patients, several seeds being a factor; every comparison is on the patients
that both methods predict. Under ``leave-one-site-out`` and ``folds`` the patients were judged by different models,
each trained without them, and stand in one ranking.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from fedchemo.shared.randomness import numpy_stream
from fedchemo.simulations.statistics.paired import mean_auc
from fedchemo.simulations.studies.by_histogram import by_histogram
from fedchemo.simulations.studies.cells import CLINICAL, cells, cross_site
from fedchemo.simulations.studies.comparing import EVERYBODY, comparisons
from fedchemo.simulations.studies.course import tables
from fedchemo.simulations.studies.curves import curves
from fedchemo.simulations.studies.figures import by_seed, differences_between_sites, figures, row
from fedchemo.simulations.studies.groups import by_group, gaps
from fedchemo.simulations.studies.probes import probes_in_words
from fedchemo.simulations.studies.settings import Study

CURVES = ("roc", "precision_recall", "calibration_curve", "decision_curve")


@dataclass(frozen=True)
class Tables:
    """What a study says; each table becomes a file of its name (`fedchemo.simulations.studies.tables`).

    Attributes:
        estimates: a row a condition, method and figure.
        comparisons: a row a pair: difference of AUC, interval, p, Holm's p, and the verdict against the margin.
        subgroups: the first strategy's figures by subtype, age, menopause, vendor and site.
        sentences: verdicts and power in words.
        sites: a row a condition and method: random-effects mean over sites, and how far sites differ.
        seeds: the AUC with each seed.
        gaps: how far the best and the worst group of the first strategy are apart, beside what chance makes.
        power: what these patients could show, a row a comparison.
        curves: ROC, precision and recall, calibration, decision curve.
        histograms: the AUC that summed histograms tell, beside that of the predictions.
        cross_site: AUC of each hospital's own model at each other; empty unless asked for.
        probes: what the models' image embeddings give away of site and vendor; empty unless images are used.
        course: convergence, what left each hospital, what it cost.
    """

    estimates: pd.DataFrame
    comparisons: pd.DataFrame
    subgroups: pd.DataFrame
    sentences: tuple[str, ...]
    sites: pd.DataFrame
    seeds: pd.DataFrame
    gaps: pd.DataFrame
    power: pd.DataFrame
    curves: dict[str, pd.DataFrame]
    histograms: pd.DataFrame
    cross_site: pd.DataFrame
    probes: pd.DataFrame = field(default_factory=pd.DataFrame)
    course: dict[str, pd.DataFrame] = field(default_factory=dict)

    @property
    def files(self) -> dict[str, pd.DataFrame]:
        """Every table that has a row, by the name of its file."""
        names = (
            "estimates",
            "comparisons",
            "subgroups",
            "sites",
            "seeds",
            "gaps",
            "power",
            "histograms",
            "cross_site",
            "probes",
        )
        found = {name: getattr(self, name) for name in names} | self.curves | self.course
        return {name: table for name, table in found.items() if len(table)}


def analyse(
    study: Study,
    predictions: pd.DataFrame,
    patients: pd.DataFrame,
    beside: Mapping[str, pd.DataFrame] | None = None,
) -> Tables:
    """Return the tables of a study.

    Args:
        study: the study.
        predictions: as `fedchemo.simulations.studies.run.run_study` gathers them.
        patients: clinical frame with ``site``, ``vendor`` and ``imaged``.
        beside: as `fedchemo.simulations.studies.run.run_study` gathers it.

    Raises:
        FedchemoError: FC801, FC802 if a model returned something that is no probability.
    """
    # Seen by a study's figures alone: what runs draw has streams of its own.
    stream = numpy_stream(study.data.seed, "study", "statistics")
    found = cells(study, predictions)
    estimates, sites, seeds, groups, apart, binned = [], [], [], [], [], []
    drawn: dict[str, list[pd.DataFrame]] = {name: [] for name in CURVES}
    first = study.strategy[0].title
    for cell in found:
        for name, matrix in cell.methods.items():
            about = {**cell.about, "method": name}
            estimates += [
                {**about, "figure": figure, **row(each)} for figure, each in figures(matrix, stream)
            ]
            seeds += [{**about, **each} for each in by_seed(matrix)]
            if (differ := differences_between_sites(matrix)) is not None:
                sites.append({**about, **differ})
            if matrix.complete:
                binned += [{**about, **each} for each in by_histogram(matrix)]
                for curve, table in curves(matrix, stream).items():
                    drawn[curve].append(pd.DataFrame({**about}, index=table.index).join(table))
        if first in cell.methods:
            groups += [{**cell.about, **each} for each in by_group(cell.methods[first], patients)]
            apart += [{**cell.about, **each} for each in gaps(cell.methods[first], patients, stream)]
    imaged = patients.index[patients["imaged"].to_numpy(dtype=bool)]
    probes = pd.DataFrame() if beside is None else beside["probes"]
    compared, powers = comparisons(study, found, imaged, stream)
    return Tables(
        pd.DataFrame(estimates),
        compared,
        pd.DataFrame(groups),
        (*_sentences(compared, powers, first), *probes_in_words(probes)),
        pd.DataFrame(sites),
        pd.DataFrame(seeds),
        pd.DataFrame(apart),
        powers,
        {name: pd.concat(tables, ignore_index=True) for name, tables in drawn.items() if tables},
        pd.DataFrame(binned),
        _cross_site(predictions) if study.cross_site else pd.DataFrame(),
        probes,
        {} if beside is None else tables(beside),
    )


def _sentences(compared: pd.DataFrame, powers: pd.DataFrame, first: str) -> tuple[str, ...]:
    """Return every verdict, then what the patients could show about the first strategy and the pooled model."""
    verdicts = [f"{_where(each)}: {each['verdict']}" for each in compared.to_dict("records")]
    asked = [
        f"{_where(each)}: {each['sentence']}"
        for each in powers.to_dict("records")
        if each["first"] == first and each["second"] in {"pooled", CLINICAL}
    ]
    return tuple(verdicts + list(dict.fromkeys(asked)))


def _where(about: dict[Hashable, Any]) -> str:
    among = "" if about["among"] == EVERYBODY else f", patients {about['among']}"
    return f"{about['partition']}, {about['variant']}, {about['privacy']}{among}"


def _cross_site(predictions: pd.DataFrame) -> pd.DataFrame:
    """Return the AUC of each hospital's own model at each hospital, over seeds."""
    rows = []
    for (variant, where, trained_at, site), matrix in cross_site(predictions).items():
        area = mean_auc(matrix.probabilities, matrix.outcomes)
        if area is not None:
            about = {"variant": variant, "partition": where, "trained_at": trained_at, "site": site}
            rows.append({**about, **row(area.estimate)})
    return pd.DataFrame(rows)
