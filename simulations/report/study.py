"""What the page of a study says: which method is better, by how much, and what these patients could show at all."""

from __future__ import annotations

from pathlib import Path

from fedchemo.simulations.report import study_course, study_figures
from fedchemo.simulations.report.content import Measure, Page, Section
from fedchemo.simulations.report.figure import Table
from fedchemo.simulations.report.run import ELSEWHERE, NO_DEVICE
from fedchemo.simulations.report.study_figures import named
from fedchemo.simulations.report.study_files import (
    ABOUT,
    Row,
    StudyFiles,
    condition,
    interval,
    read_study_folder,
)
from fedchemo.simulations.report.words import count, interval_words, listed, ranking

SIGNIFICANT = 0.05
"""After Holm's correction over all comparisons of the study."""


def study_page(folder: Path) -> Page:
    """Return the page of a study folder.

    Raises:
        FedchemoError: FC002, FC301, FC780 as `read_study_folder`.
    """
    files = read_study_folder(folder)
    study = files.study
    first = study.strategy[0].title
    areas = {
        str(row["method"]): area
        for row in files.first("estimates")
        if row["figure"] == "auc" and (area := interval(row))
    }
    colours = study_figures.roles(files)
    return Page(
        kind="Report of a study",
        name=study.name,
        question=study.question
        or f"Which method is best: {listed([each.title for each in study.strategy])}?",
        state="good" if first in areas else "warn",
        verdict=_verdict(files),
        answer=_answer(files),
        limits=_limits(files),
        tiles=_tiles(files),
        ruler=tuple(
            Measure(named(method), areas[method], colours[method])
            for method in (first, "local", "pooled", study_figures.CLINICAL)
            if method in areas
        ),
        sections=_sections(files),
        footer=f"Study {study.name}, seeds {', '.join(map(str, study.seeds))}.",
    )


def _against(files: StudyFiles) -> list[Row]:
    """Return the comparisons of the first strategy with its references, under the first condition."""
    first = files.study.strategy[0].title
    return [
        row
        for row in files.first("comparisons")
        if str(row["first"]) == first and str(row["second"]) in study_figures.WORDS
    ]


def _verdict(files: StudyFiles) -> str:
    first = files.study.strategy[0].title
    told = [f"{_word(row)} {named(str(row['second']))}" for row in _against(files)]
    if not told:
        return f"These patients cannot tell how {first} compares."
    return f"Training together ({first}) is {listed(told)}."


def _word(row: Row) -> str:
    """Return a comparison in a few words; the margin decides what matters."""
    apart = interval(row)
    within = float(row.get("p_equivalence", 1)) < SIGNIFICANT
    real = apart is not None and apart.excludes(0) and float(row.get("p_holm", 1)) < SIGNIFICANT
    if real and apart:
        return f"{'better' if apart.value > 0 else 'worse'}{', by less than would matter,' if within else ''} than"
    if within:
        return "as good as"
    if float(row.get("p_not_worse", 1)) < SIGNIFICANT:
        return "not worse than"
    return "not shown to be better or worse than"


def _answer(files: StudyFiles) -> tuple[str, ...]:
    first = files.study.strategy[0].title
    said = [
        f"On {count(int(row['n']), 'test patient')}: {_lower(ranking(area))}"
        for row in files.first("estimates")
        if row["figure"] == "auc" and str(row["method"]) == first and (area := interval(row))
    ]
    said += [
        f"AUC less that of {named(str(row['second']))}: {interval_words(apart, digits=3, signed=True)}, on the same "
        "patients."
        for row in _against(files)
        if (apart := interval(row))
    ]
    said.append(
        f"A difference of {files.study.margin:g} in AUC was said to matter before the figures were seen. “As good as” "
        "means shown to be nearer than that; “not worse than”, shown not to be worse by that much."
    )
    if where := study_figures.title(files.conditions[0], files):
        said.append(f"This is under the first of {len(files.conditions)} conditions: {where}.")
    return tuple(said)


def _lower(sentence: str) -> str:
    return sentence[0].lower() + sentence[1:]


def _limits(files: StudyFiles) -> tuple[str, ...]:
    study = files.study
    said = ["It was a simulation: the hospitals were folders on one machine."]
    if study.data.dataset == "synthetic":
        said.insert(0, "No real patient is in it: the cohort is synthetic.")
    if study.judged != "leave-one-site-out":
        said.append(ELSEWHERE)
    said.append(NO_DEVICE)
    if len(study.seeds) < 3:
        said.append(
            f"How much a training differs from the next: only {count(len(study.seeds), 'seed')} was tried."
        )
    said.append("Other hospitals than these: intervals are over patients and seeds, not over hospitals.")
    return tuple(said)


