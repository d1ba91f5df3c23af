"""A file as grids of text: CSV, TSV, XLSX, XLS and Parquet, every sheet, nothing interpreted."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from fedchemo.client.cohort.problems import Problem, error
from fedchemo.client.importing.tables.delimited import read_delimited
from fedchemo.client.importing.tables.workbooks import read_xls, read_xlsx

_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ZIP = b"PK\x03\x04"
_PARQUET = b"PAR1"
_BIFF = (b"\x09\x00\x04\x00", b"\x09\x02\x06\x00", b"\x09\x04\x06\x00", b"\x09\x08")
# Hospitals send tables of some thousand patients; a gigabyte is a wrong file and would fill the memory.
_TOO_LARGE = 500_000_000
_SAVE = "Save it as .xlsx or as 'CSV UTF-8'"


@dataclass(frozen=True)
class Grid:
    """One sheet.

    Attributes:
        file: where it stands.
        sheet: its name; None where the file has only one.
        rows: cells as text, ``""`` for an empty one; the first row is row 1.
        ragged: rows may have unequal numbers of cells, as in a text file where one is broken.
    """

    file: Path
    sheet: str | None
    rows: tuple[tuple[str, ...], ...]
    ragged: bool = False


def read_grids(path: Path) -> tuple[list[Grid], list[Problem]]:
    """Read every sheet of a file, told by its content, not its name.

    Returns:
        The sheets that are not empty, and what is wrong: FC130 (not a table), FC131 (a password), FC132 (text that
        is no table), FC133 (a warning: not UTF-8).
    """
    head, unfit = _look(path)
    if unfit is not None:
        return [], [unfit]
    if head.startswith(_OLE) and _is_encrypted(path):
        remedy = "Open it, save a copy without a password, and name the copy"
        return [], [error("FC131", path, "is protected by a password", remedy)]
    try:
        if head.startswith(_PARQUET):
            named = _read_parquet(path)
        elif head.startswith(_ZIP):
            named = read_xlsx(path)
        elif head.startswith((_OLE, *_BIFF)):
            named = read_xls(path)
        else:
            rows, problems = read_delimited(path)
            grids = [Grid(path, None, rows, ragged=True)] if rows else []
            return grids, problems
    except MemoryError:
        raise
    except Exception as wrong:  # noqa: BLE001 - the readers raise whatever a broken file makes them raise
        what = f"is no table that can be read ({type(wrong).__name__})"
        return [], [error("FC130", path, what, f"Open it in a spreadsheet program. {_SAVE}")]
    filled = [(name, rows) for name, rows in named if any(any(row) for row in rows)]
    if not filled:
        return [], [error("FC130", path, "has no sheet with anything in it", "Export the table again")]
    return [Grid(path, name if len(filled) > 1 else None, rows) for name, rows in filled], []


def _look(path: Path) -> tuple[bytes, Problem | None]:
    """Return a file's first bytes, and why it cannot be a table."""
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            head = file.read(8)
    except OSError as wrong:
        what = "is not there" if isinstance(wrong, FileNotFoundError) else f"cannot be read: {wrong.strerror}"
        return b"", error("FC130", path, what, "Check the path, and that this user may read the file")
    if size == 0:
        return head, error("FC130", path, "is empty", "Export the table again")
    if size > _TOO_LARGE:
        remedy = "Name a table with a row a patient or visit"
        return head, error("FC130", path, "is larger than 500 MB", remedy)
    # Some systems call a web page .xls, and spreadsheets open it.
    if head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        what = "is a web page or XML, whatever its name says"
        return head, error("FC130", path, what, f"Open it in a spreadsheet program. {_SAVE}")
    return head, None


def _is_encrypted(path: Path) -> bool:
    import msoffcrypto

    try:
        with path.open("rb") as file:
            return bool(msoffcrypto.OfficeFile(file).is_encrypted())
    except Exception:  # noqa: BLE001 - what it cannot open is told by the reader of workbooks
        return False


def _read_parquet(path: Path) -> list[tuple[str | None, tuple[tuple[str, ...], ...]]]:
    import pyarrow.parquet as pq

    from fedchemo.client.importing.tables.workbooks import as_text

    table = pq.read_table(path)
    # An index that pandas stored under a name is a column like any other; one without a name is a row count.
    names = [name for name in table.column_names if not name.startswith("__index_level_")]
    columns = [table.column(table.column_names.index(name)).to_pylist() for name in names]
    rows = [tuple(names), *(tuple(as_text(cell) for cell in row) for row in zip(*columns, strict=True))]
    return [(None, tuple(rows))]
