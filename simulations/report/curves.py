"""ROC curve, calibration and decision curve of predictions, with bands.

Predictions are either patients' own or, of a networked run, the sites' summed histograms with each score at the
centre of its bin: then the ROC curve has a point a bin, calibration is as fine as the bins, and the decision curve is
exact, since it is drawn at their edges.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fedchemo.shared.metrics.histogram import BINS, CalibrationRow, ScoreHistogram
from fedchemo.shared.metrics.scores import Labels, Vector
from fedchemo.simulations.report.figure import Axis, Dots, Figure, Line, Role, Table
from fedchemo.simulations.report.words import number
from fedchemo.simulations.statistics.calibration import smooth_curve
from fedchemo.simulations.statistics.decision_curve import decision_curve
from fedchemo.simulations.statistics.roc import roc_with_band

THRESHOLDS = tuple(step / BINS for step in range(2, 31))
"""pCR is reached by a third: nobody would act on a chance far above a half. All are edges of bins."""
POINTS = 101
"""Of the ROC curve."""
SHOWN = (0.1, 0.2, 0.3, 0.4, 0.5)
"""The rows of the tables."""


@dataclass(frozen=True, eq=False)
class Sample:
    """One model's predictions of test patients: probabilities (n,) and outcomes (n,)."""

    name: str
    role: Role
    probabilities: Vector
    outcomes: Labels

    @classmethod
    def of_histogram(cls, name: str, role: Role, counts: ScoreHistogram) -> Sample:
        """Return patients at the centres of their bins."""
        scores = [np.repeat(counts.centres, each) for each in (counts.positives, counts.negatives)]
        outcomes = np.repeat([True, False], [len(each) for each in scores])
        return cls(name, role, np.concatenate(scores), outcomes)


def curves(samples: Sequence[Sample], generator: np.random.Generator, *, note: str) -> list[Figure]:
    """Return the three figures; what the patients cannot tell is left out.

    Args:
        samples: the models; the first has the bands.
        generator: a derived stream for the bands.
        note: who the patients are, at the end of each caption.
    """
    found = (make(samples, generator, note) for make in (_roc, _calibration, _decision))
    return [figure for figure in found if figure is not None]


def _roc(samples: Sequence[Sample], generator: np.random.Generator, note: str) -> Figure | None:
    from sklearn.metrics import roc_curve

    marks: list[Line] = [Line("chance", (0, 1), (0, 1), role="reference", dashed=True, thin=True)]
    columns, cells = [], []
    for place, sample in enumerate(samples):
        curve = roc_with_band(sample.probabilities, sample.outcomes, generator=generator, points=POINTS)
        if curve is None:
            return None
        # Every step of the curve, since the points of the band pass over some.
        alarms, hits, _ = roc_curve(sample.outcomes, sample.probabilities)
        edges = [
            np.interp(alarms, curve.false_positive_rates, edge).tolist() for edge in (curve.low, curve.high)
        ]
        marks.append(
            Line(sample.name, alarms.tolist(), hits.tolist(), sample.role, *(edges if place == 0 else ()))
        )
        columns.append(f"{sample.name}: sensitivity")
        rates = curve.false_positive_rates
        told = (np.interp(SHOWN, rates, each) for each in (curve.true_positive_rates, curve.low, curve.high))
        cells.append([_band(*each) for each in zip(*told, strict=True)])
    return Figure(
        key="roc",
        title="How well it ranks: ROC curve",
        x=Axis("without pCR, but taken to reach it", (0, 1), percent=True),
        y=Axis("with pCR, and found", (0, 1), percent=True),
        marks=tuple(marks),
        caption="The further up and left, the better; the dashed line is a coin toss. The band holds 95 % of what "
        f"other patients of this kind would give, at each place by itself. {note}",
        description=f"ROC curves of {_names(samples)}.",
        table=_by_threshold("false positives", columns, cells),
        square=True,
    )


