"""The figures of a study: AUC by method, differences, hospitals, subgroups, cross-site, curves, privacy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from fedchemo.shared.metrics.interval import Interval
from fedchemo.simulations.report.figure import Axis, Figure, Heat, Line, Role, Table
from fedchemo.simulations.report.forest import Row, forest
from fedchemo.simulations.report.study_files import StudyFiles, condition, interval
from fedchemo.simulations.report.words import cell, listed, number

MOST_ROWS = 40
"""In a figure; the table below it has all of them."""
HOSPITAL = "auc at "
CLINICAL = "clinical"
WORDS = {
    "local": "each hospital alone",
    "pooled": "all patients in one place",
    CLINICAL: "clinical variables alone",
}
"""Methods that every reader should recognise."""
REFERENCES: dict[str, Role] = {"local": "violet", "pooled": "green", CLINICAL: "baseline"}
STRATEGIES: tuple[Role, ...] = ("model", "teal", "brown", "muted")


def named(method: str) -> str:
    """Return a method's name in words."""
    return WORDS.get(method, method)


def roles(files: StudyFiles) -> dict[str, Role]:
    """Return method -> colour: the strategies in the order of the study, then the references."""
    methods = dict.fromkeys(str(row["method"]) for row in files.rows("estimates"))
    strategies = [method for method in methods if method not in REFERENCES]
    found = {method: STRATEGIES[place % len(STRATEGIES)] for place, method in enumerate(strategies)}
    return found | {method: role for method, role in REFERENCES.items() if method in methods}


def title(about: Sequence[str], files: StudyFiles) -> str:
    """Return a condition's name: what differs between the conditions of the study."""
    every = files.conditions
    told = [
        word
        for place, word in enumerate(about)
        if len({each[place] for each in every if place < len(each)}) > 1
    ]
    return ", ".join(told)


def by_method(files: StudyFiles) -> Figure | None:
    """Return the AUC of every method under every condition."""
    colours = roles(files)
    order = list(colours)
    found = sorted(
        (row for row in files.rows("estimates") if row["figure"] == "auc"),
        key=lambda row: (files.conditions.index(condition(row)), order.index(str(row["method"]))),
    )
    rows, cells = [], []
    for each in found:
        area, method = interval(each), str(each["method"])
        where = title(condition(each), files)
        if area is None:
            continue
        rows.append(Row(f"{named(method)} ({where})" if where else named(method), ((named(method), area),)))
        cells.append(
            (named(method), *condition(each), str(int(each["n"])), cell(area), str(each.get("how", "")))
        )
    if not rows:
        return None
    about = ("partition", "variant", "privacy")[: len(condition(found[0]))]
    return forest(
        key="methods",
        title="AUC by method",
        x="AUC, test patients",
        rows=rows[:MOST_ROWS],
        roles={named(method): role for method, role in colours.items()},
        caption="Dots are AUCs, lines their 95 % intervals over patients and seeds; the dotted line is a coin toss. "
        "Overlapping lines say little about a difference on the same patients: that is the next figure.",
        table=Table(("method", *about, "patients", "AUC [95 %]", "how"), tuple(cells)),
    )


def differences(files: StudyFiles) -> Figure | None:
    """Return every comparison with the margin that the study stated beforehand."""
    found = [(each, apart) for each in files.rows("comparisons") if (apart := interval(each))]
    if not found:
        return None
    margin = float(found[0][0]["margin"])
    rows: dict[str, Row] = {}
    for each, apart in found:
        words = f"{named(str(each['first']))} − {named(str(each['second']))}"
        variant = str(each["variant"])
        where = title(condition(each), files) if condition(each) in files.conditions else variant
        rows.setdefault(
            f"{words} ({where})" if where else words,
            Row(f"{words} ({where})" if where else words, (("difference", apart),)),
        )
    return forest(
        key="differences",
        title="Differences in AUC on the same patients",
        x="difference in AUC",
        rows=list(rows.values())[:MOST_ROWS],
        roles={"difference": "model"},
        caption=f"Right of zero the first is better. Dotted lines stand at zero and at ±{margin:g}, the difference "
        "that the study said beforehand would matter: an interval within them shows that two methods are as good as "
        "each other; one that crosses them leaves it open.",
        table=Table(
            ("comparison", "difference [95 %]", "p", "p, Holm", "verdict"),
            tuple(
                (
                    f"{named(str(each['first']))} − {named(str(each['second']))}, {', '.join(condition(each))}",
                    cell(apart, signed=True),
                    _p(each.get("p")),
                    _p(each.get("p_holm")),
                    str(each["verdict"]),
                )
                for each, apart in found
            ),
        ),
        differences=True,
        rules=(-margin, margin),
    )


