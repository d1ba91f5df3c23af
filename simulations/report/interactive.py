"""A figure for Plotly, as plain values that go into the page.

Colours are stand-ins, which the page replaces by its variables, so that a figure is right in light and dark. Plotly
reads some HTML in names and labels: they are escaped, for a hospital's name is the hospital's.
"""

from __future__ import annotations

import html
import json
from functools import singledispatch
from typing import Any, TypeAlias

from fedchemo.simulations.report.figure import COLOURS, Axis, Bars, Dots, Figure, Heat, Line, Role

Traces: TypeAlias = list[dict[str, Any]]

STAND_INS: dict[Role, str] = {
    role: f"#0{place:x}0{place:x}0{place:x}" for place, role in enumerate(COLOURS, 1)
}
"""Role -> a colour that no figure uses otherwise."""
_BAND = "30"
_ROW_PX, _HEIGHT_PX, _SQUARE_PX = 30, 380, 440


def plotly_figure(figure: Figure) -> dict[str, Any]:
    """Return data, layout and height in pixels, checked by Plotly."""
    import plotly.graph_objects as go

    traces = [trace for mark in figure.marks for trace in _traces(mark)]
    layout: dict[str, Any] = {
        "margin": {"l": 8, "r": 22, "t": 8, "b": 8},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"size": 13, "color": STAND_INS["ink"]},
        "hoverlabel": {"bgcolor": STAND_INS["ink"], "font": {"color": STAND_INS["line"]}},
        "legend": {
            "orientation": "h",
            "x": 0,
            "y": 1.01,
            "xanchor": "left",
            "yanchor": "bottom",
            "traceorder": "normal",
        },
        "barmode": "stack",
        "dragmode": False,
        "hovermode": "closest",
        "xaxis": _axis(figure.x),
        "yaxis": _axis(figure.y),
        "modebar": {
            "bgcolor": "rgba(0,0,0,0)",
            "color": STAND_INS["reference"],
            "activecolor": STAND_INS["ink"],
        },
        "shapes": [*_rules(figure.x, "x"), *_rules(figure.y, "y")],
    }
    if figure.y.ticks:
        layout["yaxis"]["showgrid"] = False
    if sum(trace.get("showlegend", True) for trace in traces) < 2:
        # Plotly shows no legend then, and its button needs the room.
        layout["margin"]["t"] = 34
    if any(isinstance(mark, Heat) for mark in figure.marks):
        layout["xaxis"] |= {"type": "category", "showgrid": False, "side": "bottom"}
        layout["yaxis"] |= {"type": "category", "showgrid": False, "autorange": "reversed"}
    checked = json.loads(go.Figure(data=traces, layout=layout).to_json())
    checked["layout"].pop("template", None)
    return {"data": checked["data"], "layout": checked["layout"], "height": _height(figure)}


def _height(figure: Figure) -> int:
    if figure.rows:
        return 130 + _ROW_PX * figure.rows
    return _SQUARE_PX if figure.square else _HEIGHT_PX


def _axis(axis: Axis) -> dict[str, Any]:
    found: dict[str, Any] = {
        "title": {"text": html.escape(axis.title), "font": {"size": 13, "color": STAND_INS["muted"]}},
        "automargin": True,
        "zeroline": False,
        "gridcolor": STAND_INS["line"],
        "linecolor": STAND_INS["line"],
        "tickfont": {"color": STAND_INS["muted"]},
    }
    if axis.range:
        found["range"] = list(axis.range)
    if axis.ticks:
        found |= {
            "tickvals": list(axis.ticks),
            "ticktext": [html.escape(word) for word in axis.ticks.values()],
        }
        found["tickfont"] = {"color": STAND_INS["ink"]}
    if axis.percent:
        found["tickformat"] = ".0%"
        if axis.range and axis.range[1] - axis.range[0] >= 1:
            found["dtick"] = 0.2
    if axis.whole:
        found |= {"tickformat": "d", "rangemode": "tozero"}
    return found


