"""A figure for a paper: the same marks drawn by matplotlib on white, as SVG and PNG that are the same each time."""

from __future__ import annotations

import io
from collections.abc import Iterator
from functools import singledispatch
from typing import TYPE_CHECKING

import numpy as np

from fedchemo.simulations.report.figure import COLOURS, Axis, Bars, Dots, Figure, Heat, Line

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Drawing

DPI = 300
"""What journals ask of a bitmap."""
_STYLE = {
    "svg.hashsalt": "fedchemo",
    "font.size": 9,
    "axes.edgecolor": COLOURS["muted"],
    "axes.labelcolor": COLOURS["ink"],
    "text.color": COLOURS["ink"],
    "xtick.color": COLOURS["ink"],
    "ytick.color": COLOURS["ink"],
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.unicode_minus": True,
    "legend.frameon": False,
    "text.parse_math": False,
}
# One column and a half of most journals; both columns.
_WIDTH_IN, _WIDE_IN = 5.5, 7.2
_HEIGHT_IN, _SQUARE_IN, _ROW_IN = 3.6, 5.0, 0.26


def drawn(figure: Figure) -> tuple[bytes, bytes]:
    """Return the figure as SVG and as PNG."""
    import matplotlib as mpl

    with mpl.rc_context(_STYLE):  # type: ignore[arg-type]
        drawing = _draw(figure)
        svg, png = io.BytesIO(), io.BytesIO()
        nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
        drawing.savefig(svg, format="svg", metadata=nothing)
        drawing.savefig(png, format="png", dpi=DPI, metadata={"Software": None})
    return svg.getvalue(), png.getvalue()


def _draw(figure: Figure) -> Drawing:
    # Without pyplot: no state that other threads share.
    from matplotlib.figure import Figure as Drawing

    drawing = Drawing(figsize=_size(figure), layout="constrained", facecolor="white")
    axes = drawing.add_subplot()
    axes.grid(color=COLOURS["line"], linewidth=0.6)
    axes.set_axisbelow(True)
    for mark in figure.marks:
        _put(mark, axes)
    for axis, name in ((figure.x, "x"), (figure.y, "y")):
        _set(axes, axis, name)
    if figure.square:
        axes.set_box_aspect(1)
    if figure.y.ticks:
        axes.grid(visible=False, axis="y")
    handles, names = axes.get_legend_handles_labels()
    if len(names) > 1:
        drawing.legend(handles, names, loc="outside upper left", ncols=min(3, len(names)), fontsize=8)
    return drawing


def _size(figure: Figure) -> tuple[float, float]:
    width = _WIDE_IN if figure.wide else _WIDTH_IN
    if figure.rows:
        return width, 1.2 + _ROW_IN * figure.rows
    return (_SQUARE_IN, _SQUARE_IN) if figure.square else (width, _HEIGHT_IN)


def _set(axes: Axes, axis: Axis, name: str) -> None:
    from matplotlib.ticker import MaxNLocator, PercentFormatter

    axes.set(**{f"{name}label": axis.title})
    shown = axes.xaxis if name == "x" else axes.yaxis
    if axis.range:
        axes.set(**{f"{name}lim": axis.range})
    if axis.ticks:
        shown.set_ticks(list(axis.ticks), list(axis.ticks.values()))
        shown.set_tick_params(length=0)
    if axis.percent:
        shown.set_major_formatter(PercentFormatter(1, decimals=0))
    if axis.whole:
        shown.set_major_locator(MaxNLocator(integer=True))
    rule = axes.axvline if name == "x" else axes.axhline
    for at in axis.rules:
        rule(at, color=COLOURS["reference"], linewidth=0.9, linestyle=":", zorder=0.9)


@singledispatch
def _put(mark: object, axes: Axes) -> None:  # noqa: ARG001
    raise TypeError(type(mark).__name__)


@_put.register(Line)
def _(mark: Line, axes: Axes) -> None:
    colour = COLOURS[mark.role]
    if len(mark.low):
        axes.fill_between(mark.x, mark.low, mark.high, color=colour, alpha=0.18, linewidth=0)
    axes.plot(
        mark.x,
        mark.y,
        color=colour,
        linewidth=0.9 if mark.thin else 1.8,
        linestyle="--" if mark.dashed else "-",
        marker="o" if mark.marked else None,
        markersize=2.5 if mark.thin else 4,
        label=mark.name if mark.named else None,
    )


@_put.register(Dots)
def _(mark: Dots, axes: Axes) -> None:
    middle = np.asarray(mark.x if mark.along == "x" else mark.y)
    error = np.stack([middle - np.asarray(mark.low), np.asarray(mark.high) - middle]).clip(0)
    colour = COLOURS[mark.role]
    axes.errorbar(
        mark.x,
        mark.y,
        xerr=error if mark.along == "x" else None,
        yerr=error if mark.along == "y" else None,
        fmt="o",
        color=colour,
        markerfacecolor="white" if mark.hollow else colour,
        markersize=5,
        elinewidth=1.2,
        clip_on=False,
        label=mark.name,
    )


@_put.register(Bars)
def _(mark: Bars, axes: Axes) -> None:
    before = [_before(axes, place) for place in mark.places]
    axes.barh(mark.places, mark.values, height=0.6, left=before, color=COLOURS[mark.role], label=mark.name)
    axes.set_xlim(left=0)


def _before(axes: Axes, place: float) -> float:
    """Return where the bars that are at a place already end."""

    def ends() -> Iterator[float]:
        for patch in axes.patches:
            if abs(patch.get_y() + patch.get_height() / 2 - place) < 1e-9:  # type: ignore[attr-defined]
                yield patch.get_x() + patch.get_width()  # type: ignore[attr-defined]

    return max(ends(), default=0.0)


@_put.register(Heat)
def _(mark: Heat, axes: Axes) -> None:
    from matplotlib.colors import LinearSegmentedColormap

    colours = LinearSegmentedColormap.from_list(
        "difference", [COLOURS["baseline"], COLOURS["line"], COLOURS["model"]]
    )
    values = np.array([[np.nan if value is None else value for value in row] for row in mark.values])
    low, high = mark.middle - mark.reach, mark.middle + mark.reach
    axes.imshow(values, cmap=colours, vmin=low, vmax=high, aspect="auto")
    axes.set_xticks(range(len(mark.columns)), list(mark.columns), rotation=90 if len(mark.columns) > 6 else 0)
    axes.set_yticks(range(len(mark.rows)), list(mark.rows))
    axes.grid(visible=False)
    for (row, column), value in np.ndenumerate(values):
        if np.isfinite(value):
            dark = abs(value - mark.middle) > 0.6 * mark.reach
            colour = "white" if dark else COLOURS["ink"]
            axes.text(column, row, f"{value:.2f}", ha="center", va="center", fontsize=7, color=colour)
