"""Errors FC150-159: making a site folder."""

from __future__ import annotations

from fedchemo.shared.catalogue.entry import Entry

ENTRIES: dict[str, Entry] = {
    "FC150": Entry(
        "Pseudonym key not usable",
        "Other users of the machine may read pseudonym.key, or the file was edited or only partly restored.",
        "Set it to mode 0600, or restore it from a backup; with another key every patient gets another pseudonym.",
    ),
    "FC151": Entry(
        "Two patients would share a pseudonym",
        "Two identifiers give the same 80 bits, which happens once in some 10^12 imports of a million patients.",
        "Import into a new folder with a new key: name an empty folder with --state.",
    ),
    "FC152": Entry(
        "NIfTI files in no known layout",
        "Their names are none of MAMA-MIA's, BreastDCEDL's, or pre, early, late and lesion in a patient's folder.",
        "Lay them out as patient/visit/pre.nii.gz, early.nii.gz and late.nii.gz, if they are images of patients.",
    ),
    "FC153": Entry(
        "Examination found twice",
        "Two folders hold the same patient and visit, or a folder holds a phase twice, as .nii and .nii.gz.",
        "Remove the one that is not wanted; nothing was chosen.",
    ),
    "FC154": Entry(
        "Folder belongs to something else",
        "--out holds files that this import did not make: another site's folder, one made by hand, or one made "
        "with another state folder, whose key gave the patients other pseudonyms.",
        "Choose another --out, or pass the --name and --state that the folder was made with.",
    ),
    "FC155": Entry(
        "No usable images",
        "The --images folder is empty or the wrong one, its disk is not mounted, or no examination in it is usable.",
        "Check the folder; read the reasons in the report; leave --images out to import the tables alone.",
    ),
    "FC156": Entry(
        "Outcomes missing, or all the same",
        "No patient that can take part has an outcome (pCR), or all have the same one; often a column that was not "
        "mapped, or codes read the wrong way.",
        "Check the mapping of pcr, or pass --prediction-only to make a site folder that can predict, not train.",
    ),
    "FC157": Entry(
        "Images and tables have no patient in common",
        "They are of different hospitals, or the rule that joins their identifiers does not fit.",
        "Check the folders, and the joining rule in the mapping of the table.",
    ),
    "FC158": Entry(
        "The site folder holds what the input no longer has",
        "Patients or examinations imported earlier are in none of the folders and tables given now.",
        "Give all folders and tables again, or pass --remove-gone to remove those patients and examinations.",
    ),
    "FC159": Entry(
        "Patient not clear",
        "An identifier of the images does not fit the tables' joining rule, or several of them become one patient.",
        "Correct the identifier in the images, or the rule in the mapping; the report names the sources.",
    ),
}
