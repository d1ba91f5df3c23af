"""The picture of the README: two patients who differ in nothing but the hidden factor."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fedchemo.simulations.datasets.synthetic.examination import Examination, Patient, examine
from fedchemo.simulations.datasets.synthetic.scanner import VENDORS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap

_INK, _PAPER, _QUIET, _OUTLINE = "#f2efe9", "#15171c", "#9aa0aa", "#62d0ff"
# Brightest grey, as a multiple of the signal of bright gland before contrast.
_WINDOW = 2.3
_LOSS, _GAIN = "#5ab8f5", "#f2a65a"
_COLUMNS = (
    "before contrast",
    "early, 2.5 min",
    "late, 7.5 min",
    "wash-in: early \N{MINUS SIGN} before",
    "wash-out: late \N{MINUS SIGN} early",
)
_ROWS = (
    ("strong in its core\nresponse less likely", -1.8),
    ("strong towards its rim\nresponse more likely", 1.8),
)


def draw(path: Path, *, seed: int = 3, tumour_cc: float = 22.0) -> None:
    """Draw both examinations, a row each: three phases, wash-in, wash-out, and the histogram of the tumour.

    Args:
        path: of the PNG.
        seed: of the breast.
        tumour_cc: volume of the tumour.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12.4, 4.75), facecolor=_PAPER, dpi=94)
    grid = figure.add_gridspec(
        2,
        6,
        width_ratios=[1, 1, 1, 1, 1, 1.15],
        left=0.045,
        right=0.985,
        top=0.83,
        bottom=0.075,
        wspace=0.06,
        hspace=0.07,
    )
    figure.text(
        0.045, 0.945, "Same breast, same histogram, another outlook", color=_INK, fontsize=14, weight="bold"
    )
    figure.text(
        0.045,
        0.893,
        "Two synthetic tumours with the same values. Where these lie decides how likely a complete response is.",
        color=_QUIET,
        fontsize=10.5,
    )
    for row, (label, hidden) in enumerate(_ROWS):
        examination = examine(Patient(0, tumour_cc, hidden, VENDORS[0]), seed=seed)
        panels = [figure.add_subplot(grid[row, column]) for column in range(5)]
        _row(panels, examination)
        panels[0].set_ylabel(label, color=_INK, fontsize=9.5, labelpad=7, linespacing=1.35)
        histogram = figure.add_subplot(grid[row, 5])
        _histogram(histogram, examination, last=row == len(_ROWS) - 1)
        if row == 0:
            for panel, title in zip(
                [*panels, histogram], [*_COLUMNS, "tumour voxels by wash-in"], strict=True
            ):
                panel.set_title(title, color=_INK, fontsize=9.5, pad=6)
    figure.savefig(path, facecolor=_PAPER)


def _row(panels: list[Axes], examination: Examination) -> None:
    """Draw the slice through the middle of the tumour, the nipple upwards."""
    from matplotlib.colors import LinearSegmentedColormap

    wash_out = LinearSegmentedColormap.from_list("wash-out", [_LOSS, "#000000", _GAIN])
    lesion = examination.volumes["lesion"]
    at = int(np.argwhere(lesion)[:, 2].mean())
    pre, early, late = (
        examination.volumes[name][:, :, at].T.astype(float) for name in ("pre", "early", "late")
    )
    outline = lesion[:, :, at].T
    # One window for both rows: what looks brighter is brighter.
    top = _WINDOW * VENDORS[0].gain
    x, y, _ = (size * spacing for size, spacing in zip(lesion.shape, examination.spacing_mm, strict=True))
    extent = (0.0, x, 0.0, y)
    shown: list[tuple[NDArray[np.float64], str | Colormap, float, float]] = [
        *((phase, "gray", 0.0, top) for phase in (pre, early, late)),
        (early - pre, "inferno", 0.0, 0.75 * top),
        (late - early, wash_out, -0.25 * top, 0.25 * top),
    ]
    for panel, (image, colours, low, high) in zip(panels, shown, strict=True):
        panel.imshow(
            image, cmap=colours, vmin=low, vmax=high, origin="lower", extent=extent, interpolation="bicubic"
        )
        panel.contour(outline, levels=[0.5], colors=_OUTLINE, linewidths=0.9, extent=extent)
        panel.set_xticks([])
        panel.set_yticks([])
        for side in panel.spines.values():
            side.set_visible(False)


def _histogram(panel: Axes, examination: Examination, *, last: bool) -> None:
    """Draw how many tumour voxels gained how much signal from pre to early."""
    lesion = examination.volumes["lesion"].astype(bool)
    gain = (examination.volumes["early"].astype(float) - examination.volumes["pre"])[lesion]
    panel.hist(gain, bins=[10.0 * edge for edge in range(43)], color="#f98e52")
    panel.set_facecolor(_PAPER)
    panel.set_yticks([])
    panel.tick_params(colors=_QUIET, labelsize=8, labelbottom=last)
    for name, side in panel.spines.items():
        side.set_visible(name == "bottom")
        side.set_color(_QUIET)


if __name__ == "__main__":
    draw(Path(__file__).with_name("picture.png"))
