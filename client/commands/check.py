"""The command ``fedchemo client check``: can this hospital take part, and what stands in the way?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fedchemo.client.commands.state import PROXY


def check(
    kit: Annotated[Path, typer.Option(help="The kit file from the coordinator.")],
    site: Annotated[Path, typer.Option(help="This hospital's site folder.")],
    state: Annotated[
        Path | None,
        typer.Option(help="Folder for what the client keeps. (default: the user's state folder)"),
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda:N.")] = "auto",
    proxy: Annotated[str | None, PROXY] = None,
    images: Annotated[
        bool, typer.Option("--images/--no-images", help="Look into every image, which takes longer.")
    ] = False,
    passphrase_file: Annotated[
        Path | None,
        typer.Option(help="File whose first line is the passphrase of this hospital's own key."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the lines as JSON.")] = False,
) -> None:
    """Check network, kit, roster, versions, device, disk, data and policy, and say what to do about each.

    Joins nothing and changes nothing. The coordinator is asked one signed question and told no more than when the
    client joins; one outgoing port is all that is needed. The status is 1 if a line fails.
    """
    import json

    from rich.console import Console

    from fedchemo.client.check.run import Wish, check_client
    from fedchemo.shared.findings import table, verdict_in_words, worst

    console = Console(stderr=True, highlight=False)
    wish = Wish(kit, site, state, device, proxy, images, passphrase_file)
    status = console.status("")

    def say(doing: str) -> None:
        status.update(doing)
        status.start()  # not before the first word: a passphrase may be asked for

    try:
        found = check_client(wish, say=say)
    finally:
        status.stop()
    if as_json:
        typer.echo(json.dumps({"verdict": worst(found), "lines": [one.to_dict() for one in found]}, indent=1))
    else:
        printer = Console(highlight=False)
        printer.print(table(found))
        printer.print(verdict_in_words(found))
    if worst(found) == "fail":
        raise typer.Exit(1)
