"""Load I-SPY2 from a folder into which its tables and images were downloaded."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from fedchemo.client.importing.tables.extract import TableReading
from fedchemo.client.importing.tables.read import joined
from fedchemo.simulations.datasets.contract import Dataset
from fedchemo.simulations.datasets.ispy2 import files as lying
from fedchemo.simulations.datasets.ispy2.images import find_images
from fedchemo.simulations.datasets.ispy2.sources import Sheet, read_sheet, read_table, require_agreement


def load(folder: Path) -> Dataset:
    """Load I-SPY2.

    Files are found by their names anywhere in the folder: the trial's clinical workbook and MAMA-MIA's sheet,
    which names the hospitals; and, where they are there, the trial's MRI workbook, BreastDCEDL's table (tumour
    volumes) and MAMA-MIA's images and segmentations. They are joined by the last six digits of an identifier.

    Returns:
        The data set; its patients are called ``ISPY2-`` and six digits. Patients without a hospital are left out.

    Raises:
        FedchemoError: FC002 without the folder, FC702 if a table is missing or there are several, FC703 if one is
            not understood, FC704 with every contradiction between tables.
    """
    files = lying.list_files(folder)
    trial_files = lying.require(files, lying.TRIAL, folder)
    sheet_files = lying.require(files, lying.SHEET, folder)
    trial_path = lying.only(trial_files, lying.TRIAL)
    geometry_path = lying.only(lying.find(files, lying.GEOMETRY), lying.GEOMETRY)
    mri_path = lying.only(lying.find(files, lying.MRI), lying.MRI)
    assert trial_path is not None

    trial = read_table(trial_path, "ispy2-clinical")
    sheet = read_sheet(sheet_files)
    geometry = read_table(geometry_path, "breastdcedl-ispy2") if geometry_path else None
    mri = read_table(mri_path, "ispy2-mri") if mri_path else None
    notes = []
    if len(sheet_files) > 1:
        notes.append(f"Of {len(sheet_files)} releases of MAMA-MIA's sheet {sheet.path.name} is used.")
    readings = [reading for reading in (trial, sheet.reading, geometry, mri) if reading is not None]
    require_agreement(readings)
    tables = joined(readings)

    left_out = _left_out(trial, sheet)
    kept = [patient for patient in sorted(trial.rows) if _named(patient) not in left_out]
    visits = tables.visits[tables.visits["patient_id"].isin(kept)]
    clinical = tables.clinical.loc[kept].copy()
    clinical["tumour_volume_cc"], more = _volumes(geometry, mri, clinical["tumour_volume_cc"], visits)
    notes += more
    clinical["site"] = [sheet.site[patient] for patient in kept]
    clinical["vendor"] = [sheet.vendor[patient] for patient in kept]
    clinical.index = pd.Index([_named(patient) for patient in kept], name="patient_id", dtype=object)
    if mri is None:
        notes.append("No MRI workbook was found: there are no measurements of visits.")

    found, incomplete = find_images(files, sheet.times)
    placed = set(kept)
    images = {_named(patient): {"T0": phases} for patient, phases in found.items() if patient in placed}
    if not found:
        notes.append("No images were found: every patient takes part with clinical variables only.")
    if incomplete:
        notes.append(
            f"Without image for lack of a phase: {', '.join(_named(patient) for patient in incomplete)}."
        )
    if strangers := len(found) - len(images):
        notes.append(f"Not used: images of {strangers} patients who are in no hospital.")
    if left_out:
        notes.append(f"Left out for lack of a hospital or of clinical data: {len(left_out)} patients.")
    return Dataset(
        name="ispy2",
        clinical=clinical,
        visits=visits.assign(patient_id=visits["patient_id"].map(_named))
        .drop(columns="date")
        .reset_index(drop=True),
        images=images,
        left_out=left_out,
        notes=tuple(notes),
    )


def _named(digits: str) -> str:
    return f"ISPY2-{digits}"


def _left_out(trial: TableReading, sheet: Sheet) -> dict[str, str]:
    """Return who can be in no virtual hospital, and why."""
    why = {}
    for patient in sorted({*trial.rows, *sheet.site}):
        if patient not in trial.rows:
            why[_named(patient)] = "not in the trial's clinical workbook"
        elif patient not in sheet.site:
            why[_named(patient)] = f"no hospital is known: not in {sheet.path.name}"
        elif sheet.site[patient] is None:
            why[_named(patient)] = f"no hospital is known: {sheet.path.name} names none"
    return why


def _volumes(
    geometry: TableReading | None,
    mri: TableReading | None,
    volume: pd.Series[float],
    visits: pd.DataFrame,
) -> tuple[pd.Series[float], list[str]]:
    """Return the tumour's volume at T0 in cm3, and notes on where it comes from.

    BreastDCEDL's masks are the trial's own functional tumour volume (their volumes correlate at 0.999, the median
    ratio is 1), so the MRI workbook's value at T0 may stand in.
    """
    notes = []
    if geometry is None:
        notes.append("No table of BreastDCEDL was found: tumour volumes come from the MRI workbook alone.")
    if mri is not None:
        first = visits[visits["visit"] == "T0"].set_index("patient_id")["ftv_cc"].reindex(volume.index)
        stand_in = volume.isna() & (first > 0)
        volume = volume.where(~stand_in, first)
        if stand_in.any():
            notes.append(
                f"Tumour volume taken from the MRI workbook's functional tumour volume at T0: "
                f"{int(stand_in.sum())} patients."
            )
    elif geometry is None:
        notes[-1] = "Neither BreastDCEDL's table nor the MRI workbook was found: there are no tumour volumes."
    return volume, notes
