"""The command ``fedchemo data``: a hospital's data imported, checked and looked at."""

from __future__ import annotations

import typer

from fedchemo.client.commands.data_import import import_data
from fedchemo.client.commands.data_inspect import inspect_data
from fedchemo.client.commands.data_validate import validate_data

data = typer.Typer(
    help="Import, validate and inspect a hospital's data.",
    rich_markup_mode="rich",
    add_completion=False,
    no_args_is_help=True,
)
data.command("import")(import_data)
data.command("validate")(validate_data)
data.command("inspect")(inspect_data)
