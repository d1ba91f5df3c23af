"""The command ``fedchemo report``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from fedchemo.simulations.report.content import Page


def report(
    folder: Annotated[Path, typer.Argument(help="The folder of a run or a study.", metavar="RUN|STUDY")],
    out: Annotated[
        Path | None, typer.Option(help="Where to write. (default: the folder itself)", file_okay=False)
    ] = None,
) -> None:
    """Write a run or a study as one HTML page, its figures as SVG and PNG, and a run's model card.

    The page works without a network. What an earlier report wrote is replaced.
    """
    from rich.console import Console

    from fedchemo.server.model_card import FILE as CARD
    from fedchemo.shared.atomic import write_bytes, write_text
    from fedchemo.simulations.report.page import render
    from fedchemo.simulations.report.paper import drawn

    page = _page(folder)
    target = out or folder
    static = {}
    for figure in page.figures:
        svg, png = drawn(figure)
        write_bytes(target / "figures" / f"{figure.key}.svg", svg)
        write_bytes(target / "figures" / f"{figure.key}.png", png)
        static[figure.key] = svg
    if (card := _card(folder)) is not None:
        write_text(target / CARD, card)
    html = render(page, static)
    write_text(target / "report.html", html)
    console = Console(highlight=False, soft_wrap=True)
    console.print(page.verdict, markup=False)
    console.print(
        f"{target / 'report.html'}  ({len(html.encode()) / 1e6:.1f} MB, opens without a network); {len(page.figures)} "
        f"figures as SVG and PNG in {target / 'figures'}",
        markup=False,
    )


def _card(folder: Path) -> str | None:
    """Return the model card of a run; a study has many models, and no card."""
    from fedchemo.server.account import read_account
    from fedchemo.server.model_card import model_card
    from fedchemo.server.run_folder import CONFIGURATION

    return model_card(read_account(folder)) if (folder / CONFIGURATION).is_file() else None


def _page(folder: Path) -> Page:
    """Return what the page says.

    Raises:
        FedchemoError: FC781 if the folder holds neither a run nor a study, and as `run_page` and `study_page`.
    """
    from fedchemo.server.run_folder import CONFIGURATION
    from fedchemo.shared.errors import FedchemoError
    from fedchemo.simulations.studies.run import STUDY

    if (folder / CONFIGURATION).is_file():
        from fedchemo.simulations.report.run import run_page

        return run_page(folder)
    if (folder / STUDY).is_file():
        from fedchemo.simulations.report.study import study_page

        return study_page(folder)
    raise FedchemoError("FC781", str(folder))
