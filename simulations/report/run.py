"""What the page of a run says: the answer and its uncertainty first, then what it rests on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fedchemo.server.account import Account, read_account
from fedchemo.server.summary import POOLED, Figures, Rows
from fedchemo.shared.catalogue import CATALOGUE
from fedchemo.shared.metrics.auc import paired_difference
from fedchemo.shared.metrics.interval import Interval
from fedchemo.shared.metrics.summary import merge
from fedchemo.shared.randomness import numpy_stream
from fedchemo.simulations.predictions import read_predictions
from fedchemo.simulations.report import run_figures
from fedchemo.simulations.report.content import Measure, Page, Section, State
from fedchemo.simulations.report.curves import Sample, curves
from fedchemo.simulations.report.figure import Table
from fedchemo.simulations.report.words import (
    contrast,
    count,
    listed,
    ranking,
    size_words,
    time_words,
    verdict,
)

CLINICAL = "the clinical variables alone"
ELSEWHERE = (
    "Nothing about another hospital: test patients come from the hospitals that trained. A study that leaves one "
    "hospital out answers that."
)
NO_DEVICE = (
    "Nothing about what happens if treatment follows the model: it looks back, and it is for research, not a "
    "medical device."
)
FEW_EVENTS = 100
"""With fewer patients of a class, calibration can hardly be judged (Collins et al., Stat Med 35:214, 2016)."""


@dataclass(frozen=True)
class Judged:
    """A run's figures on test patients, from predictions or from histograms.

    Attributes:
        rows: as the summary has them: ``model`` and ``baseline`` -> site -> figures.
        samples: for curves; empty where nothing was scored.
        difference: AUC of the model less that of the baseline; None from histograms.
        exact: whether predictions are behind it.
    """

    rows: Mapping[str, Rows]
    samples: tuple[Sample, ...]
    difference: Interval | None
    exact: bool

    @property
    def over_all(self) -> Figures | None:
        """The model over all hospitals."""
        return self.rows.get("model", {}).get(POOLED)


def run_page(path: Path) -> Page:
    """Return the page of a run folder.

    Raises:
        FedchemoError: FC404, FC301, FC780 as `read_account` and `read_predictions`.
    """
    account = read_account(path)
    judged = _judged(account)
    run = account.begun.configuration
    over_all = judged.over_all
    area = over_all.auc if over_all else None
    return Page(
        kind="Report of a simulated run" if account.simulated else "Report of a run",
        name=run.name,
        question="Before treatment, can the model tell which breast tumours will vanish?",
        state=_state(account, area),
        verdict=_verdict(account, area, judged),
        answer=_answer(account, judged),
        limits=_limits(account, judged),
        tiles=_tiles(account, over_all),
        ruler=tuple(
            Measure(words, interval, role)
            for name, words, role in run_figures.MODELS
            if (figures := judged.rows.get(name, {}).get(POOLED)) and (interval := figures.auc)
        ),
        sections=_sections(account, judged),
        footer=f"Run {run.name}, seed {run.site.seed}, fingerprint {account.begun.fingerprint[:16]}.",
    )


def _judged(account: Account) -> Judged:
    told = (account.summary or {}).get("test", {})
    rows = {
        str(model): {str(site): _figures(each) for site, each in sites.items()}
        for model, sites in told.items()
    }
    predictions = read_predictions(account.path) if account.summary else None
    if predictions is not None:
        outcomes = predictions["outcome"].to_numpy(dtype=np.bool_)
        samples = tuple(
            Sample(words, role, predictions[name].to_numpy(dtype=np.float64), outcomes)
            for name, words, role in run_figures.MODELS
            if name in predictions
        )
        model, baseline = (predictions[name].to_numpy(dtype=np.float64) for name in ("model", "baseline"))
        return Judged(
            rows, samples if len(outcomes) else (), paired_difference(model, baseline, outcomes), True
        )
    samples = tuple(
        Sample.of_histogram(words, role, pooled.histogram)
        for name, words, role in run_figures.MODELS
        if (pooled := merge(account.scores.get(name, {}).values()))
    )
    return Judged(rows, samples, None, exact=False)


def _figures(told: Mapping[str, Any]) -> Figures:
    area, loss = (Interval(**told[name]) if told[name] else None for name in ("auc", "log_loss"))
    return Figures(told["patients"], told["positives"], area, loss)


def _state(account: Account, area: Interval | None) -> State:
    if account.outcome != "completed":
        return "bad"
    return "good" if area else "warn"


def _verdict(account: Account, area: Interval | None, judged: Judged) -> str:
    if account.summary is None:
        ended = {"failed": "failed", "stopped": "was stopped"}.get(account.outcome, "has not ended")
        return f"The run {ended}: there is no model to judge."
    return verdict(area, judged.difference, against=CLINICAL)


def _answer(account: Account, judged: Judged) -> tuple[str, ...]:
    said = [_who(account)]
    if account.summary is None:
        done = max((each.round for each in account.rounds), default=0)
        code = account.failure
        why = f" {code}: {CATALOGUE[code].title}. {CATALOGUE[code].remedy}" if code in CATALOGUE else ""
        said.append(f"{done} of {account.begun.configuration.rounds} rounds were done.{why}")
        return tuple(said)
    over_all = judged.over_all
    if over_all is None or over_all.auc is None:
        said.append(
            "No hospital sent scores of test patients, since its policy does not let them out or too few patients "
            "stand behind them. A hospital can judge the model on its own patients with `fedchemo evaluate`."
        )
        return tuple(said)
    said.append(
        f"It was judged on {count(over_all.patients, 'patient')} whom it had not seen, {over_all.positives} of them "
        f"with pCR. {ranking(over_all.auc)}"
    )
    if not account.begun.configuration.site.imaging.enabled:
        said.append(
            "No images were used: the model and what it is compared with see the same clinical variables."
        )
    baseline = judged.rows.get("baseline", {}).get(POOLED)
    if judged.difference:
        said.append(contrast(judged.difference, against=CLINICAL))
    elif baseline and baseline.auc:
        said.append(
            f"The AUC of {CLINICAL} is {baseline.auc.value:.2f}, {baseline.auc.low:.2f} to {baseline.auc.high:.2f}. "
            "How sure the difference is cannot be told from histograms, which is all that leaves a hospital."
        )
    return tuple(said)


def _who(account: Account) -> str:
    trained = [site for site, told in account.sites.items() if told.role == "train"]
    patients = [account.sites[site].training for site in trained]
    known = sum(each or 0 for each in patients)
    more = "at least " if None in patients else ""
    kind = "virtual hospitals" if account.simulated else "hospitals"
    of = f" (data set: {listed(account.datasets)})" if account.datasets else ""
    others = len(account.sites) - len(trained)
    judged = f"; {others} more judged it" if others else ""
    if not account.sites:
        return "No hospital had answered."
    return (
        f"{count(len(trained), kind[:-1], kind).capitalize()} trained one model on {more}{known} patients{of}, "
        f"none of whose data left its hospital{judged}."
    )


def _limits(account: Account, judged: Judged) -> tuple[str, ...]:
    said = [ELSEWHERE, NO_DEVICE]
    if "synthetic" in account.datasets:
        said.insert(0, "No real patient is in it: the cohort is synthetic.")
    elif account.simulated:
        said.insert(0, "It was a simulation: the hospitals were folders on one machine.")
    over_all = judged.over_all
    if over_all and min(over_all.positives, over_all.patients - over_all.positives) < FEW_EVENTS:
        said.append(
            f"Fewer than {FEW_EVENTS} test patients of a class: subgroups and calibration can hardly be judged."
        )
    missing = [site for site in account.sites if site not in judged.rows.get("model", {})]
    if over_all and missing:
        counted = "count only in the figure over all" if judged.exact else "are not in it"
        said.append(
            f"{count(len(missing), 'hospital')} with too few test patients of a class {counted}: {listed(missing)}."
        )
    pooled = merge(account.scores.get("model", {}).values())
    if not judged.exact and pooled and (tied := pooled.histogram.tied_share()) is not None:
        said.append(
            f"The AUC comes from a histogram; from exact scores it may differ by up to {tied / 2:.3f}."
        )
    said += [f"It cannot be reproduced to the bit: {mark}." for mark in account.marks]
    return tuple(said)


def _tiles(account: Account, over_all: Figures | None) -> tuple[tuple[str, str], ...]:
    trained = [told for told in account.sites.values() if told.role == "train"]
    patients = sum(told.training or 0 for told in trained)
    found = [
        (
            str(len(account.sites)),
            "hospitals, all of which trained"
            if len(trained) == len(account.sites)
            else f"hospitals, {len(trained)} of which trained",
        ),
        (f"{patients:,}", "patients trained on"),
    ]
    if over_all:
        found.append((f"{over_all.patients:,}", f"test patients, {over_all.positives} with pCR"))
        if over_all.auc:
            area = over_all.auc
            found.append((f"{area.value:.2f}", f"AUC, 95 % interval {area.low:.2f} to {area.high:.2f}"))
    run = account.begun.configuration
    best = f", round {account.best} is the result" if account.best is not None else ""
    found.append((str(run.rounds), f"rounds of {run.strategy.name}{best}"))
    return tuple(found)


def _sections(account: Account, judged: Judged) -> tuple[Section, ...]:
    stream = numpy_stream(account.begun.configuration.site.seed, "report", "bands")
    note = "All test patients." if judged.exact else "Summed histograms of test patients."
    by_site = run_figures.by_hospital(judged.rows)
    told = curves(judged.samples, stream, note=note) if judged.samples else []
    convergence = [
        figure
        for figure in (
            run_figures.validation(account.rounds, account.best),
            run_figures.training(account.training_loss),
        )
        if figure
    ]
    return (
        Section(
            "performance",
            "How good it is",
            () if told else ("Not known: no hospital sent scores of enough test patients.",),
            tuple(figure for figure in (by_site, *told) if figure),
        ),
        Section(
            "convergence",
            "How it was trained",
            () if convergence else ("No round was scored.",),
            tuple(convergence),
        ),
        _left(account),
        Section(
            "not-measured",
            "What a single run cannot show",
            (
                "Privacy against utility: not measured. A run has one setting; a study with several compares them.",
                "Each hospital's model at each other: not measured. A study with `cross_site = true` does.",
            ),
        ),
        _cost(account),
        _part(account),
        _made(account),
    )


def _left(account: Account) -> Section:
    figure = run_figures.traffic(account.passages)
    sizes = [passage.size for passage in account.passages]
    if figure is None:
        words = "How many bytes left was not recorded." if sizes else "Nothing left a hospital."
    else:
        total = sum(size or 0 for size in sizes)
        words = (
            f"{size_words(total)} left {count(len({passage.site for passage in account.passages}), 'hospital')} in "
            f"{count(sum(passage.answers for passage in account.passages), 'answer')}: weights, sums and counts. No "
            "image, no row of a table and no identifier is in any of them."
        )
    return Section("left", "What left each hospital", (words,), (figure,) if figure else ())


def _cost(account: Account) -> Section:
    figure = run_figures.time(account)
    words = []
    if account.times:
        first, last = account.times
        words.append(
            f"It took {time_words((last - first).total_seconds())} from the first event to the last, of which the "
            f"hospitals trained {time_words(account.trained_seconds)} in all, side by side."
        )
        if account.resumed:
            words.append(
                f"It was interrupted and resumed {count(account.resumed, 'time')}; the break counts."
            )
    words.append("Energy was not measured.")
    return Section("cost", "What it cost", tuple(words), (figure,) if figure else ())


def _part(account: Account) -> Section:
    def told(number: int | None) -> str:
        return "too few" if number is None else str(number)

    rows = []
    for site, reply in account.sites.items():
        failures = ", ".join(f"{code} × {times}" for code, times in account.failures.get(site, {}).items())
        role = "trains" if reply.role == "train" else "judges only"
        counts = (told(each) for each in (reply.training, reply.validation, reply.test, reply.images))
        rows.append((site, role, *counts, failures or "none"))
    strangers = [site for site in account.failures if site not in account.sites]
    rows += [
        (
            site,
            "never came",
            "–",
            "–",
            "–",
            "–",
            ", ".join(f"{c} × {n}" for c, n in account.failures[site].items()),
        )
        for site in strangers
    ]
    columns = ("hospital", "role", "training", "validation", "test", "with images", "failures")
    caption = "Patients by hospital, as told by it; failures by code, see `fedchemo explain-error`"
    return Section(
        "hospitals", "Who took part", (), (), (Table(columns, tuple(rows), caption),) if rows else ()
    )


def _made(account: Account) -> Section:
    begun = account.begun
    run = begun.configuration
    training, imaging = run.site.training, run.site.imaging
    seen = (
        f"{', '.join(imaging.channels)} at {imaging.visit}, {imaging.grid} voxels of {imaging.spacing_mm:g} mm"
        if imaging.enabled
        else "none: clinical variables only"
    )
    rows = [
        ("purpose, in the coordinator's words", run.purpose or "not told"),
        ("strategy", run.strategy.name),
        ("rounds, seed", f"{run.rounds}, {run.site.seed}"),
        ("images", seen),
        (
            "training",
            f"{training.optimizer}, learning rate {training.learning_rate:g}, batches of {training.batch_size}, "
            + (
                f"{training.local_steps} steps"
                if training.local_steps
                else f"{training.local_epochs} local epochs"
            ),
        ),
        ("secure aggregation, differential privacy", "not in this release"),
        ("fingerprint of model, images and encoding", begun.fingerprint),
        ("versions", ", ".join(f"{name} {number}" for name, number in begun.versions.items())),
        ("reproducible to the bit", "no" if account.marks else "yes, on the same type of processor"),
    ]
    return Section("made", "How it was made", (), (), (Table(("setting", "value"), tuple(rows), "Settings"),))
