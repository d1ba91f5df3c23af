"""Errors FC130-149: reading a hospital's tables."""

from __future__ import annotations

from fedchemo.shared.catalogue.entry import Entry

ENTRIES: dict[str, Entry] = {
    "FC130": Entry(
        "Not a table that can be read",
        "The file is absent, empty, damaged, or no CSV, Excel or Parquet file whatever its name says.",
        "Open it in a spreadsheet program and save it as .xlsx or as 'CSV UTF-8'.",
    ),
    "FC131": Entry(
        "Workbook protected by a password",
        "It was saved with a password, so nothing in it can be read.",
        "Open it, save a copy without a password in a place that only you may read, and name the copy.",
    ),
    "FC132": Entry(
        "Text file broken",
        "A quotation mark is not closed, or the bytes are not in the encoding that the file begins with.",
        "Look at the row named in the message, or export the table again as 'CSV UTF-8'.",
    ),
    "FC133": Entry(
        "Table not in UTF-8",
        "The program that wrote it uses an older encoding; which one was worked out from its bytes.",
        "Check accents and umlauts in what was read; save as 'CSV UTF-8' to be sure.",
    ),
    "FC134": Entry(
        "Mapping file not valid",
        "A key is unknown or absent, a unit is not stated, a code means something that the variable cannot be.",
        "Correct the key named in the message; `fedchemo data import --guess` writes a mapping to start from.",
    ),
    "FC135": Entry(
        "No mapping for a table",
        "Its header is none of a published table, and no mapping given with --columns names its columns; or two fit.",
        "Run `fedchemo data import --guess` on it, correct what it proposes, and pass that with --columns.",
    ),
    "FC136": Entry(
        "Column of the mapping not found",
        "The table lacks a column that its mapping names, or has two of that name.",
        "Correct the name in the mapping or the header; write optional = true if the column may be absent.",
    ),
    "FC137": Entry(
        "Row without a patient",
        "The row names no patient: often column means, a total or a remark below the table.",
        "Nothing to do if it is no patient; else write the identifier.",
    ),
    "FC138": Entry(
        "Identifier cannot be joined",
        "It does not have the form that the joining rule expects, or two identifiers become one by it.",
        "Correct the identifier, or the rule under [identifier] in the mapping.",
    ),
    "FC139": Entry(
        "Patient in two rows that agree",
        "A row was exported twice, or a patient has a row a tumour.",
        "Keep one row a patient, or a patient and visit.",
    ),
    "FC140": Entry(
        "Value not understood",
        "The cell holds a word or code that neither the variable nor the mapping knows, or a number that may be two.",
        "Correct the cell, or say under codes or missing in the mapping what it means.",
    ),
    "FC141": Entry(
        "Value out of range",
        "No patient can have this value: a slip, another unit than the column's, or a code for missing.",
        "Correct the cell, or state the unit or the code in the mapping.",
    ),
    "FC142": Entry(
        "Number that looks like a code for missing",
        "-1, 999 and the like stand for missing in many tables, and the mapping does not say whether here.",
        'Write missing = ["999"] in the mapping; the value is taken as missing meanwhile.',
    ),
    "FC143": Entry(
        "Column is not what the mapping says",
        "Many of its values are not understood or out of range: another column, other codes or another unit.",
        "Correct the column, its unit or its codes in the mapping; nothing of the column was taken.",
    ),
    "FC144": Entry(
        "Unit not plausible",
        "The middle value of the column is far from what patients have: mm for cm, mm3 for cm3, per cent for fraction.",
        "Correct the unit in the mapping; write checked = true if the values are right.",
    ),
    "FC145": Entry(
        "Tables contradict each other",
        "Two places say different things about the same patient; none is taken, the patient is set aside.",
        "Find out which is right and correct the other; the message names both.",
    ),
    "FC146": Entry(
        "Tables joined by different rules",
        "The mappings of the tables state different rules under [identifier], so their patients cannot be matched.",
        "Import tables of one hospital together, and state one rule in their mappings.",
    ),
    "FC147": Entry(
        "Table has no patient in common with the others",
        "Identifiers are written differently, lost leading zeros, or the table is another hospital's.",
        "Check the identifiers and the rule under [identifier]; `zero-padded` restores lost zeros.",
    ),
    "FC148": Entry(
        "Row broken",
        "A row of a text file has more or fewer cells than the header, so its values may stand in wrong columns.",
        "Put values that hold the separator in double quotes, or export the table again.",
    ),
    "FC149": Entry(
        "No mapping can be proposed",
        "No column looks like a patient's identifier, or none holds a variable that fedchemo knows.",
        "Write a mapping by hand; the shipped ones are examples.",
    ),
}
