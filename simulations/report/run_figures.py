"""The figures of a run: AUC by hospital, convergence, what left each hospital, where the time went."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from fedchemo.server.account import Account, Passage, Scored
from fedchemo.server.summary import POOLED, Figures, Rows
from fedchemo.simulations.report.figure import SERIES, Axis, Bars, Figure, Line, Role, Table
from fedchemo.simulations.report.forest import Row, forest
from fedchemo.simulations.report.words import cell, count, size_words, time_words

MOST_ROWS = 40
"""Hospitals in a figure; the table below it has all of them."""
KINDS = {
    "statistics": "counts and sums of clinical variables",
    "logistic": "sums for the clinical model",
    "train": "updates of the model, with loss and scores",
    "evaluate": "score histograms",
    "finish": "acknowledgements",
}
"""What the answers to a kind of exchange hold."""
MODELS: tuple[tuple[str, str, Role], ...] = (
    ("model", "model", "model"),
    ("personal", "each hospital's own version", "green"),
    ("baseline", "clinical variables alone", "baseline"),
)
"""Name in the summary, in words, and colour; a run has the second only if its strategy makes one."""


def by_hospital(rows: Mapping[str, Rows]) -> Figure | None:
    """Return AUCs by hospital and over all, the largest hospital first; None without any."""
    known: dict[str, Figures] = {
        site: figures for models in rows.values() for site, figures in models.items() if figures.auc
    }
    sites = sorted(known, key=lambda site: (site == POOLED, -known[site].patients, site))
    if not sites:
        return None
    shown = [(name, words) for name, words, _ in MODELS if name in rows]
    everyone = sorted(
        {site for models in rows.values() for site in models}, key=lambda site: (site == POOLED, site)
    )
    return forest(
        key="forest",
        title="AUC by hospital",
        x="AUC, test patients",
        rows=[
            Row(
                f"{site} ({known[site].patients}, {known[site].positives} pCR)",
                tuple(
                    (words, interval)
                    for name, words in shown
                    if site in rows[name] and (interval := rows[name][site].auc)
                ),
            )
            for site in sites[-MOST_ROWS:]
        ],
        roles={words: role for _, words, role in MODELS},
        caption="Dots are AUCs, lines their 95 % intervals; the dotted line is a coin toss. In brackets the test "
        "patients and how many of them reached pCR. A hospital with fewer than five patients of a class has no row.",
        table=Table(
            ("hospital", "patients", "with pCR", *(f"{words}, AUC [95 %]" for _, words in shown)),
            tuple(
                (
                    site,
                    *_counts(rows, site),
                    *(cell(rows[name][site].auc) if site in rows[name] else "too few" for name, _ in shown),
                )
                for site in everyone
            ),
        ),
    )


def _counts(rows: Mapping[str, Rows], site: str) -> tuple[str, str]:
    figures = next(models[site] for models in rows.values() if site in models)
    return str(figures.patients), str(figures.positives)


def validation(rounds: Sequence[Scored], best: int | None, *, note: str = "") -> Figure | None:
    """Return log-loss on validation patients by round; None if no round was scored."""
    known = [each for each in rounds if each.log_loss is not None]
    if not known:
        return None
    sites = sorted({site for each in known for site in each.by_site})
    lines = [
        _by_site(
            site,
            place,
            [(each.round, each.by_site[site]) for each in known if site in each.by_site],
            many=len(sites) > len(SERIES) - 1,
        )
        for place, site in enumerate(sites)
        if len(sites) > 1
    ]
    told = [each.log_loss for each in known if each.log_loss is not None]
    lines.append(Line("all of them", [each.round for each in known], told, "ink", marked=True))
    chosen = "" if best is None else f" The dotted line is round {best}, whose model is the result."
    return Figure(
        key="validation",
        title="Convergence: validation",
        x=Axis("round; 0 is the clinical model", whole=True, rules=() if best is None else (float(best),)),
        y=Axis("log-loss, validation patients"),
        marks=tuple(lines),
        caption="Lower is better, on patients that no hospital trains on. A hospital with too few of them is "
        f"missing.{chosen}{note}",
        description=f"Validation log-loss of {count(len(known), 'round')} at {count(len(sites), 'hospital')}.",
        table=Table(
            ("round", "patients", "all of them", *sites),
            tuple(
                (
                    str(each.round),
                    str(each.patients),
                    f"{each.log_loss:.4f}",
                    *(f"{each.by_site[site]:.4f}" if site in each.by_site else "–" for site in sites),
                )
                for each in known
            ),
        ),
    )


def training(losses: Mapping[str, Mapping[int, float]]) -> Figure | None:
    """Return each hospital's training loss by round; None if none told it."""
    if not losses:
        return None
    rounds = sorted({number for by_round in losses.values() for number in by_round})
    return Figure(
        key="training",
        title="Convergence: training",
        x=Axis("round", whole=True),
        y=Axis("mean loss while training"),
        marks=tuple(
            _by_site(site, place, sorted(by_round.items()), many=len(losses) > len(SERIES))
            for place, (site, by_round) in enumerate(losses.items())
        ),
        caption="Each hospital's own loss. A line that falls here while validation rises learns its patients by heart.",
        description=f"Training loss of {count(len(rounds), 'round')} at {count(len(losses), 'hospital')}.",
        table=Table(
            ("round", *losses),
            tuple(
                (
                    str(number),
                    *(
                        f"{by_round[number]:.4f}" if number in by_round else "–"
                        for by_round in losses.values()
                    ),
                )
                for number in rounds
            ),
        ),
    )


