"""The tables of a study as files, each whole or absent."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from fedchemo.shared.atomic import write_text

if TYPE_CHECKING:
    from fedchemo.simulations.studies.analysis import Tables


def write_tables(found: Tables, folder: Path) -> None:
    """Write ``findings.txt`` and a file each: estimates, comparisons, subgroups, cross-site results and probes if any.

    Raises:
        FedchemoError: FC004 if the folder cannot be written.
    """
    for name in ("estimates", "comparisons", "subgroups", "cross_site", "probes"):
        table = getattr(found, name)
        if len(table):
            write_text(folder / f"{name}.csv", table.to_csv(index=False))
    write_text(folder / "findings.txt", "".join(f"{sentence}\n" for sentence in found.sentences))
