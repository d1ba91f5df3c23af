"""Distributions of a site's patients against a trial's, as SVG that takes on the page's colours.

Matplotlib writes fixed colours, identifiers that repeat from figure to figure, and addresses of vocabularies: the
first become the page's variables, so that a chart is right in light and dark, the second are numbered, the third
removed, since the page must name nothing outside itself.
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from fedchemo.client.cohort import Cohort
from fedchemo.shared.clinical.reference import MEASUREMENTS, NUMBERS, SHARES, Number

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Stand-ins that no chart uses otherwise -> the page's variable.
_COLOURS = {
    "#010101": "var(--ink)",
    "#020202": "var(--muted)",
    "#030303": "var(--line)",
    "#040404": "var(--pcr)",
    "#050505": "var(--rest)",
    "#060606": "var(--reference)",
}
_INK, _MUTED, _LINE, _PCR, _REST, _REFERENCE = _COLOURS
# As wide as a phone's screen less its margins, so that text keeps its size there.
_WIDTH_IN, _HEIGHT_IN = 3.6, 2.3
_STYLE = {
    "svg.fonttype": "none",
    "font.size": 9,
    "axes.edgecolor": _LINE,
    "axes.labelcolor": _MUTED,
    "text.color": _INK,
    "xtick.color": _MUTED,
    "ytick.color": _MUTED,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
}
_MEASURED = {
    "ftv_cc": "FTV, cm³",
    "longest_diameter_mm": "Longest diameter, mm",
    "sphericity": "Sphericity",
    "bpe": "BPE, %",
}


class Chart:
    """One chart.

    Attributes:
        title: shown above it.
        svg: the drawing, to be put into a page as it is.
        description: what it shows, for those who cannot see it.
    """

    def __init__(self, title: str, svg: str, description: str) -> None:
        self.title = title
        self.svg = svg
        self.description = description


def charts(cohort: Cohort) -> list[Chart]:
    """Return the charts of a cohort; one without any value is left out."""
    import matplotlib as mpl

    found: list[Chart] = []
    with mpl.rc_context(_STYLE):  # type: ignore[arg-type]
        for name, number in NUMBERS.items():
            if cohort.clinical[name].notna().any():
                found.append(_histogram(cohort.clinical[name], cohort.clinical["pcr"], number, len(found)))
        if len(cohort.clinical):
            found.append(_shares(cohort, len(found)))
        for name, title in _MEASURED.items():
            measured = {
                str(visit): rows.dropna().to_numpy(dtype=float)
                for visit, rows in cohort.visits[name].groupby(level="visit")
            }
            measured = {visit: values for visit, values in measured.items() if len(values)}
            if measured:
                found.append(_over_visits(title, measured, MEASUREMENTS[name], len(found)))
    return found


def _histogram(values: pd.Series, outcome: pd.Series, number: Number, index: int) -> Chart:
    from matplotlib.ticker import MaxNLocator

    figure, axes = _figure()
    known = values.dropna()
    groups = [known[outcome[known.index] == 1], known[outcome[known.index] != 1]]
    low = min(float(known.min()), number.quantiles[0])
    high = max(float(known.max()), number.quantiles[-1])
    if number.logarithmic:
        edges = np.geomspace(low, high * 1.001, 16)
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
        axes.xaxis.set_minor_formatter(lambda _value, _: "")
    else:
        edges = np.linspace(low, high + 1e-9, 16)
    axes.hist(
        groups,
        bins=edges.tolist(),
        stacked=True,
        color=[_PCR, _REST],
        label=["pCR", "no pCR or not known"],
        rwidth=0.92,
    )
    top = axes.get_ylim()[1]
    _range(axes, number.quantiles, -0.09 * top, along="x")
    axes.set_ylim(-0.17 * top, top * 1.3)
    axes.yaxis.set_major_locator(MaxNLocator(integer=True, nbins=5))
    axes.set_yticks([tick for tick in axes.get_yticks() if 0 <= tick <= top])
    axes.set_xlabel(f"{number.unit}; below: the trial")
    axes.set_ylabel("patients")
    axes.legend(loc="upper right", fontsize=8, ncols=2, handlelength=1, borderaxespad=0)
    median = float(known.median())
    description = (
        f"{number.title} of {len(known)} patients: median {median:.3g} {number.unit}, from {_figures(known.min())} "
        f"to {_figures(known.max())}; the trial's median is {number.quantiles[2]:g}, 5 to 95 % "
        f"{number.quantiles[0]:g} to {number.quantiles[-1]:g}."
    )
    return Chart(number.title, _svg(figure, index), description)


def _shares(cohort: Cohort, index: int) -> Chart:
    figure, axes = _figure()
    said = []
    for place, (name, share) in enumerate(SHARES.items()):
        known = cohort.clinical[name].dropna()
        axes.plot(share.shares, [place, place], color=_REFERENCE, lw=7, alpha=0.45, solid_capstyle="butt")
        axes.plot([share.share], [place], "|", color=_REFERENCE, ms=13, mew=2)
        if len(known):
            low, high = _wilson(float(known.mean()), len(known))
            axes.plot([low, high], [place, place], color=_INK, lw=1.2)
            axes.plot([known.mean()], [place], "o", color=_INK, ms=5)
            said.append(f"{share.title} {known.mean():.0%} of {len(known)} (trial {share.share:.0%})")
    axes.set_yticks(range(len(SHARES)), [share.title for share in SHARES.values()])
    axes.set_ylim(len(SHARES) - 0.4, -0.6)
    axes.set_xlim(0, 1)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    axes.set_xlabel("dot: here; band: hospitals")
    return Chart("Shares", _svg(figure, index), f"Shares of patients: {', '.join(said)}.")


def _over_visits(
    title: str, measured: Mapping[str, np.ndarray], references: Mapping[str, Number], index: int
) -> Chart:
    figure, axes = _figure()
    said = []
    for place, (visit, reference) in enumerate(references.items()):
        _range(axes, reference.quantiles, place - 0.16, along="y")
        if visit not in measured:
            continue
        values = measured[visit]
        quantiles = np.quantile(values, (0.05, 0.25, 0.5, 0.75, 0.95))
        _range(axes, quantiles.tolist(), place + 0.16, along="y", colour=_PCR)
        said.append(f"{visit} median {quantiles[2]:.3g} of {len(values)} (trial {reference.quantiles[2]:g})")
    logarithmic = next(iter(references.values())).logarithmic
    if logarithmic:
        axes.set_yscale("symlog", linthresh=1)
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    counts = [f"{visit}\nn = {len(measured.get(visit, ()))}" for visit in references]
    axes.set_xticks(range(len(references)), counts)
    axes.set_xlim(-0.6, len(references) - 0.4)
    axes.set_xlabel("left, grey: the trial; right: here")
    return Chart(title, _svg(figure, index), f"{title} by visit: {', '.join(said)}.")


def _range(
    axes: Axes, quantiles: Sequence[float], place: float, *, along: str, colour: str = _REFERENCE
) -> None:
    """Draw 5 to 95 % thin, 25 to 75 % thick, and the median across."""

    def draw(low: float, high: float, **how: object) -> None:
        ends, across = [low, high], [place, place]
        x, y = (ends, across) if along == "x" else (across, ends)
        axes.plot(x, y, color=colour, solid_capstyle="butt", **how)  # type: ignore[arg-type]

    draw(quantiles[0], quantiles[4], lw=1.5)
    draw(quantiles[1], quantiles[3], lw=7, alpha=0.6)
    middle, mark = quantiles[2], "|" if along == "x" else "_"
    x, y = (middle, place) if along == "x" else (place, middle)
    axes.plot([x], [y], mark, color=_INK, ms=9, mew=1.6)


def _figure() -> tuple[Figure, Axes]:
    # Without pyplot: no state that other threads share.
    from matplotlib.figure import Figure

    figure = Figure(figsize=(_WIDTH_IN, _HEIGHT_IN), layout="constrained")
    return figure, figure.add_subplot()


def _svg(figure: Figure, index: int) -> str:
    file = io.StringIO()
    nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    figure.savefig(file, format="svg", transparent=True, metadata=nothing)
    svg = file.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r'\sxmlns(:\w+)?="[^"]*"', "", svg).replace("xlink:href=", "href=")
    svg = re.sub(r'\bid="', f'id="chart{index}-', svg)
    svg = re.sub(r'(url\(#|href="#)', rf"\1chart{index}-", svg)
    # Its size is the page's affair; the drawing is described beside it.
    svg = re.sub(r'<svg ([^>]*?)(?:width|height)="[^"]*" ?', r"<svg \1", svg, count=1)
    svg = re.sub(r'<svg ([^>]*?)(?:width|height)="[^"]*" ?', r"<svg \1", svg, count=1)
    svg = svg.replace("<svg ", '<svg aria-hidden="true" focusable="false" ', 1)
    for colour, variable in _COLOURS.items():
        svg = svg.replace(colour, variable)
    return svg


def _figures(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def _wilson(share: float, count: int) -> tuple[float, float]:
    z2 = 1.96**2 / count
    middle = (share + z2 / 2) / (1 + z2)
    half = 1.96 * float(np.sqrt(share * (1 - share) / count + z2 / (4 * count))) / (1 + z2)
    return middle - half, middle + half