def _by_site(site: str, place: int, points: Sequence[tuple[int, float]], *, many: bool) -> Line:
    return Line(
        site,
        [number for number, _ in points],
        [value for _, value in points],
        "reference" if many else SERIES[place % len(SERIES)],
        thin=True,
        marked=not many,
        named=not many,
    )


def traffic(passages: Sequence[Passage], *, note: str = "") -> Figure | None:
    """Return what left each hospital; None if no answer's size was recorded."""
    known = [passage for passage in passages if passage.size is not None]
    if not known:
        return None
    total = {
        site: sum(passage.size or 0 for passage in known if passage.site == site)
        for site in dict.fromkeys(passage.site for passage in known)
    }
    shown = sorted(total, key=lambda site: (-total[site], site))[:MOST_ROWS]
    unit, scale = _unit(max(total.values()))
    kinds = list(dict.fromkeys(passage.kind for passage in known))
    sizes = {(passage.site, passage.kind): passage.size or 0 for passage in known}
    places = {site: float(len(shown) - 1 - place) for place, site in enumerate(shown)}
    return Figure(
        key="traffic",
        title="What left each hospital",
        x=Axis(unit),
        y=Axis("", (-0.7, len(shown) - 0.3), ticks={places[site]: site for site in shown}),
        marks=tuple(
            Bars(
                KINDS.get(kind, kind),
                [places[site] for site in shown],
                [sizes.get((site, kind), 0) / scale for site in shown],
                SERIES[place % len(SERIES)],
            )
            for place, kind in enumerate(kinds)
        ),
        caption="The contents of all answers, as the coordinator received them; envelopes and encryption add a little. "
        f"Each hospital's own ledger lists every object that left it.{note}",
        description=f"Bytes that left {count(len(total), 'hospital')}, by kind.",
        table=Table(
            ("hospital", *(KINDS.get(kind, kind) for kind in kinds), "in all"),
            tuple(
                (
                    site,
                    *(_passed(known, site, kind) for kind in kinds),
                    size_words(total[site]),
                )
                for site in sorted(total)
            ),
        ),
        rows=len(shown),
        wide=True,
    )


def _passed(passages: Sequence[Passage], site: str, kind: str) -> str:
    for passage in passages:
        if (passage.site, passage.kind) == (site, kind):
            return f"{size_words(passage.size)} in {count(passage.answers, 'answer')}"
    return "–"


def time(account: Account) -> Figure | None:
    """Return where the coordinator's time went; None without exchanges."""
    if not account.took:
        return None
    rows = len(account.took)
    unit, scale = ("minutes", 60.0) if max(each.seconds for each in account.took) > 180 else ("seconds", 1.0)
    return Figure(
        key="time",
        title="Where the time went",
        x=Axis(unit),
        y=Axis(
            "",
            (-0.7, rows - 0.3),
            ticks={float(rows - 1 - place): each.kind for place, each in enumerate(account.took)},
        ),
        marks=(
            Bars(
                "time",
                [float(rows - 1 - place) for place in range(rows)],
                [each.seconds / scale for each in account.took],
            ),
        ),
        caption="From the first request of an exchange to its last answer; hospitals work side by side.",
        description="Time by kind of exchange.",
        table=Table(
            ("kind of exchange", "exchanges", "time", "sent to hospitals"),
            tuple(
                (each.kind, str(each.exchanges), time_words(each.seconds), size_words(each.sent))
                for each in account.took
            ),
        ),
        rows=rows,
    )


def _unit(most: int) -> tuple[str, float]:
    for unit, scale in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if most >= scale:
            return unit, scale
    return "bytes", 1.0
