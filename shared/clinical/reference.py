"""What patients of a large trial look like: the ranges that a hospital's own are held against.

The figures are those of I-SPY2 as published on TCIA (796 patients, 13 hospitals with 20 and more; clinical workbook
and multi-feature MRI workbook, doi 10.7937/TCIA.D8Z0-9T85). They are summaries of many patients and describe nobody.
A hospital that recruits otherwise differs with good reason, so nothing outside them is an error.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType

SOURCE = "I-SPY2 (TCIA, 796 patients)"


@dataclass(frozen=True)
class Number:
    """A numeric variable.

    Attributes:
        title: its name for people.
        unit: of every figure here; empty if it has none.
        quantiles: 5, 25, 50, 75 and 95 % of the trial's patients lie below these.
        usual: outside, a patient's value deserves a second look.
        medians: between these lies a hospital's median; generously around what the trial's hospitals had.
        logarithmic: whether it is skewed and drawn on a logarithmic axis.
    """

    title: str
    unit: str
    quantiles: tuple[float, float, float, float, float]
    usual: tuple[float, float]
    medians: tuple[float, float] | None = None
    logarithmic: bool = False


@dataclass(frozen=True)
class Share:
    """A yes-or-no variable.

    Attributes:
        title: its name for people.
        share: of the trial's patients.
        shares: between these lies a hospital's share; generously around what the trial's hospitals had.
    """

    title: str
    share: float
    shares: tuple[float, float]


NUMBERS = MappingProxyType(
    {
        # The trial took women from 18 on and had them from 24 to 77.
        "age_years": Number("Age", "years", (31, 41, 48, 56, 66), (18, 90), (38, 68)),
        # The trial had 0.5 to 495 cm3; its hospitals' medians were 8 to 28.
        "tumour_volume_cc": Number(
            "Tumour volume at T0", "cm³", (2.6, 6.7, 14.7, 29.8, 94.7), (0.1, 600), (3, 80), logarithmic=True
        ),
    }
)

SHARES = MappingProxyType(
    {
        "pcr": Share("pCR", 0.32, (0.10, 0.60)),
        "hr": Share("HR-positive", 0.54, (0.25, 0.90)),
        "her2": Share("HER2-positive", 0.27, (0.05, 0.60)),
        "mammaprint": Share("MammaPrint high 2", 0.48, (0.20, 0.80)),
    }
)

MENOPAUSE = MappingProxyType({"pre": 0.60, "peri": 0.04, "post": 0.36})
"""Shares of the trial's patients whose status is known."""

_FTV = {"T0": (3.2, 7.4, 14.7, 31.2, 109.3), "T1": (0.9, 3.4, 7.1, 18.2, 52.8)} | {
    "T2": (0.1, 0.7, 1.7, 5.2, 33.1),
    "T3": (0.05, 0.3, 0.8, 2.4, 8.9),
}
_DIAMETER = {"T0": (20, 29, 37, 52, 91), "T1": (13, 23, 31, 44, 85)} | {
    "T2": (0, 10.5, 22, 33, 67),
    "T3": (0, 0, 14, 25, 51),
}
_SPHERICITY = {"T0": (0.10, 0.14, 0.20, 0.28, 0.40), "T1": (0.10, 0.15, 0.20, 0.27, 0.36)} | {
    "T2": (0.10, 0.17, 0.24, 0.31, 0.48),
    "T3": (0.11, 0.18, 0.27, 0.37, 0.59),
}
_BPE = {"T0": (10.9, 17.3, 24.7, 35.2, 63.6), "T1": (9.6, 14.6, 20.1, 29.5, 48.2)} | {
    "T2": (9.1, 13.5, 18.1, 24.5, 41.2),
    "T3": (8.4, 12.7, 16.7, 24.3, 40.1),
}

MEASUREMENTS = MappingProxyType(
    {
        "ftv_cc": {
            visit: Number(f"FTV at {visit}", "cm³", quantiles, (0, 600), logarithmic=True)
            for visit, quantiles in _FTV.items()
        },
        "longest_diameter_mm": {
            visit: Number(f"Longest diameter at {visit}", "mm", quantiles, (0, 200))
            for visit, quantiles in _DIAMETER.items()
        },
        "sphericity": {
            visit: Number(f"Sphericity at {visit}", "", quantiles, (0, 1))
            for visit, quantiles in _SPHERICITY.items()
        },
        "bpe": {
            visit: Number(f"BPE at {visit}", "%", quantiles, (-10, 200)) for visit, quantiles in _BPE.items()
        },
    }
)
"""Column of ``visits.csv`` -> visit -> its range; of the 299 patients with all four visits."""
