"""Errors FC1xx: site folders."""

from __future__ import annotations

from fedchemo.shared.catalogue.entry import Entry

ENTRIES = {
    "FC101": Entry(
        "Site folder not usable",
        "Something in the folder contradicts the description of a site folder; every problem is listed.",
        "Correct what is listed, from the first on, and run the command again.",
    ),
    "FC102": Entry(
        "Not a site folder",
        "The path is misspelt, names the folder above, or site.toml was never written.",
        "Name the folder that holds site.toml and clinical.csv.",
    ),
    "FC103": Entry(
        "site.toml not valid",
        "A key is absent, unknown or of the wrong type, or the file is not TOML.",
        'Write name = "..." and dataset = "...", and notes = "..." if you like.',
    ),
    "FC104": Entry(
        "Table cannot be read",
        "The file is absent, empty, not UTF-8, not separated by commas, or a row is broken.",
        "Save it as 'CSV UTF-8 (comma delimited)' with one header row.",
    ),
    "FC105": Entry(
        "Column absent, misspelt or there twice",
        "The header differs from the names that a site folder's tables have.",
        "Correct the header named in the message.",
    ),
    "FC106": Entry(
        "Patient identifier not valid",
        "It is empty, or holds a character that cannot be part of a folder's name.",
        "Use letters, digits, '.', '_' and '-'; the same name in every table and in images/.",
    ),
    "FC107": Entry(
        "Patient occurs twice",
        "Two exports were appended, or a patient has a row a tumour or a visit.",
        "Keep one row a patient; visits belong into visits.csv.",
    ),
    "FC108": Entry(
        "Value not valid",
        "The cell holds a word or code where a number, 0/1 or one of few words is expected.",
        "Write the value as the message says; leave the cell empty if the value is missing.",
    ),
    "FC109": Entry(
        "Value out of range",
        "A unit is wrong (mm3 for cm3, months for years), or a missing value was written as a number.",
        "Correct the value; leave the cell empty if it is missing.",
    ),
    "FC110": Entry(
        "Splits given for some patients only",
        "The column split is filled for some patients whose pcr is known and empty for others.",
        "Fill it for all of them, or empty it for all to have them cut 70/15/15.",
    ),
    "FC111": Entry(
        "Visit not valid",
        "A row of visits.csv lacks its patient or visit, or repeats one.",
        "Keep one row a patient and visit.",
    ),
    "FC112": Entry(
        "No patient has an outcome",
        "The column pcr is absent or empty for everyone.",
        "Fill pcr where it is known; without it the site can only predict.",
    ),
    "FC113": Entry(
        "Unknown patient",
        "A folder of images/ or a row of visits.csv names somebody who is not in clinical.csv.",
        "Correct the name, or add the patient to clinical.csv.",
    ),
    "FC114": Entry(
        "Images of a visit incomplete",
        "A phase is missing, or a folder is not named T0 to T3; the patient takes part without that image.",
        "Add pre.nii.gz, early.nii.gz and late.nii.gz, or correct the folder's name.",
    ),
    "FC115": Entry(
        "Column ignored",
        "The table has a column that is not part of a site folder.",
        "Nothing to do, unless a known column was meant.",
    ),
}
