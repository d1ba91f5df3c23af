"""``python -m fedchemo.simulations.benchmarks``: measure, print tables, and write ``bench.json``."""

from __future__ import annotations

import os
import platform
import signal
import time
from pathlib import Path
from typing import Annotated

import typer

from fedchemo.shared.errors import FedchemoError
from fedchemo.simulations.benchmarks.parts import CORES, PARTS
from fedchemo.simulations.benchmarks.results import (
    Measurement,
    account_table,
    others_table,
    rounds_table,
    verdict_table,
    verdicts,
    write_json,
)


def main(
    only: Annotated[str, typer.Option(help=f"Parts, with commas: {','.join(PARTS)}.")] = ",".join(PARTS),
    quick: Annotated[bool, typer.Option("--quick", help="Few rounds, rough figures.")] = False,
    out: Annotated[Path, typer.Option(help="The JSON file to write.")] = Path("bench.json"),
) -> None:
    """Measure what a round costs beyond the sites' own computing, beside Flower's own engines."""
    from rich.console import Console

    # The contexts that end the processes under measurement see SIGTERM as they see Ctrl-C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    console = Console(highlight=False)
    found: list[Measurement] = []
    try:
        for name in _chosen(only):
            _measure(name, found, console, quick=quick)
    except FedchemoError as error:
        console.print(f"[red]{error}[/]\n{error.entry.remedy}")
        raise typer.Exit(1) from None
    finally:
        if found:
            write_json(out, found, _machine(quick=quick))
            account = account_table(found, CORES)
            for table in (
                rounds_table(found),
                *([account] if account else []),
                others_table(found),
                verdict_table(verdicts(found)),
            ):
                console.print(table)
            console.print(f"Results: {out}")


def _chosen(only: str) -> list[str]:
    names = [name.strip() for name in only.split(",") if name.strip()]
    if unknown := sorted(set(names) - set(PARTS)):
        raise FedchemoError("FC765", f"no part {', '.join(unknown)}; there are {', '.join(PARTS)}")
    return [name for name in PARTS if name in names]


def _measure(name: str, found: list[Measurement], console: object, *, quick: bool) -> None:
    from rich.console import Console

    assert isinstance(console, Console)
    begun = time.monotonic()
    with console.status(f"{name}: {PARTS[name].__doc__}") as status:
        for measurement in PARTS[name](quick):
            found.append(measurement)
            told = f"{measurement.what} {measurement.sites or ''} {measurement.size}".strip()
            status.update(f"{name}: {told} {measurement.median:.4g} {measurement.unit}")
    console.print(f"{name}: {time.monotonic() - begun:.0f} s")


def _machine(*, quick: bool) -> dict[str, object]:
    import flwr

    return {
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "flwr": getattr(flwr, "__version__", ""),
        "system": platform.platform(),
        "quick": quick,
    }


if __name__ == "__main__":
    typer.run(main)
