"""The four tables of I-SPY2, each under our own names and in our units."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pandas as pd

from fedchemo.simulations.datasets.ispy2 import cells
from fedchemo.simulations.datasets.ispy2.table import Reading, read

VISITS = ("T0", "T1", "T2", "T3")
MEASURED = ("ftv_cc", "longest_diameter_mm", "sphericity", "bpe")
_FTV = ("VOLUME_TUM_BLU_V10", "VOLUME_TUM_BLU_V20", "VOLUME_TUM_BLU_V30", "VOLUME_TUM_BLU_V40")
_MM_PER_CM = 10.0
_MM3_PER_CC = 1000.0


class Sheet(NamedTuple):
    """MAMA-MIA's sheet, and which of its releases it is."""

    path: Path
    patients: pd.DataFrame


def read_trial(path: Path) -> pd.DataFrame:
    """Read the trial's clinical workbook (TCIA, doi 10.7937/TCIA.D8Z0-9T85).

    Raises:
        FedchemoError: FC703 with everything that is not understood.
    """
    readings = {
        "pcr": Reading("pCR", cells.binary),
        "age_years": Reading("Age_at_Screening", cells.number),
        "hr": Reading("HR", cells.binary),
        "her2": Reading("HER2", cells.binary),
        "mammaprint": Reading("MP", cells.binary),
        "menopause": Reading("menopausal_status", cells.menopause),
        "race": Reading("Race", cells.race),
        "arm": Reading("Arm", cells.arm),
    }
    return read(path, identifier="Patient_ID", readings=readings)


def read_sheet(paths: list[Path]) -> Sheet:
    """Read MAMA-MIA's sheet; of several releases the tidiest, which is the latest.

    An earlier release has a space behind every hospital's code.

    Raises:
        FedchemoError: FC703 with everything that is not understood.
    """
    readings = {
        "pcr": Reading("pcr", cells.binary),
        "age_years": Reading("age", cells.number),
        "hr": Reading("hr", cells.binary),
        "her2": Reading("her2", cells.binary),
        "mammaprint": Reading("mammaprint", cells.binary),
        "site": Reading("site", cells.site),
        "site_as_written": Reading("site", str),
        "vendor": Reading("manufacturer", cells.vendor),
        "acquisition_times": Reading("acquisition_times", cells.seconds),
    }
    sheets = [Sheet(path, read(path, identifier="patient_id", readings=readings)) for path in paths]
    chosen = min(sheets, key=lambda sheet: (_spaces(sheet.patients["site_as_written"]), str(sheet.path)))
    return Sheet(chosen.path, chosen.patients.drop(columns="site_as_written"))


def read_geometry(path: Path) -> pd.DataFrame:
    """Read BreastDCEDL's table, with the tumour's volume at T0 in cm3 from its mask.

    Raises:
        FedchemoError: FC703 with everything that is not understood.
    """
    readings = {
        "pcr": Reading("pCR", cells.binary),
        "age_years": Reading("age", cells.number),
        "hr": Reading("HR", cells.binary),
        "her2": Reading("HER2pos", cells.binary),
        "mammaprint": Reading("MP", cells.binary),
        "voxels": Reading("mask_count", cells.number),
        "in_plane": Reading("xy_spacing", cells.number),
        "thickness": Reading("slice_thick", cells.number),
    }
    frame = read(path, identifier="pid", readings=readings)
    volume = frame["voxels"] * frame["in_plane"] ** 2 * frame["thickness"] / _MM3_PER_CC
    # An empty mask means that nobody drew one, not that there was no tumour.
    return frame.assign(tumour_volume_cc=volume.where(volume > 0)).drop(
        columns=["voxels", "in_plane", "thickness"]
    )


def read_mri(path: Path) -> pd.DataFrame:
    """Read the trial's MRI measurements as one row a patient and visit.

    Returns:
        Columns patient (six digits), visit, ftv_cc, longest_diameter_mm, sphericity, bpe; rows without any
        measurement are left away.

    Raises:
        FedchemoError: FC703 with everything that is not understood.
    """
    readings: dict[str, Reading] = {}
    for visit, volume in zip(VISITS, _FTV, strict=True):
        readings |= {
            f"ftv_cc {visit}": Reading(volume, cells.number),
            f"longest_diameter_mm {visit}": Reading(f"LD_{visit}", cells.number),
            f"sphericity {visit}": Reading(f"SPHERICITY_{visit}", cells.number),
            f"bpe {visit}": Reading(f"BPE_5slice_mean_{visit}", cells.number),
        }
    wide = read(path, identifier="CLINICAL-TRIAL-SUBJECT-ID", readings=readings)
    parts = []
    for visit in VISITS:
        part = pd.DataFrame({name: wide[f"{name} {visit}"] for name in MEASURED}).dropna(how="all")
        part["longest_diameter_mm"] *= _MM_PER_CM
        part.insert(0, "visit", visit)
        parts.append(part.rename_axis("patient").reset_index())
    return pd.concat(parts).sort_values(["patient", "visit"], ignore_index=True)


def _spaces(written: pd.Series[str]) -> int:
    """Return how many cells have spaces around them."""
    return int((written != written.str.strip()).sum())
