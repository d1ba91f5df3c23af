"""The outcome of a soak, for a person."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.table import Table

from tests.federation.chaos.faults import FAULTS

WANTED = 20
"""Faults of each kind in half an hour."""


def show(found: dict[str, Any], console: Console) -> None:
    """Print what the parties have been through."""
    console.print(_faults(found))
    console.print(_memory(found))
    runs = found["runs"]
    console.print(
        f"{runs['completed']} runs, {runs['rounds']} rounds, {runs['replies']} replies counted, "
        f"{runs['resumed']} resumptions; {runs['updates_lost']} updates did not count; "
        f"the others waited {found['longest_wait_s']} s at most"
    )
    few = [kind for kind, one in found["faults"].items() if one["inflicted"] < WANTED]
    if few:
        console.print(f"fewer than {WANTED} of: {', '.join(few)}")
    for what in found["broken"]:
        console.print(f"[red]broken[/]: {what}", soft_wrap=True)
    console.print(f"{len(found['broken'])} invariants broken")


def _faults(found: dict[str, Any]) -> Table:
    table = Table(title=f"{found['minutes']:g} minutes, seed {found['seed']}", title_justify="left")
    table.add_column("fault")
    for name in ("inflicted", "survived", "median wait", "longest wait"):
        table.add_column(name, justify="right")
    for kind, one in found["faults"].items():
        waits = (f"{one[name]} s" if one["inflicted"] else "" for name in ("median_wait_s", "longest_wait_s"))
        table.add_row(FAULTS[kind].what, str(one["inflicted"]), str(one["survived"]), *waits)
    return table


def _memory(found: dict[str, Any]) -> Table:
    table = Table(title="memory of each party alone, MB", title_justify="left")
    table.add_column("party")
    for name in ("starts", "first", "last", "an hour"):
        table.add_column(name, justify="right")
    for name, one in found["memory_mb"].items():
        slope = f"{one['slope_per_hour']:+}"
        table.add_row(name, str(found["starts"][name]), str(one["first"]), str(one["last"]), slope)
    return table
