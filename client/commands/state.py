"""How the commands beside a client name the state folder that they mean."""

from __future__ import annotations

import typer

STATE = typer.Option(help="The client's state folder. (default: the kit's, or the only one of this user)")
KIT = typer.Option(help="The kit whose client is meant.")
PROXY = typer.Option(
    metavar="URL",
    help="HTTP proxy, http://HOST:PORT. (default: HTTPS_PROXY, unless NO_PROXY names the coordinator)",
)