def by_hospital(files: StudyFiles) -> Figure | None:
    """Return the AUC of every method at each hospital, under the first condition."""
    found = [row for row in files.first("estimates") if str(row["figure"]).startswith(HOSPITAL)]
    known: dict[str, dict[str, Interval]] = {}
    patients: dict[str, int] = {}
    for each in found:
        if area := interval(each):
            site = str(each["figure"]).removeprefix(HOSPITAL)
            known.setdefault(site, {})[str(each["method"])] = area
            patients[site] = int(each["n"])
    if not known:
        return None
    shown = [method for method in roles(files) if method in (files.study.strategy[0].title, *WORDS)]
    sites = sorted(known, key=lambda site: (-patients[site], site))
    return forest(
        key="hospitals",
        title="AUC by hospital",
        x="AUC, test patients",
        rows=[
            Row(
                f"{site} ({patients[site]})",
                tuple((named(method), known[site][method]) for method in shown if method in known[site]),
            )
            for site in sites[:MOST_ROWS]
        ],
        roles={named(method): role for method, role in roles(files).items() if method in shown},
        caption="The first strategy and its references, with 95 % intervals; in brackets the test patients. A hospital "
        f"with too few patients of a class is missing. {first_condition(files)}",
        table=Table(
            ("hospital", "patients", *(f"{named(method)} [95 %]" for method in shown)),
            tuple(
                (site, str(patients[site]), *(cell(known[site].get(method)) for method in shown))
                for site in sites
            ),
        ),
    )


def by_group(files: StudyFiles) -> Figure | None:
    """Return the first strategy's AUC in subgroups, under the first condition; hospitals have a figure of their own."""
    found = [row for row in files.first("subgroups") if row["grouping"] != "site"]
    rows, cells = [], []
    for each in found:
        area = interval(each, "auc", "auc_low", "auc_high")
        name = f"{each['grouping']}: {each['group']}"
        apart = interval(each, "against_others", "against_others_low", "against_others_high")
        cells.append((name, str(int(each["n"])), cell(area), cell(apart, signed=True) if apart else "–"))
        if area:
            rows.append(Row(f"{name} ({int(each['n'])})", (("AUC", area),)))
    if not rows:
        return None
    return forest(
        key="subgroups",
        title="For whom it works",
        x="AUC, test patients",
        rows=rows[:MOST_ROWS],
        roles={"AUC": "model"},
        caption=f"{files.study.strategy[0].title} in groups of patients, with 95 % intervals; in brackets how many. Of "
        f"many groups some are low by chance. {first_condition(files)}",
        table=Table(("group", "patients", "AUC [95 %]", "less all others [95 %]"), tuple(cells)),
    )


def cross_site(files: StudyFiles) -> Figure | None:
    """Return the AUC of each hospital's own model at each hospital, under the first condition."""
    found = {
        (str(row["trained_at"]), str(row["site"])): float(row["value"]) for row in files.first("cross_site")
    }
    if not found:
        return None
    trained, judged = (tuple(sorted({pair[place] for pair in found})) for place in (0, 1))
    values = tuple(tuple(found.get((one, other)) for other in judged) for one in trained)
    reach = max(0.1, *(abs(value - 0.5) for value in found.values()))
    return Figure(
        key="cross-site",
        title="Each hospital's own model at each hospital",
        x=Axis("judged at"),
        y=Axis("trained at"),
        marks=(Heat(trained, judged, values, middle=0.5, reach=reach),),
        caption="AUC; the darker blue, the better, grey is a coin toss, orange worse. On the diagonal a hospital "
        f"judges its own model. An empty field has too few patients of a class. {first_condition(files)}",
        description=f"AUC of models of {listed(trained)} at {listed(judged)}.",
        table=Table(
            ("trained at", *judged),
            tuple(
                (one, *("–" if value is None else number(value, digits=3) for value in row))
                for one, row in zip(trained, values, strict=True)
            ),
        ),
        rows=max(4, len(trained)),
        wide=len(judged) > 8,
    )


