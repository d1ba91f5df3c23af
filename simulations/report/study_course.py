"""How a study's runs went: convergence by hospital, what left each, what each method cost, and the shortcut probes."""

from __future__ import annotations

from collections import defaultdict

from fedchemo.server.account import Passage, Scored
from fedchemo.shared.metrics.interval import Interval
from fedchemo.simulations.probes.beside import EMBEDDING
from fedchemo.simulations.report import run_figures
from fedchemo.simulations.report.figure import Figure, Table
from fedchemo.simulations.report.forest import Row as Bar
from fedchemo.simulations.report.forest import forest
from fedchemo.simulations.report.study_figures import first_condition, named
from fedchemo.simulations.report.study_files import Row, StudyFiles, interval
from fedchemo.simulations.report.words import cell, count, number, size_words, time_words
from fedchemo.simulations.studies.course import EVERYWHERE

MEAN = " Means over folds and seeds."
PROBE, CHANCE = "told apart", "by chance"


def convergence(files: StudyFiles) -> Figure | None:
    """Return the first strategy's validation log-loss by round, under the first condition."""
    by_round: dict[int, dict[str, float]] = defaultdict(dict)
    patients: dict[int, int] = {}
    for row in _of_first(files, "convergence"):
        by_round[int(row["round"])][str(row["site"])] = float(row["log_loss"])
        if row["site"] == EVERYWHERE:
            patients[int(row["round"])] = round(float(row["patients"]))
    scored = [
        Scored(at, patients[at], losses.pop(EVERYWHERE), dict(sorted(losses.items())))
        for at, losses in sorted(by_round.items())
        if at in patients
    ]
    return run_figures.validation(scored, None, note=f"{MEAN} {first_condition(files)}")


def traffic(files: StudyFiles) -> Figure | None:
    """Return what left each hospital in a run of the first strategy, under the first condition."""
    passages = [
        Passage(
            str(row["site"]), str(row["kind"]), round(float(row["answers"])), round(float(row["bytes"])), 0.0
        )
        for row in _of_first(files, "left")
        if row["bytes"] == row["bytes"]  # not NaN
    ]
    return run_figures.traffic(passages, note=f"{MEAN} {first_condition(files)}")


def left_words(files: StudyFiles) -> tuple[str, ...]:
    """Return how much left all hospitals in one run of the first strategy."""
    rows = _of_first(files, "left")
    if not rows:
        return ("Not kept.",)
    total = round(sum(float(row["bytes"]) for row in rows))
    hospitals, strategy = count(len({row["site"] for row in rows}), "hospital"), files.study.strategy[0].title
    said = (
        f"{size_words(total)} left {hospitals} in a run of {strategy}: weights, sums and counts. No image, no row of a "
        "table and no identifier is in any of them."
    )
    return (said,)


def cost(files: StudyFiles) -> Table | None:
    """Return the computing time of each method, under every condition."""
    rows = files.rows("cost")
    if not rows:
        return None
    found: dict[str, tuple[int, float]] = {}
    for row in rows:
        runs, seconds = found.get(str(row["method"]), (0, 0.0))
        found[str(row["method"])] = (runs + int(row["runs"]), seconds + float(row["cpu_seconds"]))
    return Table(
        ("method", "runs", "processor time of a run", "in all"),
        tuple(
            (named(method), str(runs), time_words(seconds / runs), time_words(seconds))
            for method, (runs, seconds) in found.items()
        ),
        "Processor time on the machine that ran the study",
    )


def cost_words(files: StudyFiles) -> tuple[str, ...]:
    """Return what the figures of cost leave out."""
    if not files.rows("cost"):
        return ("Not kept.", "Energy was not measured.")
    said = (
        f"A run of {named('local')} trains a model in every hospital. Preparing images, which is done once, is in the "
        "run that came first."
    )
    return (said, "Energy was not measured.")


def probes(files: StudyFiles) -> Figure | None:
    """Return how well each model's image embedding, and what went into it, tell hospitals and vendors apart."""
    asked: dict[str, list[Row]] = defaultdict(list)
    for row in files.first("probes"):
        # What went into the models is the same for all of them.
        of = f" of {named(str(row['method']))}" if row["source"] == EMBEDDING else ""
        asked[f"{row['target']}s from the {row['source']}{of}"].append(row)
    if not asked:
        return None
    rows, cells = [], []
    for name, models in asked.items():
        found = [area for row in models if (area := interval(row, "balanced_accuracy"))]
        reached = Interval(
            _mean([area.value for area in found]),
            min(area.low for area in found),
            max(area.high for area in found),
        )
        chance = _mean([float(row["chance"]) for row in models])
        shuffled = [
            float(row["shuffled_most"]) for row in models if row["shuffled_most"] == row["shuffled_most"]
        ]
        rows.append(Bar(name, ((PROBE, reached), (CHANCE, Interval(chance, chance, chance)))))
        cells.append(
            (
                name,
                str(len(models)),
                cell(reached),
                number(chance, digits=3),
                number(max(shuffled), digits=3) if shuffled else "–",
            )
        )
    return forest(
        key="probes",
        title="What the model's view of an image gives away",
        x="balanced accuracy",
        rows=rows,
        roles={PROBE: "model", CHANCE: "baseline"},
        chance=(),
        caption="How well a linear classifier tells hospitals, or vendors of scanners, apart: from the model's image "
        "embedding, and to compare from the images' brightness and from the clinical variables. A model that sees the "
        "hospital could use its rate of pCR instead of the tumour. Dots are means over folds and seeds, lines reach "
        f"from the lowest to the highest end of their 95 % intervals. {first_condition(files)}",
        table=Table(
            ("told apart", "models", "balanced accuracy", "by chance", "shuffled labels, at most"),
            tuple(cells),
        ),
    )


def _of_first(files: StudyFiles, name: str) -> list[Row]:
    first = files.study.strategy[0].title
    return [row for row in files.first(name) if str(row["method"]) == first]


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)
