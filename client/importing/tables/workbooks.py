"""Excel workbooks as text, with what a cell shows rather than how it is stored."""

from __future__ import annotations

import datetime as dt
import math
import re
import zipfile
from pathlib import Path
from typing import Any

Rows = tuple[tuple[str, ...], ...]

UNCALCULATED = "=?"
"""Stands for a formula whose value was never stored: a program wrote the file and no spreadsheet opened it."""

_ONLY_ZEROS = re.compile(r"0{2,}")
_FORMULA = re.compile(rb"<f[ >]")


def as_text(cell: object) -> str:
    """Return a cell as text: whole numbers without a decimal point, days as year-month-day, NaN as nothing."""
    match cell:
        case None:
            return ""
        case bool():
            return str(int(cell))
        case str():
            return cell
        case int():
            return str(cell)
        case float():
            if math.isnan(cell):
                return ""
            return str(int(cell)) if cell.is_integer() and abs(cell) < 1e15 else repr(cell)
        case dt.datetime():
            midnight = (cell.hour, cell.minute, cell.second) == (0, 0, 0)
            return cell.strftime("%Y-%m-%d" if midnight else "%Y-%m-%d %H:%M:%S")
        case dt.date():
            return cell.isoformat()
        case bytes():
            return cell.decode("utf-8", errors="replace")
        case _:
            return str(cell)


def read_xlsx(path: Path) -> list[tuple[str | None, Rows]]:
    """Read the sheets of a .xlsx or .xlsm workbook.

    Raises:
        Exception: whatever openpyxl raises for a file that is none.
    """
    import openpyxl

    formulas = _formulas(path) if _has_formulas(path) else {}
    # An open file, since openpyxl refuses a workbook by the end of its name.
    with path.open("rb") as file:
        book = openpyxl.load_workbook(file, read_only=True, data_only=True)
        sheets: list[tuple[str | None, Rows]] = []
        for sheet in book.worksheets:
            # The size that a file claims may be wrong, and openpyxl would believe it.
            sheet.reset_dimensions()
            rows = []
            for number, row in enumerate(sheet.iter_rows(), start=1):
                cells = [_shown(cell) for cell in row]
                for place in formulas.get((sheet.title, number), ()):
                    if place < len(cells) and not cells[place]:
                        cells[place] = UNCALCULATED
                rows.append(cells)
            sheets.append((sheet.title, _even(rows)))
        book.close()
    return sheets


def read_xls(path: Path) -> list[tuple[str | None, Rows]]:
    """Read the sheets of an old .xls workbook.

    Raises:
        Exception: whatever xlrd raises for a file that is none.
    """
    import os

    import xlrd

    with Path(os.devnull).open("w") as silence:
        try:
            book = xlrd.open_workbook(path, logfile=silence, formatting_info=True)
        except NotImplementedError:
            book = xlrd.open_workbook(path, logfile=silence)
    sheets: list[tuple[str | None, Rows]] = []
    for sheet in book.sheets():
        rows = [
            [_old_cell(book, sheet, row, place) for place in range(sheet.row_len(row))]
            for row in range(sheet.nrows)
        ]
        sheets.append((sheet.name, _even(rows)))
    return sheets


def _shown(cell: Any) -> str:
    text = as_text(cell.value)
    # An identifier that is shown as 001234 by its format is stored as 1234.
    shape = getattr(cell, "number_format", None)
    if text.isdigit() and isinstance(shape, str) and _ONLY_ZEROS.fullmatch(shape):
        return text.zfill(len(shape))
    return text


def _old_cell(book: Any, sheet: Any, row: int, place: int) -> str:
    import xlrd

    cell = sheet.cell(row, place)
    if cell.ctype == xlrd.XL_CELL_DATE:
        return as_text(xlrd.xldate_as_datetime(cell.value, book.datemode))
    if cell.ctype == xlrd.XL_CELL_ERROR:
        return str(xlrd.error_text_from_code.get(cell.value, "#ERROR!"))
    if cell.ctype == xlrd.XL_CELL_BOOLEAN:
        return str(int(cell.value))
    text = as_text(cell.value)
    if text.isdigit() and cell.xf_index is not None and book.format_map:
        shape = book.format_map.get(book.xf_list[cell.xf_index].format_key)
        if shape is not None and _ONLY_ZEROS.fullmatch(shape.format_str):
            return text.zfill(len(shape.format_str))
    return text


def _even(rows: list[list[str]]) -> Rows:
    """Return rows of one length, without empty ones at the end."""
    while rows and not any(rows[-1]):
        rows.pop()
    width = max((len(row) for row in rows), default=0)
    return tuple(tuple(row) + ("",) * (width - len(row)) for row in rows)


def _has_formulas(path: Path) -> bool:
    with zipfile.ZipFile(path) as archive:
        return any(
            _FORMULA.search(archive.read(name))
            for name in archive.namelist()
            if name.startswith("xl/worksheets/") and name.endswith(".xml")
        )


def _formulas(path: Path) -> dict[tuple[str, int], list[int]]:
    """Return (sheet, row) -> the places of cells that hold a formula."""
    import openpyxl

    found: dict[tuple[str, int], list[int]] = {}
    with path.open("rb") as file:
        book = openpyxl.load_workbook(file, read_only=True, data_only=False)
        for sheet in book.worksheets:
            sheet.reset_dimensions()
            for number, row in enumerate(sheet.iter_rows(values_only=True), start=1):
                places = [
                    place for place, cell in enumerate(row) if isinstance(cell, str) and cell[:1] == "="
                ]
                if places:
                    found[sheet.title, number] = places
        book.close()
    return found
