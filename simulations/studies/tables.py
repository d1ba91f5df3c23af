"""The tables of a study as files, each whole or absent; ``README.md`` beside this says what each holds."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from fedchemo.shared.atomic import write_text

if TYPE_CHECKING:
    from fedchemo.simulations.studies.analysis import Tables


def write_tables(found: Tables, folder: Path) -> None:
    """Write the tables that have a row, and ``findings.txt``.

    Raises:
        FedchemoError: FC004 if the folder cannot be written.
    """
    for name, table in found.files.items():
        write_text(folder / f"{name}.csv", table.to_csv(index=False, float_format="%.6g"))
    write_text(folder / "findings.txt", "".join(f"{sentence}\n" for sentence in found.sentences))
