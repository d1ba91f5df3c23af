"""Load I-SPY2 from a folder into which its tables and images were downloaded."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from fedchemo.shared.clinical.schema import empty_frame
from fedchemo.simulations.datasets.contract import Dataset
from fedchemo.simulations.datasets.ispy2 import files as lying
from fedchemo.simulations.datasets.ispy2.agreement import SHARED, require_agreement
from fedchemo.simulations.datasets.ispy2.images import find_images
from fedchemo.simulations.datasets.ispy2.sources import (
    MEASURED,
    read_geometry,
    read_mri,
    read_sheet,
    read_trial,
)


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

    trial = read_trial(trial_path)
    sheet_path, sheet = read_sheet(sheet_files)
    tables = {trial_path.name: trial, sheet_path.name: sheet}
    notes = []
    if len(sheet_files) > 1:
        notes.append(f"Of {len(sheet_files)} releases of MAMA-MIA's sheet {sheet_path.name} is used.")
    geometry = read_geometry(geometry_path) if geometry_path else None
    if geometry_path and geometry is not None:
        tables[geometry_path.name] = geometry
    require_agreement(tables)

    left_out = _left_out(trial, sheet, sheet_path.name)
    kept = [patient for patient in trial.index if _named(patient) not in left_out]
    mri = read_mri(mri_path) if mri_path else None
    volume, more = _volumes(geometry, mri, kept)
    notes += more
    clinical = _clinical(kept, tables, volume)
    if mri is None:
        notes.append("No MRI workbook was found: there are no measurements of visits.")

    times = {str(patient): cell for patient, cell in sheet["acquisition_times"].items()}
    found, incomplete = find_images(files, times)
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
        visits=_visits(mri, kept),
        images=images,
        left_out=left_out,
        notes=tuple(notes),
    )


def _named(digits: str) -> str:
    return f"ISPY2-{digits}"


def _left_out(trial: pd.DataFrame, sheet: pd.DataFrame, sheet_name: str) -> dict[str, str]:
    """Return who can be in no virtual hospital, and why."""
    why = {}
    for patient in sorted(set(trial.index) | set(sheet.index)):
        if patient not in trial.index:
            why[_named(patient)] = "not in the trial's clinical workbook"
        elif patient not in sheet.index:
            why[_named(patient)] = f"no hospital is known: not in {sheet_name}"
        elif sheet["site"][patient] is None:
            why[_named(patient)] = f"no hospital is known: {sheet_name} names none"
    return why


def _clinical(kept: list[str], tables: dict[str, pd.DataFrame], volume: pd.Series[float]) -> pd.DataFrame:
    """Return the clinical frame with ``site`` and ``vendor``; what the trial does not say, another table may."""
    trial, sheet, *_ = tables.values()
    frame = empty_frame(kept)
    for name in SHARED:
        for table in tables.values():
            frame[name] = frame[name].fillna(table[name].reindex(kept))
    for name in ("menopause", "race", "arm"):
        frame[name] = trial[name].reindex(kept)
    frame["tumour_volume_cc"] = volume
    frame["site"] = sheet["site"].reindex(kept)
    frame["vendor"] = sheet["vendor"].reindex(kept)
    frame.index = pd.Index([_named(patient) for patient in kept], name="patient_id", dtype=object)
    return frame


def _volumes(
    geometry: pd.DataFrame | None, mri: pd.DataFrame | None, kept: list[str]
) -> tuple[pd.Series[float], list[str]]:
    """Return the tumour's volume at T0 in cm3, and notes on where it comes from.

    BreastDCEDL's masks are the trial's own functional tumour volume (their volumes correlate at 0.999, the median
    ratio is 1), so the MRI workbook's value at T0 may stand in.
    """
    notes = []
    volume = pd.Series(float("nan"), index=pd.Index(kept, dtype=object), dtype=float)
    if geometry is not None:
        volume = geometry["tumour_volume_cc"].reindex(kept)
    else:
        notes.append("No table of BreastDCEDL was found: tumour volumes come from the MRI workbook alone.")
    if mri is not None:
        first = mri[mri["visit"] == "T0"].set_index("patient")["ftv_cc"].reindex(kept)
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


def _visits(mri: pd.DataFrame | None, kept: list[str]) -> pd.DataFrame:
    columns = ["patient_id", "visit", *MEASURED]
    if mri is None:
        return pd.DataFrame(columns=columns)
    known = mri[mri["patient"].isin(kept)]
    return known.assign(patient_id=known["patient"].map(_named))[columns].reset_index(drop=True)