def _rules(axis: Axis, name: str) -> list[dict[str, Any]]:
    other = "y" if name == "x" else "x"
    return [
        {
            "type": "line",
            f"{name}0": at,
            f"{name}1": at,
            f"{other}0": 0,
            f"{other}1": 1,
            f"{other}ref": "paper",
            "line": {"color": STAND_INS["muted"], "width": 1.6, "dash": "dot"},
            "layer": "between",
        }
        for at in axis.rules
    ]


@singledispatch
def _traces(mark: object) -> Traces:
    raise TypeError(type(mark).__name__)


@_traces.register
def _(mark: Line) -> Traces:
    colour, name = STAND_INS[mark.role], html.escape(mark.name)
    found: Traces = []
    if len(mark.low):
        edge = {"mode": "lines", "line": {"width": 0}, "hoverinfo": "skip", "showlegend": False}
        found = [
            {"type": "scatter", "x": list(mark.x), "y": list(mark.low), "legendgroup": name, **edge},
            {
                "type": "scatter",
                "x": list(mark.x),
                "y": list(mark.high),
                "fill": "tonexty",
                "fillcolor": colour + _BAND,
                "legendgroup": name,
                **edge,
            },
        ]
    dash = "dash" if mark.dashed else "solid"
    found.append(
        {
            "type": "scatter",
            "mode": "lines+markers" if mark.marked else "lines",
            "x": list(mark.x),
            "y": list(mark.y),
            "name": name,
            "legendgroup": name,
            "showlegend": mark.named,
            "line": {"color": colour, "width": 1.4 if mark.thin else 2.6, "dash": dash},
            "marker": {"size": 4 if mark.thin else 7},
            "hovertemplate": f"{name}<br>%{{x:.4~g}}: %{{y:.3f}}<extra></extra>",
        }
    )
    return found


@_traces.register
def _(mark: Dots) -> Traces:
    colour, name = STAND_INS[mark.role], html.escape(mark.name)
    middle = mark.x if mark.along == "x" else mark.y
    bars = {
        "type": "data",
        "symmetric": False,
        "array": [high - value for high, value in zip(mark.high, middle, strict=True)],
        "arrayminus": [value - low for low, value in zip(mark.low, middle, strict=True)],
        "color": colour,
        "thickness": 1.8,
        "width": 0,
    }
    return [
        {
            "type": "scatter",
            "mode": "markers",
            "x": list(mark.x),
            "y": list(mark.y),
            f"error_{mark.along}": bars,
            "name": name,
            "cliponaxis": False,
            "marker": {"color": colour, "size": 9, "symbol": "circle-open" if mark.hollow else "circle"},
            "text": [html.escape(word) for word in mark.words],
            "hovertemplate": f"{name}<br>%{{text}}<extra></extra>" if mark.words else None,
        }
    ]


@_traces.register
def _(mark: Bars) -> Traces:
    name = html.escape(mark.name)
    return [
        {
            "type": "bar",
            "orientation": "h",
            "x": list(mark.values),
            "y": list(mark.places),
            "name": name,
            "marker": {"color": STAND_INS[mark.role]},
            "width": 0.6,
            "hovertemplate": f"{name}: %{{x:.3~s}}<extra></extra>",
        }
    ]


@_traces.register
def _(mark: Heat) -> Traces:
    columns, rows = ([html.escape(name) for name in names] for names in (mark.columns, mark.rows))
    return [
        {
            "type": "heatmap",
            "x": columns,
            "y": rows,
            "z": [list(row) for row in mark.values],
            "zmin": mark.middle - mark.reach,
            "zmax": mark.middle + mark.reach,
            "colorscale": [
                [0, STAND_INS["baseline"]],
                [0.5, STAND_INS["line"]],
                [1, STAND_INS["model"]],
            ],
            "showscale": False,
            "xgap": 2,
            "ygap": 2,
            "hoverongaps": False,
            "texttemplate": "%{z:.2f}",
            "hovertemplate": "%{y} at %{x}: %{z:.3f}<extra></extra>",
        }
    ]
