"""Errors FC8xx: evaluation."""

from __future__ import annotations

from fedchemo.shared.catalogue.entry import Entry

ENTRIES = {
    "FC801": Entry(
        "Predictions not usable",
        "The model returned something that is no probability, as one does whose training diverged.",
        "Use an earlier checkpoint, or train again with a lower learning rate.",
    ),
    "FC802": Entry(
        "Outcomes not usable",
        "There is not one outcome of 0 or 1 for each prediction.",
        "Correct the column pcr of clinical.csv: 0, 1, or empty where it is not known.",
    ),
    "FC803": Entry(
        "No patient to evaluate on",
        "The site folder holds no patient with a known outcome in the split that was asked for.",
        "Choose another --split, or fill in the column pcr of clinical.csv.",
    ),
    "FC405": Entry(
        "Site silent",
        "The site did not answer before the exchange ended: it is slow, hung, or cut off.",
        "Ask the site's engineer; raise --deadline if its training takes longer. The run goes on without it.",
    ),
}
