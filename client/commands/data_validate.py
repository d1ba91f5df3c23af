"""The command ``fedchemo data validate``: everything that is wrong with a site folder, at once."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from fedchemo.client.validation import Validation


def validate_data(
    site: Annotated[Path, typer.Argument(help="Site folder.", metavar="SITE")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")] = False,
    images: Annotated[
        bool, typer.Option("--images/--no-images", help="Read the images, or look at their names only.")
    ] = True,
    workers: Annotated[
        int | None,
        typer.Option(help="Examinations in memory at a time. (default: one a core, at most 4)", min=1),
    ] = None,
    kit: Annotated[
        Path | None, typer.Option(help="This hospital's kit: is the folder the one that belongs to it?")
    ] = None,
) -> None:
    """Find everything that is wrong or odd in a site folder, and say what to do about each.

    The status is 0 without errors. Bad patients are set aside by name and the others go on; nothing is changed.
    """
    import json
    import os

    from rich.console import Console
    from rich.progress import Progress as Bar

    from fedchemo.client.validation import validate_site
    from fedchemo.shared.kit import read_kit

    expected = read_kit(kit).site if kit else None
    console = Console(stderr=True, highlight=False)
    with Bar(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("examining images", total=None, visible=False)
        found = validate_site(
            site,
            images=images,
            workers=workers or min(4, os.cpu_count() or 1),
            expected=expected,
            progress=lambda done, total: bar.update(task, completed=done, total=total, visible=True),
        )
    if as_json:
        typer.echo(json.dumps(found.to_dict(), indent=1, allow_nan=False))
    else:
        _show(found, Console(highlight=False, soft_wrap=True))
    if found.errors or not found.usable:
        raise typer.Exit(1)


def _show(found: Validation, console: Console) -> None:
    from rich.markup import escape

    from fedchemo.shared.catalogue import CATALOGUE

    name = f"{found.site} of {found.dataset}" if found.dataset else found.site or str(found.folder)
    console.print(f"[bold]{escape(name)}[/]")
    if found.counts:
        console.print(_counted(found))
    for severity, style in (("error", "bold red"), ("warning", "yellow")):
        chosen = [problem for problem in found.problems if problem.severity == severity]
        for code in dict.fromkeys(problem.code for problem in chosen):
            group = [problem for problem in chosen if problem.code == code]
            console.print(f"\n[{style}]{severity} {code}[/] {escape(CATALOGUE[code].title)} ({len(group)})")
            for problem in group:
                place = escape(str(problem).removeprefix(f"{code} "))
                whom = f"[bold]{escape(problem.patient)}[/] " if problem.patient else ""
                console.print(f"  {whom}{place}")
    if found.set_aside:
        console.print("\n[bold]Set aside, and the others go on:[/]")
        for item in found.set_aside:
            whom = item.patient or f"row {item.row}"
            console.print(f"  {escape(whom)}: {item.what} ({', '.join(item.codes)}: {escape(item.why)})")
    console.print(f"\n{_verdict(found)}")


def _counted(found: Validation) -> str:
    counts = found.counts
    checked = "" if counts["images_checked"] else ", not looked into"
    return (
        f"{counts['patients']} patients can be used, {counts['labelled']} with an outcome, {counts['pcr']} of them "
        f"pCR; {counts['train']} train, {counts['validation']} validation, {counts['test']} test; "
        f"{counts['images']} examinations{checked}"
    )


def _verdict(found: Validation) -> str:
    errors = f"{found.errors} error{'' if found.errors == 1 else 's'}"
    warnings = len(found.problems) - found.errors
    total = f"{errors}, {warnings} warning{'' if warnings == 1 else 's'}"
    if not found.usable:
        return f"[bold red]{total}: the folder is refused as it is; it cannot take part in training.[/]"
    if found.errors:
        return f"[bold yellow]{total}: the folder can be used without what is set aside.[/]"
    return f"[bold green]{total}: the folder can be used.[/]"
