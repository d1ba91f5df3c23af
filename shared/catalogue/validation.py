"""Errors FC160-179: what validation finds in a site folder."""

from __future__ import annotations

from fedchemo.shared.catalogue.entry import Entry

ENTRIES: dict[str, Entry] = {
    "FC160": Entry(
        "One outcome only",
        "Every patient whose outcome is known has the same pcr: the table is a selection, or the wrong one.",
        "Export all patients treated, those with and without pCR; such a folder can only predict.",
    ),
    "FC161": Entry(
        "Enhancement is negative",
        "After the contrast agent the tissue is darker than before it: the phases are swapped.",
        "Check which series is pre, early and late; the patient takes part without this image until then.",
    ),
    "FC162": Entry(
        "A phase is a copy",
        "Two of the three phases hold the same voxels: one series was exported twice.",
        "Export the phase named in the message anew; the patient takes part without this image until then.",
    ),
    "FC163": Entry(
        "Lesion mask implausible",
        "The mask lies in air or fills most of the volume: another patient's, flipped, or inside out.",
        "Correct lesion.nii.gz, or remove it: the crop is then centred on enhancement.",
    ),
    "FC164": Entry(
        "Crop without enhancement",
        "Nothing enhances where the lesion should be: the mask is misplaced, or the examination had no contrast agent.",
        "Look at the patient in `fedchemo data inspect`; correct the mask or remove the examination.",
    ),
    "FC165": Entry(
        "Same image under two patients",
        "An examination was copied into two folders, so at least one of them shows somebody else.",
        "Find out whose it is and remove the other; both take part without the image until then.",
    ),
    "FC166": Entry(
        "Images almost the same",
        "Two examinations differ by less than two patients ever do: one person under two names, or a copy rescaled.",
        "Check whether the two are one person; keep one.",
    ),
    "FC167": Entry(
        "Two patients with equal values",
        "Every clinical value of the two is the same, down to age and tumour volume.",
        "Check whether the two are one person; keep one.",
    ),
    "FC168": Entry(
        "Value unusual",
        "The value is possible, but outside what large trials have seen; often a unit or a slipped digit.",
        "Check it against the record; nothing to do if it is right.",
    ),
    "FC169": Entry(
        "Column unusual as a whole",
        "The site's patients differ from every hospital's of a large trial: a unit, a code, or a default value.",
        "Check the export's coding; nothing to do if the hospital's patients are so.",
    ),
    "FC170": Entry(
        "Column gives the outcome away",
        "It predicts pCR better than anything known before treatment can: it was written when the outcome was known.",
        "Remove the column, or export its value from before treatment.",
    ),
    "FC171": Entry(
        "Too few patients to train on",
        "The site has fewer training patients with a known outcome than its policy demands.",
        "Add patients; until then the site takes part in evaluation only.",
    ),
    "FC172": Entry(
        "Too few of a class",
        "A metric leaves only with at least five patients of each class behind it.",
        "Add patients; until then no metric of these patients leaves the site.",
    ),
    "FC173": Entry(
        "Mask and table disagree on the volume",
        "The lesion mask is more than ten times larger or smaller than the tumour volume in clinical.csv.",
        "Check the unit of tumour_volume_cc, and whether the mask is this patient's.",
    ),
    "FC175": Entry(
        "Row repeated",
        "A patient has two rows that say the same.",
        "Remove one of them; the first is used.",
    ),
    "FC176": Entry(
        "Column may identify a person",
        "Its name speaks of names, birth dates, addresses or record numbers.",
        "Remove the column: a site folder holds pseudonyms only.",
    ),
}
