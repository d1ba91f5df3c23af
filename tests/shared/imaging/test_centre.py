"""The crop is centred on the lesion, also where skin, heart, vessels and noise enhance more."""

import os
from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from fedchemo.shared.errors import FedchemoError
from fedchemo.shared.imaging.centre import lesion_centre
from fedchemo.shared.imaging.volume import load_phases
from tests.shared.imaging.made import as_phases, ball, examination

VOXELS_MM = (2.0, 2.0, 3.0)
SHAPE = (160, 110, 50)


def bilateral(
    lesion_mm, *, lesion=60.0, radius_mm=9.0, heart=120.0, skin=150.0, vessel=150.0, motion=0.0, seed=0
):
    """A bilateral examination: two breasts before a chest wall with a heart in it, skin, a vessel, noise."""
    rng = np.random.default_rng(seed)
    body = (
        ball(SHAPE, VOXELS_MM, (90, 90, 75), 65)
        | ball(SHAPE, VOXELS_MM, (230, 90, 75), 65)
        | (np.indices(SHAPE)[1] * VOXELS_MM[1] < 70)
    )
    shell = body & ~ndimage.binary_erosion(body, iterations=1, border_value=1)
    pre = 10 + 60 * body + rng.normal(0, 6, SHAPE)
    wash_in = 4 * body + rng.normal(0, 6, SHAPE)
    wash_in += skin * shell + heart * ball(SHAPE, VOXELS_MM, (175, 5, 70), 45)
    line = np.zeros(SHAPE)
    line[60:62, 20:70, 30] = vessel
    wash_in += line
    # Motion between phases: a bright rim on one side of each breast and a dark one on the other.
    wash_in += motion * (np.roll(shell, 2, axis=0).astype(float) - np.roll(shell, -2, axis=0))
    wash_in += lesion * ball(SHAPE, VOXELS_MM, lesion_mm, radius_mm)
    early = pre + wash_in
    return as_phases({"pre": pre, "early": early, "late": early}, VOXELS_MM)


def distance(phases, lesion_mm):
    return np.linalg.norm(np.array(lesion_centre(phases)) * phases.voxels_mm - np.array(lesion_mm))


@pytest.mark.parametrize("lesion_mm", [(70, 110, 60), (95, 130, 90), (240, 100, 80), (215, 95, 50)])
@pytest.mark.parametrize("seed", [0, 1])
def test_among_skin_heart_and_vessel(lesion_mm, seed):
    assert distance(bilateral(lesion_mm, seed=seed), lesion_mm) < 5


def test_the_distractors_are_real():
    """Positive control: the brightest voxel and the centroid of enhancement both miss the lesion."""
    lesion_mm = (70, 110, 60)
    phases = bilateral(lesion_mm)
    wash_in = np.maximum(phases.early - phases.pre, 0)
    brightest = np.array(np.unravel_index(wash_in.argmax(), SHAPE)) * VOXELS_MM
    centroid = np.array(ndimage.center_of_mass(wash_in)) * VOXELS_MM
    smooth = ndimage.gaussian_filter(wash_in, [2, 2, 1.3])
    strongest_region = np.array(np.unravel_index(smooth.argmax(), SHAPE)) * VOXELS_MM
    for naive in (brightest, centroid, strongest_region):
        assert np.linalg.norm(naive - lesion_mm) > 30


def test_motion_at_the_skin_cancels():
    lesion_mm = (95, 130, 90)
    assert distance(bilateral(lesion_mm, skin=0, motion=200), lesion_mm) < 5


def test_a_large_lesion_that_grazes_the_border_is_still_it():
    voxels_mm = (1.0, 1.0, 2.0)
    made = examination(shape=(80, 80, 40), voxels_mm=voxels_mm, lesion_mm=(20, 40, 40), radius_mm=22)
    del made["lesion"]
    assert distance(as_phases(made, voxels_mm), (20, 40, 40)) < 5


def test_a_stack_of_few_slices_through_the_lesion_has_no_border():
    voxels_mm = (0.625, 0.625, 5.0)
    made = examination(shape=(128, 128, 8), voxels_mm=voxels_mm, lesion_mm=(55, 30, 18), radius_mm=24)
    del made["lesion"]
    made["early"][ball((128, 128, 8), voxels_mm, (15, 65, 18), 6)] += 60
    assert distance(as_phases(made, voxels_mm), (55, 30, 18)) < 5


def test_where_the_border_cuts_all_the_one_cut_least_is_taken():
    voxels_mm = (1.0, 1.0, 2.0)
    made = examination(shape=(80, 80, 40), voxels_mm=voxels_mm, lesion_mm=(3, 40, 40), radius_mm=14)
    del made["lesion"]
    made["early"][ball((80, 80, 40), voxels_mm, (79, 79, 78), 20)] += 50
    assert distance(as_phases(made, voxels_mm), (3, 40, 40)) < 8


def test_a_mask_wins_over_enhancement():
    voxels_mm = (1.5, 1.5, 4.0)
    made = examination(lesion_mm=(15, 15, 20))
    made["lesion"] = ball(made["pre"].shape, voxels_mm, (42, 45, 28), 7)
    assert distance(as_phases(made, voxels_mm), (42, 45, 28)) < 1


@pytest.mark.parametrize("late", [0, 3])
def test_no_enhancement_is_refused(late):
    made = examination()
    same = as_phases(
        {"pre": made["pre"], "early": made["pre"] - np.uint8(late), "late": made["late"]}, (1.5, 1.5, 4.0)
    )
    with pytest.raises(FedchemoError) as caught:
        lesion_centre(same)
    assert caught.value.code == "FC208"
    assert "made" in caught.value.what


@pytest.mark.realdata
@pytest.mark.skipif(not os.environ.get("FEDCHEMO_REALDATA"), reason="FEDCHEMO_REALDATA is not set")
def test_on_real_crops_around_the_tumour(tmp_path):
    """I-SPY2's sample is cut around the tumour, so its own middle is the reference: 80 mm across."""
    root = Path(os.environ["FEDCHEMO_REALDATA"]) / "ispy2/mama-mia/images"
    folders = sorted(root.iterdir())
    assert len(folders) == 155
    away = []
    for folder in folders:
        visit = tmp_path / folder.name
        visit.mkdir()
        for number, name in enumerate(("pre", "early", "late")):
            (visit / f"{name}.nii.gz").symlink_to(folder / f"{folder.name.lower()}_{number:04d}.nii.gz")
        phases = load_phases(visit)
        middle = (np.array(phases.pre.shape) - 1) / 2
        away.append(np.linalg.norm((np.array(lesion_centre(phases)) - middle)[:2] * phases.voxels_mm[:2]))
    assert np.median(away) < 7
    assert np.percentile(away, 90) < 18
    assert max(away) < 30
