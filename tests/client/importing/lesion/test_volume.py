"""A mask's volume, whatever its voxels."""

from __future__ import annotations

import numpy as np
import pytest

from fedchemo.client.importing.lesion.volume import volume_cc


def test_voxels_are_counted_by_the_distance_between_them() -> None:
    mask = np.zeros((10, 10, 10), dtype=bool)
    mask[:4, :5, :2] = True
    # 40 voxels of 0.5 x 0.5 x 2 mm.
    assert volume_cc(mask, np.diag([0.5, 0.5, 2, 1])) == pytest.approx(0.02)


def test_turning_and_mirroring_changes_nothing() -> None:
    mask = np.ones((2, 3, 4), dtype=bool)
    c, s = np.cos(0.4), np.sin(0.4)
    turned = np.array([[c, -s, 0, 7], [s, c, 0, -9], [0, 0, -1, 3], [0, 0, 0, 1]]) @ np.diag([0.7, 0.9, 3, 1])
    assert volume_cc(mask, turned) == pytest.approx(24 * 0.7 * 0.9 * 3 / 1000)


def test_nothing_marked_is_zero() -> None:
    assert volume_cc(np.zeros((2, 2, 2), dtype=bool), np.eye(4)) == 0
