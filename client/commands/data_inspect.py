"""The command ``fedchemo data inspect``: a site folder as one HTML page for the hospital's own eyes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def inspect_data(
    site: Annotated[Path, typer.Argument(help="Site folder.", metavar="SITE")],
    out: Annotated[Path, typer.Option(help="HTML file to write; only its owner may read it.")],
    state: Annotated[
        Path | None,
        typer.Option(
            help="State folder of the import, for the scanners. (default: where `data import` keeps it)"
        ),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(help="Examinations in memory at a time. (default: one a core, at most 4)", min=1),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace --out if it is there.")] = False,
) -> None:
    """Show a site folder: cohort table, missing values, distributions, every patient's images, what is wrong.

    The page is one file that refers to nothing outside itself. Nothing is sent anywhere.
    """
    import os

    from rich.console import Console
    from rich.progress import Progress as Bar

    from fedchemo.client.inspection import inspect_site
    from fedchemo.shared.atomic import write_text
    from fedchemo.shared.errors import FedchemoError

    if out.is_dir():
        raise FedchemoError("FC003", f"--out {out} is a folder")
    if out.exists() and not overwrite:
        raise FedchemoError("FC003", str(out))
    console = Console(stderr=True, highlight=False)
    with Bar(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("looking at images", total=None, visible=False)
        page, found = inspect_site(
            site,
            state=state or _default_state(site),
            workers=workers or min(4, os.cpu_count() or 1),
            progress=lambda done, total: bar.update(task, completed=done, total=total, visible=True),
        )
    write_text(out, page, mode=0o600)
    console.print(
        f"{out}: patients {found.counts['patients']}, examinations {found.counts['images']}, errors {found.errors}, "
        f"warnings {len(found.problems) - found.errors}; {len(page) / 1e6:.1f} MB. Nothing was sent.",
        soft_wrap=True,
        markup=False,
    )


def _default_state(site: Path) -> Path | None:
    """Return where `fedchemo data import` keeps its report of a site, by the site's name."""
    import platformdirs

    from fedchemo.client.cohort.description import read_description

    description, _ = read_description(site / "site.toml")
    if description is None:
        return None
    return Path(platformdirs.user_state_dir("fedchemo")) / "data" / description.name
