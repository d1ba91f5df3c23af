"""The page itself: one HTML file with Plotly inside, which loads nothing and runs no script but its own two."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import json
import re
from collections.abc import Mapping
from importlib.metadata import version
from importlib.resources import files

from markupsafe import Markup, escape

from fedchemo.shared.page import environment, style
from fedchemo.simulations.report.content import Page
from fedchemo.simulations.report.interactive import STAND_INS, plotly_figure

PACKAGE = "fedchemo.simulations.report"


def render(page: Page, static: Mapping[str, bytes], *, today: dt.date | None = None) -> str:
    """Return the page as HTML.

    Args:
        page: what it says.
        static: each figure as SVG, for readers whose browser runs no script.
        today: the day that it shows.
    """
    from plotly.offline import get_plotlyjs

    data = {
        "colours": {stand_in: role for role, stand_in in STAND_INS.items()},
        "figures": {figure.key: plotly_figure(figure) for figure in page.figures},
    }
    plotly = get_plotlyjs().replace("\r\n", "\n")
    script = _text("page.js")
    least = min([0.4, *(measure.interval.low for measure in page.ruler)])
    templates = environment()
    templates.filters["coded"] = _coded
    return templates.from_string(_text("page.html.j2")).render(
        page=page,
        style=style(PACKAGE),
        hashes=" ".join(_hash(text) for text in (plotly, script)),
        plotly=plotly,
        script=script,
        data=_inert(data),
        static={key: base64.b64encode(svg).decode() for key, svg in static.items()},
        at=lambda area: round(100 * (area - least) / (1 - least), 2),
        version=version("fedchemo"),
        day=(today or dt.datetime.now().astimezone().date()).isoformat(),
    )


def _text(name: str) -> str:
    return (files(PACKAGE) / name).read_text(encoding="utf-8")


def _coded(text: str) -> Markup:
    """Return text, escaped, in which what stands between backticks is code."""
    return Markup(re.sub("`([^`]+)`", r"<code>\1</code>", str(escape(text))))  # noqa: S704 - escaped above


def _hash(script: str) -> str:
    """Return the script's hash for the page's security policy, which runs no other script."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"


def _inert(data: object) -> str:
    """Return JSON in which nothing can end the element that holds it."""
    text = json.dumps(data, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
