"""Pictures show the lesion where it is, the patient's right on the left, in true proportions."""

from __future__ import annotations

import base64
import dataclasses
import io

import numpy as np
import pytest
from PIL import Image

from fedchemo.client.inspection.montage import TILE, draw
from tests.shared.imaging.made import as_phases, examination


def pictures(phases):
    made = draw(phases)
    opened = {}
    for tile in made.tiles:
        content = base64.b64decode(tile.source.removeprefix("data:image/webp;base64,"))
        opened[tile.name] = np.asarray(Image.open(io.BytesIO(content)).convert("RGB")).astype(int)
    return made, opened


def centre(mask):
    return np.argwhere(mask).mean(axis=0)


def orange(picture):
    red, green, blue = picture[..., 0], picture[..., 1], picture[..., 2]
    return (red > 150) & (green > 80) & (blue < 110) & (red - blue > 80)


def test_four_pictures_with_words():
    made, opened = pictures(as_phases(examination(), (1.5, 1.5, 4.0)))
    assert list(opened) == ["pre", "early", "late", "early − pre"]
    assert {picture.shape for picture in opened.values()} == {(TILE, TILE, 3)}
    assert "axial slice 7 of 12, through the mask's centre, lesion mask outlined" in made.tiles[0].alt
    assert made.geometry == "40 × 40 × 12 at 1.5 × 1.5 × 4 mm"


@pytest.mark.parametrize(
    ("place", "row", "column"), [((15, 45, 24), "top", "right"), ((45, 15, 24), "bottom", "left")]
)
def test_anterior_is_up_and_the_patients_left_is_on_the_right(place, row, column):
    # Axes run to the patient's right, front and head: a small first coordinate is the patient's left.
    _, opened = pictures(as_phases(examination(lesion_mm=place), (1.5, 1.5, 4.0)))
    y, x = centre(orange(opened["early"]))
    assert bool(y < TILE / 2) is (row == "top")
    assert bool(x < TILE / 2) is (column == "left")
    assert np.allclose(centre(orange(opened["early − pre"])), TILE / 2, atol=TILE / 4)


def test_a_long_volume_keeps_its_proportions():
    made, opened = pictures(as_phases(examination(shape=(80, 40, 12)), (1.5, 1.5, 4.0)))
    rows = np.flatnonzero(opened["pre"].sum(axis=(1, 2)) > 2000)
    assert rows[-1] - rows[0] == pytest.approx(TILE / 2, abs=6)
    assert len(made.tiles) == 4


def test_sagittal_slices_are_shown_as_they_were_taken():
    made, _ = pictures(as_phases(examination(shape=(12, 40, 40), lesion_mm=(24, 27, 30)), (4.0, 1.5, 1.5)))
    assert made.tiles[0].alt.startswith("pre phase, sagittal slice")


def test_what_does_not_enhance_is_drawn_all_the_same():
    arrays = examination()
    del arrays["lesion"]
    phases = as_phases(arrays, (1.5, 1.5, 4.0))
    made, _ = pictures(dataclasses.replace(phases, early=phases.pre - 1))
    assert "nothing enhances" in made.tiles[0].alt
