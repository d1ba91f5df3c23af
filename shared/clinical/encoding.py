"""From clinical variables to the vector that the model sees.

HR, HER2, their product, MammaPrint, age and log tumour volume carry what clinical variables know of pCR;
menopause and arm are options. Values are standardised with federated statistics, a missing one becomes the
mean (0) and sets its indicator.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from fedchemo.shared.clinical.statistics import ClinicalStatistics
from fedchemo.shared.configuration import ClinicalSettings
from fedchemo.shared.errors import FedchemoError

BASELINE = ("hr", "her2", "hr_x_her2", "mammaprint", "age_years", "log_tumour_volume")
# The product is missing exactly when a factor is, so it needs no indicator of its own.
CAN_BE_MISSING = ("hr", "her2", "mammaprint", "age_years", "log_tumour_volume")
MENOPAUSE = ("pre", "peri", "post")


def variables(settings: ClinicalSettings) -> tuple[str, ...]:
    """Return the names of the standardised variables, in the order of the columns of `raw`."""
    menopause = tuple(f"menopause_{value}" for value in MENOPAUSE) if settings.menopause else ()
    return BASELINE + menopause + tuple(f"arm_{arm}" for arm in settings.arms)


def names(settings: ClinicalSettings) -> tuple[str, ...]:
    """Return the names of the columns of `encode`: the variables, then their missing indicators."""
    indicators: tuple[str, ...] = CAN_BE_MISSING
    if settings.menopause:
        indicators += ("menopause",)
    if settings.arms:
        indicators += ("arm",)
    return variables(settings) + tuple(f"{name}_missing" for name in indicators)


def raw(frame: pd.DataFrame, settings: ClinicalSettings) -> npt.NDArray[np.float64]:
    """Return a clinical frame's variables before standardisation, float64 (patients, variables); NaN is missing."""
    columns = {
        "hr": frame["hr"],
        "her2": frame["her2"],
        "hr_x_her2": frame["hr"] * frame["her2"],
        "mammaprint": frame["mammaprint"],
        "age_years": frame["age_years"],
        "log_tumour_volume": np.log(frame["tumour_volume_cc"].astype(float)),
    }
    if settings.menopause:
        columns |= {f"menopause_{value}": _indicator(frame["menopause"], value) for value in MENOPAUSE}
    columns |= {f"arm_{arm}": _indicator(frame["arm"], arm) for arm in settings.arms}
    ordered = [np.asarray(columns[name], dtype=np.float64) for name in variables(settings)]
    return np.column_stack(ordered) if len(frame) else np.empty((0, len(ordered)))


def encode(
    frame: pd.DataFrame, settings: ClinicalSettings, statistics: ClinicalStatistics
) -> npt.NDArray[np.float32]:
    """Return the model's clinical input, float32 (patients, features), columns as in `names`.

    Raises:
        FedchemoError: FC302 if the statistics describe other variables than the settings.
    """
    if statistics.names != variables(settings):
        raise FedchemoError("FC302", "the federated statistics describe other clinical variables")
    values = raw(frame, settings)
    standardised = np.nan_to_num(
        (values - np.array(statistics.means)) / np.array(statistics.deviations), nan=0.0
    )
    missing = {name: np.isnan(values[:, index]) for index, name in enumerate(variables(settings))}
    indicators = [missing[name] for name in CAN_BE_MISSING]
    if settings.menopause:
        indicators.append(frame["menopause"].isna().to_numpy())
    if settings.arms:
        # An arm that was not declared is as unknown to the model as a missing one.
        indicators.append(~frame["arm"].isin(settings.arms).to_numpy())
    return np.column_stack([standardised, *indicators]).astype(np.float32)


def _indicator(column: pd.Series, value: str) -> npt.NDArray[np.float64]:
    known = column.notna().to_numpy()
    return np.where(known, (column == value).to_numpy(dtype=np.float64, na_value=0.0), np.nan)
