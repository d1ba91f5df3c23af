"""Every error a user may see: its code, the likely cause and what to do. One table, read by people too.

Its parts each have a file.
"""

from __future__ import annotations

from fedchemo.shared.catalogue import (
    configuration,
    datasets,
    dicom,
    evaluation,
    general,
    images,
    importing,
    ledger,
    methods,
    network,
    provisioning,
    refusals,
    rounds,
    site_folders,
    tables,
    tracking,
    validation,
    workers,
)
from fedchemo.shared.catalogue.entry import Entry

__all__ = ["CATALOGUE", "Entry"]

CATALOGUE: dict[str, Entry] = {
    **general.ENTRIES,
    **site_folders.ENTRIES,
    **dicom.ENTRIES,
    **tables.ENTRIES,
    **importing.ENTRIES,
    **validation.ENTRIES,
    **images.ENTRIES,
    **configuration.ENTRIES,
    **rounds.ENTRIES,
    **provisioning.ENTRIES,
    **network.ENTRIES,
    **methods.ENTRIES,
    **workers.ENTRIES,
    **datasets.ENTRIES,
    **tracking.ENTRIES,
    **evaluation.ENTRIES,
    **refusals.ENTRIES,
    **ledger.ENTRIES,
}