def _calibration(samples: Sequence[Sample], generator: np.random.Generator, note: str) -> Figure | None:  # noqa: ARG001
    marks: list[Line | Dots] = [
        Line("perfect", (0, 1), (0, 1), role="reference", dashed=True, thin=True),
    ]
    first = samples[0]
    rows: tuple[CalibrationRow, ...] = ScoreHistogram.from_scores(
        first.probabilities, first.outcomes
    ).calibration_table()
    if not rows:
        return None
    for place, sample in enumerate(samples):
        curve = smooth_curve(sample.probabilities, sample.outcomes)
        if curve is None:
            continue
        band = (curve.low.tolist(), curve.high.tolist()) if place == 0 else ((), ())
        marks.append(Line(sample.name, curve.predicted.tolist(), curve.observed.tolist(), sample.role, *band))
    marks.append(
        Dots(
            f"{first.name}, groups of patients",
            [row.predicted for row in rows],
            [row.observed.value for row in rows],
            [row.observed.low for row in rows],
            [row.observed.high for row in rows],
            first.role,
            along="y",
            hollow=True,
            words=tuple(f"{row.positives} of {row.patients} patients reached pCR" for row in rows),
        )
    )
    return Figure(
        key="calibration",
        title="Can the percentage be believed: calibration",
        x=Axis("predicted chance of pCR", (0, 1), percent=True),
        y=Axis("patients who reached pCR", (0, 1), percent=True),
        marks=tuple(marks),
        caption="On the dashed line, of patients given 30 % three in ten reach pCR; below it the model promises too "
        f"much. The line is a smooth fit with its 95 % band; rings are groups, with their intervals. {note}",
        description=f"Observed share of pCR against the predicted chance, for {_names(samples)}.",
        table=Table(
            ("predicted", "mean prediction", "patients", "with pCR", "observed [95 %]"),
            tuple(
                (
                    f"{row.low:.0%} to {row.high:.0%}",
                    f"{row.predicted:.1%}",
                    str(row.patients),
                    str(row.positives),
                    _band(row.observed.value, row.observed.low, row.observed.high),
                )
                for row in rows
            ),
        ),
        square=True,
    )


def _decision(samples: Sequence[Sample], generator: np.random.Generator, note: str) -> Figure | None:
    marks: list[Line] = []
    columns, cells = [], []
    everyone: Vector | None = None
    for place, sample in enumerate(samples):
        curve = decision_curve(
            sample.probabilities,
            sample.outcomes,
            thresholds=THRESHOLDS,
            generator=generator if place == 0 else None,
        )
        if curve is None or not 0 < sample.outcomes.sum() < len(sample.outcomes):
            return None
        band = () if curve.low is None or curve.high is None else (curve.low.tolist(), curve.high.tolist())
        marks.append(Line(sample.name, THRESHOLDS, curve.model.tolist(), sample.role, *band))
        columns.append(f"{sample.name}: net benefit")
        told = [number(value, digits=3) for value in curve.model]
        if curve.low is not None and curve.high is not None:
            told = [
                f"{value} [{number(low, digits=3)}, {number(high, digits=3)}]"
                for value, low, high in zip(told, curve.low, curve.high, strict=True)
            ]
        cells.append([told[THRESHOLDS.index(shown)] for shown in SHOWN])
        everyone = curve.everyone if everyone is None else everyone
    assert everyone is not None
    marks.append(Line("act on everyone", THRESHOLDS, everyone.tolist(), "muted", dashed=True, thin=True))
    marks.append(
        Line("act on no one", (THRESHOLDS[0], THRESHOLDS[-1]), (0, 0), "reference", dashed=True, thin=True)
    )
    columns.append("act on everyone")
    cells.append([number(everyone[THRESHOLDS.index(shown)], digits=3) for shown in SHOWN])
    top = max(max(mark.high or mark.y) for mark in marks)
    return Figure(
        key="decision",
        title="Would acting on it help: decision curve",
        x=Axis("chance of pCR from which one would act", (THRESHOLDS[0], THRESHOLDS[-1]), percent=True),
        y=Axis("net benefit", (-0.1, top * 1.08)),
        marks=tuple(marks),
        caption="Patients rightly acted on, less those wrongly, weighed by the odds at which one would act "
        "(Vickers & Elkin 2006). A model is of use where its line is the highest. It says nothing about what the act "
        f"does. {note}",
        description=f"Net benefit by threshold for {_names(samples)}, for acting on everyone and on no one.",
        table=_by_threshold("act from", columns, cells),
        wide=True,
    )


def _by_threshold(first: str, columns: Sequence[str], cells: Sequence[Sequence[str]]) -> Table:
    return Table(
        (first, *columns),
        tuple((f"{shown:.0%}", *row) for shown, row in zip(SHOWN, zip(*cells, strict=True), strict=True)),
    )


def _band(value: float, low: float, high: float) -> str:
    return f"{value:.0%} [{low:.0%}, {high:.0%}]"


def _names(samples: Sequence[Sample]) -> str:
    return ", ".join(sample.name for sample in samples)
