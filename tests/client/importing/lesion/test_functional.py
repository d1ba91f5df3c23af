"""Functional tumour volume by the published rule, on phantoms whose figures were worked out by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as some

from fedchemo.client.importing.lesion.functional import Rule, functional_tumour
from fedchemo.client.importing.nifti import find_nifti

AFFINE = np.diag([1.0, 1.0, 2.0, 1.0])


def _phantom() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Tissue of 100 that gains 10, in air of 0; the phases are changed by each test."""
    pre = np.full((12, 12, 6), 100, dtype=np.int16)
    pre[0] = 0
    return pre, pre + 10, pre + 15


def test_a_block_that_enhances_is_the_tumour() -> None:
    pre, early, late = _phantom()
    block = (slice(3, 7), slice(2, 5), slice(1, 4))
    early[block], late[block] = 200, 180
    found = functional_tumour(pre, early, late, AFFINE)
    # 4 x 3 x 3 voxels of 2 mm3; the eight corners have 7 neighbours each, so all stay.
    assert found.volume_cc == pytest.approx(36 * 2 / 1000)
    assert found.mask[block].all()
    assert found.mask.sum() == 36


@pytest.mark.parametrize(
    ("early_value", "late_value", "inside"),
    [
        # PE is 70 exactly, then less.
        (170, 180, True),
        (169, 180, False),
        # Washed out below the pre-contrast signal: SER is negative.
        (200, 99, False),
        (200, 101, True),
        # Washed out wholly: SER is infinite.
        (200, 100, True),
        # It never enhanced, and fell: SER is positive, PE is not.
        (50, 50, False),
    ],
)
def test_thresholds_are_those_published(early_value: int, late_value: int, inside: bool) -> None:
    pre, early, late = _phantom()
    block = (slice(3, 6), slice(3, 6), slice(1, 4))
    early[block], late[block] = early_value, late_value
    found = functional_tumour(pre, early, late, AFFINE)
    assert found.mask.sum() == (27 if inside else 0)


@pytest.mark.parametrize(("before", "inside"), [(60, True), (59, False), (0, False)])
def test_background_is_below_0_6_of_the_95th_percentile_in_the_region(before: int, inside: bool) -> None:
    pre, early, late = _phantom()
    block = (slice(3, 6), slice(3, 6), slice(1, 4))
    # 27 of 864 voxels, and 72 of air: the 95th percentile stays 100.
    pre[block], early[block], late[block] = before, 200, 190
    assert functional_tumour(pre, early, late, AFFINE).mask.sum() == (27 if inside else 0)


def test_the_percentile_is_taken_inside_the_region_only() -> None:
    pre, early, late = _phantom()
    block = (slice(3, 6), slice(3, 6), slice(1, 4))
    pre[block], early[block], late[block] = 50, 100, 90
    region = np.zeros(pre.shape, dtype=bool)
    region[block] = True
    assert functional_tumour(pre, early, late, AFFINE).mask.sum() == 0
    found = functional_tumour(pre, early, late, AFFINE, region=region)
    assert (found.mask == region).all()


def test_fewer_than_four_neighbours_are_noise() -> None:
    pre, early, late = _phantom()
    # A line of three, a square of four (three neighbours each), and a plate of 2 x 3 (five or three).
    for spots in (
        [(2, 2, 1), (2, 3, 1), (2, 4, 1)],
        [(5, 2, 1), (5, 3, 1), (6, 2, 1), (6, 3, 1)],
        [(9, y, z) for y in (2, 3, 4) for z in (3, 4)],
    ):
        for spot in spots:
            early[spot], late[spot] = 200, 190
    found = functional_tumour(pre, early, late, AFFINE)
    # The middle of the plate has five neighbours; its ends have three. Neighbours are counted once, before any go.
    assert {tuple(spot) for spot in np.argwhere(found.mask)} == {(9, 3, 3), (9, 3, 4)}
    assert functional_tumour(pre, early, late, AFFINE, rule=Rule(neighbours=0)).mask.sum() == 13


def test_voxels_outside_the_region_neither_count_nor_support() -> None:
    pre, early, late = _phantom()
    early[3:7, 3:7, 2:4], late[3:7, 3:7, 2:4] = 200, 190
    region = np.zeros(pre.shape, dtype=bool)
    region[3, 3, 2] = True
    assert functional_tumour(pre, early, late, AFFINE, region=region).volume_cc == 0


def test_an_empty_region_has_no_tumour_and_other_shapes_are_refused() -> None:
    pre, early, late = _phantom()
    assert functional_tumour(pre, early, late, AFFINE, region=np.zeros(pre.shape, dtype=bool)).volume_cc == 0
    with pytest.raises(ValueError, match="shapes"):
        functional_tumour(pre, early[1:], late, AFFINE)


@settings(max_examples=50, deadline=None)
@given(some.arrays(np.uint16, (3, 5, 5, 4), elements=st.integers(0, 500)), st.sampled_from([0.1, 3.0]))
def test_gain_of_the_scanner_changes_nothing(phases: np.ndarray, gain: float) -> None:
    plain = functional_tumour(*phases, AFFINE, rule=Rule(enhancement_percent=71.3, background=0.613))
    scaled = functional_tumour(
        *(phases * np.float64(gain)), AFFINE, rule=Rule(enhancement_percent=71.3, background=0.613)
    )
    assert (plain.mask == scaled.mask).all()


@pytest.mark.realdata
def test_it_follows_the_trials_own_volumes(realdata: Path) -> None:
    table = pd.read_csv(realdata / "ispy2" / "breastdcedl" / "metadata_spy2_vis1_for_modeling.csv")
    cc = table["mask_count"] * table["xy_spacing"] ** 2 * table["slice_thick"] / 1000
    published = pd.Series(cc.to_numpy(), index=table["pid"].str[-6:])
    ours = {}
    for item in find_nifti([realdata / "ispy2" / "mama-mia" / "images"]).examinations:
        scan = item.read()
        ours[item.patient[-6:]] = functional_tumour(scan.pre, scan.early, scan.late, scan.affine).volume_cc
    both = pd.DataFrame({"ours": ours, "published": published}).dropna()
    assert len(both) > 150
    # Measured: 0.98 (Spearman 0.96), on eight slices a patient and without the trial's regions.
    assert both.corr().iloc[0, 1] > 0.9
    assert both.corr("spearman").iloc[0, 1] > 0.9
    assert 0.7 < (both["ours"] / both["published"]).median() < 1.4