def curves(files: StudyFiles) -> list[Figure]:
    """Return ROC, calibration and decision curves under the first condition; those that are not there are left out."""
    whole = (0.0, 1.0)
    diagonal = Line("", whole, whole, "reference", dashed=True, thin=True, named=False)
    here = first_condition(files)
    found = []
    if lines := _lines(files, "roc", "false_positive_rate", "true_positive_rate"):
        found.append(
            _curve(
                "roc",
                "How well it ranks: ROC curve",
                Axis("without pCR, but taken to reach it", whole, percent=True),
                Axis("with pCR, and found", whole, percent=True),
                [diagonal, *lines],
                f"The further up and left, the better; the dashed line is a coin toss. {here}",
            )
        )
    if lines := _lines(files, "calibration_curve", "predicted", "observed"):
        found.append(
            _curve(
                "calibration",
                "Can the percentage be believed: calibration",
                Axis("predicted chance of pCR", whole, percent=True),
                Axis("patients who reached pCR", whole, percent=True),
                [diagonal, *lines],
                "On the dashed line, of patients given 30 % three in ten reach pCR; below it the model promises too "
                f"much. {here}",
            )
        )
    if lines := _lines(files, "decision_curve", "threshold", "model"):
        rows = [
            row
            for row in files.first("decision_curve")
            if str(row["method"]) == files.study.strategy[0].title
        ]
        thresholds = [float(row["threshold"]) for row in rows]
        everyone = [float(row["everyone"]) for row in rows]
        top = max(max(line.high or line.y) for line in lines)
        found.append(
            _curve(
                "decision",
                "Would acting on it help: decision curve",
                Axis("chance of pCR from which one would act", percent=True),
                Axis("net benefit", (-0.1, 1.08 * top), rules=(0.0,)),
                [*lines, Line("act on everyone", thresholds, everyone, "muted", dashed=True, thin=True)],
                "Patients rightly acted on, less those wrongly, weighed by the odds at which one would act (Vickers & "
                f"Elkin 2006); acting on no one is zero. A model is of use where its line is the highest. {here}",
                square=False,
            )
        )
    return found


def _lines(files: StudyFiles, name: str, x: str, y: str) -> list[Line]:
    """Return a line a method, the first strategy's with its band."""
    first = files.study.strategy[0].title
    found = []
    for method, role in roles(files).items():
        rows = [row for row in files.first(name) if str(row["method"]) == method]
        if rows and (method == first or method in WORDS):
            across, up, low, high = ([float(row[column]) for row in rows] for column in (x, y, "low", "high"))
            band = (low, high) if method == first else ((), ())
            found.append(Line(named(method), across, up, role, *band))
    return found


def _curve(
    key: str, title_of: str, x: Axis, y: Axis, marks: list[Line], caption: str, *, square: bool = True
) -> Figure:
    told = [mark for mark in marks if mark.named]
    return Figure(
        key=key,
        title=title_of,
        x=x,
        y=y,
        marks=tuple(marks),
        caption=f"The band holds 95 % of what other patients would give, at each place by itself. {caption}",
        description=f"{title_of}, for {', '.join(mark.name for mark in told)}.",
        table=Table(
            ("method", x.title, f"{y.title} [95 %]"),
            tuple(
                (mark.name, number(mark.x[place], digits=3), _point(mark, place))
                for mark in told
                for place in range(0, len(mark.x), max(1, len(mark.x) // 10))
            ),
        ),
        square=square,
        wide=not square,
    )


def _point(mark: Line, place: int) -> str:
    if not len(mark.low):
        return number(mark.y[place], digits=3)
    return cell(
        Interval(mark.y[place], min(mark.low[place], mark.y[place]), max(mark.high[place], mark.y[place]))
    )


def privacy(files: StudyFiles) -> Figure | None:
    """Return the first strategy's AUC by what hospitals demand; None if the study has one such setting."""
    first = files.study.strategy[0].title
    found: Mapping[str, Interval] = {
        str(row["privacy"]): area
        for row in files.rows("estimates")
        if row["figure"] == "auc"
        and str(row["method"]) == first
        and condition(row)[:2] == files.conditions[0][:2]
        and "privacy" in row
        and (area := interval(row))
    }
    if len(found) < 2:
        return None
    return forest(
        key="privacy",
        title="Privacy against utility",
        x="AUC, test patients",
        rows=[Row(name, ((first, area),)) for name, area in found.items()],
        roles={first: "model"},
        caption=f"The AUC of {first} by what hospitals demand before anything leaves them, with 95 % intervals.",
        table=Table(("demanded", "AUC [95 %]"), tuple((name, cell(area)) for name, area in found.items())),
    )


def first_condition(files: StudyFiles) -> str:
    """Return under which condition a figure is, where there are several."""
    where = title(files.conditions[0], files)
    return f"Under the first condition: {where}." if where else ""


def _p(value: object) -> str:
    if not isinstance(value, float) or value != value:  # noqa: PLR0124 - NaN
        return "–"
    return "< .001" if value < 0.001 else f"{value:.3f}"