def _tiles(files: StudyFiles) -> tuple[tuple[str, str], ...]:
    study = files.study
    patients = max((int(row["n"]) for row in files.first("estimates") if row["figure"] == "auc"), default=0)
    hospitals = {str(row["group"]) for row in files.first("subgroups") if row["grouping"] == "site"}
    judged = {
        "holdout": "test patients, held out",
        "folds": f"test patients, each once in {study.folds} folds",
        "leave-one-site-out": "test patients, each at a hospital left out",
    }[study.judged]
    return (
        (f"{patients:,}", judged),
        (str(len(hospitals)) if hospitals else "–", "hospitals"),
        (
            str(len(study.strategy)),
            f"strategies, beside {listed([named(each) for each in study.references])}",
        ),
        (str(len(files.conditions)), "conditions" if len(files.conditions) != 1 else "condition"),
        (str(len(study.seeds)), "seeds of training"),
    )


def _sections(files: StudyFiles) -> tuple[Section, ...]:
    curves = study_figures.curves(files)
    by_method = [study_figures.by_method(files), study_figures.differences(files)]
    missing = (
        () if len(curves) == 3 else ("ROC curve, calibration or decision curve: not in this study's folder.",)
    )
    crossed, private = study_figures.cross_site(files), study_figures.privacy(files)
    gaps = files.rows("gaps")
    groups = study_figures.by_group(files)
    found = [
        Section("methods", "Which method is better", (), tuple(each for each in by_method if each)),
        Section("curves", "How good the predictions are", missing, tuple(curves)),
        Section(
            "hospitals",
            "At which hospital",
            ()
            if crossed
            else ("Each hospital's own model at each other: not asked for (`cross_site = true`).",),
            tuple(each for each in (study_figures.by_hospital(files), crossed) if each),
        ),
        Section(
            "groups",
            "For whom",
            () if groups else ("No subgroup has enough patients of a class.",),
            (groups,) if groups else (),
            (_plain(gaps, "Gaps between the best and the worst group"),) if gaps else (),
        ),
        Section(
            "privacy",
            "Privacy against utility",
            () if private else ("Not measured: every run of this study has the same privacy settings.",),
            (private,) if private else (),
        ),
        *_course(files),
        Section("findings", "Every finding in words", files.findings or ("None is in this study's folder.",)),
        Section("made", "How it was made", (), (), (_settings(files),)),
    ]
    return tuple(found)


def _course(files: StudyFiles) -> tuple[Section, ...]:
    """Return how the runs went; a study of an earlier release kept none of it."""
    converged, left, spent = (
        study_course.convergence(files),
        study_course.traffic(files),
        study_course.cost(files),
    )
    shown = [
        Section(
            "convergence",
            "How it was trained",
            () if converged else ("Not known: too few validation patients at every hospital, or not kept.",),
            (converged,) if converged else (),
        ),
        Section("left", "What left each hospital", study_course.left_words(files), (left,) if left else ()),
        Section("cost", "What it cost", study_course.cost_words(files), (), (spent,) if spent else ()),
    ]
    if probes := study_course.probes(files):
        shown.insert(0, Section("probes", "Does it look at the tumour, or at the hospital", (), (probes,)))
    return tuple(shown)


def _plain(rows: list[Row], caption: str) -> Table:
    """Return a table as it is in its file, numbers rounded."""

    def told(value: object) -> str:
        return f"{value:.3g}" if isinstance(value, float) else str(value)

    kept = [row for row in rows if condition(row) == condition(rows[0])]
    names = tuple(str(name) for name in rows[0] if name not in {*ABOUT, "how"})
    titles = tuple(name.replace("_", " ") for name in names)
    return Table(titles, tuple(tuple(told(row[name]) for name in names) for row in kept), caption)


def _settings(files: StudyFiles) -> Table:
    study = files.study
    data = study.data
    rows = [
        ("data", data.dataset if data.dataset != "synthetic" else f"synthetic, {data.patients} patients"),
        ("hospitals", listed([each.label for each in study.partition])),
        ("strategies", listed([each.title for each in study.strategy])),
        ("references", listed([named(each) for each in study.references]) or "none"),
        ("variants", listed([each.name for each in study.variant])),
        ("judged", study.judged),
        ("margin", f"{study.margin:g} in AUC"),
        ("settings of every run", ", ".join(_flat(study.run)) or "as by default"),
    ]
    return Table(("setting", "value"), tuple(rows), "Settings")


def _flat(settings: dict[str, object], above: str = "") -> list[str]:
    """Return nested settings as ``a.b = 1``."""
    found = []
    for name, value in settings.items():
        key = f"{above}{name}"
        found += _flat(value, f"{key}.") if isinstance(value, dict) else [f"{key} = {value}"]
    return found
