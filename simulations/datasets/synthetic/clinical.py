"""Clinical variables with the margins that I-SPY2 published, and hospitals that differ in them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit
from scipy.stats import norm

from fedchemo.shared.randomness import numpy_stream

Vector = NDArray[np.float64]


class Subtype(NamedTuple):
    """A receptor subtype: how common it is, how often it vanishes, how often MammaPrint calls it high 2."""

    hr: int
    her2: int
    share: float
    pcr: float
    high: float


# Shares and pCR rates are those of the trial; the rates of high 2 add up to the trial's one half.
SUBTYPES = (
    Subtype(hr=0, her2=0, share=0.37, pcr=0.39, high=0.78),
    Subtype(hr=0, her2=1, share=0.09, pcr=0.61, high=0.55),
    Subtype(hr=1, her2=0, share=0.38, pcr=0.17, high=0.27),
    Subtype(hr=1, her2=1, share=0.16, pcr=0.35, high=0.35),
)

AGE_MEAN, AGE_SD, AGE_RANGE = 49.0, 11.0, (25.0, 80.0)

# Median 14.7 cm3 and 75th percentile 30 cm3; what is larger would not fit into the volume.
LOG_VOLUME_MEAN = float(np.log(14.7))
LOG_VOLUME_SD = float(np.log(30 / 14.7) / norm.ppf(0.75))
VOLUME_RANGE_CC = (0.7, 90.0)

RACES = {"White": 0.80, "Black": 0.12, "Asian": 0.07, "Other": 0.01}
CONTROL = "Paclitaxel"
ARMS = {
    0: (CONTROL, "Paclitaxel + ABT 888 + Carboplatin", "Paclitaxel + Pembrolizumab", "Paclitaxel + MK-2206"),
    1: ("Paclitaxel + Trastuzumab", "Paclitaxel + Neratinib", "T-DM1 + Pertuzumab"),
}
MISSING_AGE, MISSING_MENOPAUSE, MISSING_VOLUME = 0.02, 0.05, 0.03

DRAWS = (
    *("site", "subtype", "mammaprint", "volume", "age", "menopause", "race", "arm"),
    *("age_missing", "menopause_missing", "volume_missing", "vendor", "image", "organisation", "pcr"),
)
"""What is drawn for a patient: one uniform number each."""

GOLDEN = (5**0.5 - 1) / 2


@dataclass(frozen=True)
class SiteMargins:
    """How the patients of hospitals differ, one number a hospital.

    Attributes:
        share: of all patients, adding up to one.
        hr: log odds ratio of HR-positive tumours against the trial.
        her2: the same of HER2-positive ones.
        age: difference of the mean, years.
        log_volume: difference of the mean logarithm of the tumour's volume.
    """

    share: Vector
    hr: Vector
    her2: Vector
    age: Vector
    log_volume: Vector


TRIAL = SiteMargins(*(np.array([value]) for value in (1.0, 0.0, 0.0, 0.0, 0.0)))
"""The trial as a whole, as one hospital."""


def site_margins(seed: int, sites: int) -> SiteMargins:
    """Draw each hospital's margins from a stream of (seed, hospital); more hospitals leave the others as they are."""
    rows = [
        numpy_stream(seed, "synthetic", "site", site, "margins").standard_normal(4) for site in range(sites)
    ]
    hr, her2, age, volume = np.clip(np.array(rows), -2, 2).T
    # Recruitment is skewed, as Zipf's law with half its exponent: the smallest of ten still has 6 % of all.
    share = np.arange(1, sites + 1) ** -0.5
    return SiteMargins(
        share=share / share.sum(), hr=0.3 * hr, her2=0.3 * her2, age=2.0 * age, log_volume=0.2 * volume
    )


def patient_draws(seed: int, patients: int) -> pd.DataFrame:
    """Return uniform numbers, a row a patient, columns `DRAWS`; a row depends on (seed, patient) only.

    ``site`` alone is not independent between patients: multiples of the golden ratio fill the interval evenly,
    so that a hospital gets its share of patients to within one or two.
    """
    rows = [
        numpy_stream(seed, "synthetic", patient, "table").random(len(DRAWS)) for patient in range(patients)
    ]
    draws = pd.DataFrame(np.array(rows), columns=list(DRAWS))
    start = numpy_stream(seed, "synthetic", "sites").random()
    draws["site"] = (start + GOLDEN * np.arange(patients)) % 1
    return draws


def clinical_variables(draws: pd.DataFrame, margins: SiteMargins) -> pd.DataFrame:
    """Turn uniform numbers into complete clinical variables, row by row.

    Returns:
        Columns ``site`` (number of the hospital), ``subtype`` (row of `SUBTYPES`), ``hr``, ``her2``,
        ``mammaprint``, ``age_years``, ``menopause``, ``race``, ``arm`` and ``tumour_volume_cc``.
    """
    u = {name: draws[name].to_numpy() for name in DRAWS}
    site = _choose(u["site"], margins.share)
    share, hr, her2, high = (
        np.array([getattr(subtype, name) for subtype in SUBTYPES]) for name in ("share", "hr", "her2", "high")
    )
    odds = share * np.exp(np.outer(margins.hr, hr) + np.outer(margins.her2, her2))
    subtype = _choose(u["subtype"], (odds / odds.sum(axis=1, keepdims=True))[site])
    age = np.clip(norm.ppf(u["age"]) * AGE_SD + AGE_MEAN + margins.age[site], *AGE_RANGE)
    log_volume = norm.ppf(u["volume"]) * LOG_VOLUME_SD + LOG_VOLUME_MEAN + margins.log_volume[site]
    arms = [ARMS[positive] for positive in her2[subtype]]
    return pd.DataFrame(
        {
            "site": site,
            "subtype": subtype,
            "hr": hr[subtype].astype(float),
            "her2": her2[subtype].astype(float),
            "mammaprint": (u["mammaprint"] < high[subtype]).astype(float),
            "age_years": np.round(age),
            "menopause": _menopause(u["menopause"], age),
            "race": np.array(list(RACES), dtype=object)[_choose(u["race"], np.array(list(RACES.values())))],
            "arm": [choice[int(draw * len(choice))] for choice, draw in zip(arms, u["arm"], strict=True)],
            "tumour_volume_cc": np.round(np.clip(np.exp(log_volume), *VOLUME_RANGE_CC), 2),
        },
        index=draws.index,
    )


def with_gaps(variables: pd.DataFrame, draws: pd.DataFrame) -> pd.DataFrame:
    """Return the variables as a hospital knows them: some values are missing at random."""
    known = variables.copy()
    known.loc[draws["age_missing"] < MISSING_AGE, "age_years"] = np.nan
    known.loc[draws["menopause_missing"] < MISSING_MENOPAUSE, "menopause"] = None
    known.loc[draws["volume_missing"] < MISSING_VOLUME, "tumour_volume_cc"] = np.nan
    return known


def _choose(uniform: Vector, shares: Vector) -> NDArray[np.int64]:
    """Return the category of each uniform number; ``shares`` is (categories,) or (patients, categories)."""
    below = np.cumsum(shares, axis=-1)[..., :-1]
    return np.asarray((uniform[:, None] >= below).sum(axis=-1), dtype=np.int64)


def _menopause(uniform: Vector, age: Vector) -> NDArray[np.object_]:
    pre, post = expit((49 - age) / 2.5), expit((age - 51) / 2.5)
    return np.where(uniform < pre, "pre", np.where(uniform >= 1 - post, "post", "peri")).astype(object)
