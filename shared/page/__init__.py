"""What every HTML page of fedchemo has in common: how it is made, its colours, type, tables, print and dark screens.

A page is one file that names nothing outside itself, and what people wrote stays text: everything is escaped.
"""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jinja2 import Environment


def environment() -> Environment:
    """Return the templates' environment: it escapes, and refuses a name that is not given."""
    from jinja2 import Environment, StrictUndefined

    return Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)


def style(package: str) -> str:
    """Return the common style followed by ``page.css`` of a package."""
    sheets = (files("fedchemo.shared.page") / "base.css", files(package) / "page.css")
    return "".join(sheet.read_text(encoding="utf-8") for sheet in sheets)
