"""The whole way from files to a tensor."""

import hashlib
import os
import subprocess
import sys

import numpy as np
import pytest

from fedchemo.shared.configuration import ImagingSettings
from fedchemo.shared.imaging.tensor import IMAGING_VERSION, recipe, to_tensor
from fedchemo.shared.imaging.volume import load_phases
from tests.shared.imaging.made import as_phases, ball, examination, write

ALL = ImagingSettings(channels=("pre", "early", "late", "wash_in", "wash_out"), grid=24, spacing_mm=2.0)
VOXELS_MM = (1.5, 1.5, 4.0)
GOLDEN = [1, -0.44701, 1.04207, 0.20359, 1.24781, 1.92169, 0.50401, -0.35221, 10.7363, -2.1664]


def test_shape_type_and_the_lesion_in_the_middle():
    tensor = to_tensor(as_phases(examination(), VOXELS_MM), ALL)
    assert tensor.shape == (5, 24, 24, 24)
    assert tensor.dtype == np.float32
    where = ball((24, 24, 24), (2.0, 2.0, 2.0), (23, 23, 23), 6)
    assert (
        tensor[3][where].mean()
        > 10 * tensor[3][~ball((24, 24, 24), (2.0, 2.0, 2.0), (23, 23, 23), 14)].mean()
        > 0
    )


def test_values_are_those_of_the_whole_pre_contrast_volume():
    made = examination()
    own_grid = ImagingSettings(channels=ALL.channels, grid=8, spacing_mm=1.5)
    cube = as_phases(
        {name: np.repeat(values, 2, axis=2)[:, :, :20] for name, values in made.items()}, (1.5, 1.5, 1.5)
    )
    cube.lesion[:] = False
    cube.lesion[16:24, 14:22, 6:14] = True
    block = tuple(slice(start, start + 8) for start in (16, 14, 6))
    tensor = to_tensor(cube, own_grid)
    mean, sd = cube.pre.mean(dtype=float), cube.pre.std(dtype=float)
    for channel, values in zip(
        tensor,
        (cube.pre - mean, cube.early - mean, cube.late - mean, cube.early - cube.pre, cube.late - cube.early),
        strict=True,
    ):
        assert np.allclose(channel, values[block] / sd, atol=1e-4)


def test_outside_the_volume_is_air():
    """A stack of four slices, 16 mm thick, in a cube of 48 mm."""
    made = examination(shape=(40, 40, 4), lesion_mm=(30, 27, 6))
    tensor = to_tensor(as_phases(made, VOXELS_MM), ALL)
    pre = made["pre"].astype(float)
    air = (pre.min() - pre.mean()) / pre.std()
    for outside in (tensor[..., :6], tensor[..., -6:]):
        assert np.allclose(outside[:3], air, atol=1e-5)
        assert (outside[3:] == 0).all()
    assert tensor[0, :, :, 11].mean() > air + 1


def test_the_crop_gives_what_the_whole_volume_would():
    """More tissue around the cube changes only the scale, which is the whole volume's."""
    made = examination(shape=(60, 60, 20), lesion_mm=(45, 42, 40))
    del made["lesion"]
    whole = as_phases(made, VOXELS_MM)
    tensor = to_tensor(whole, ImagingSettings(channels=("wash_in",), grid=10, spacing_mm=1.5))
    large = to_tensor(whole, ImagingSettings(channels=("wash_in",), grid=30, spacing_mm=1.5))
    assert np.allclose(tensor, large[:, 10:20, 10:20, 10:20], atol=1e-5)


@pytest.mark.parametrize("orientation", ["LPS", "PIR", "SAL"])
def test_orientation_on_disk_changes_no_bit(tmp_path, orientation):
    made = examination()
    del made["lesion"]
    one = to_tensor(load_phases(write(tmp_path / "one", made)), ALL)
    other = to_tensor(load_phases(write(tmp_path / "other", made, orientation=orientation)), ALL)
    assert one.tobytes() == other.tobytes()


def test_the_number_of_threads_changes_no_bit(tmp_path):
    made = examination(shape=(160, 160, 60), voxels_mm=(0.8, 0.8, 1.5), lesion_mm=(60, 60, 45))
    del made["lesion"]
    folder = write(tmp_path, made, (0.8, 0.8, 1.5))
    code = (
        "import sys, hashlib, pathlib; from fedchemo.shared.configuration import ImagingSettings;"
        "from fedchemo.shared.imaging.tensor import to_tensor; from fedchemo.shared.imaging.volume import load_phases;"
        "tensor = to_tensor(load_phases(pathlib.Path(sys.argv[1])), ImagingSettings());"
        "print(hashlib.sha256(tensor.tobytes()).hexdigest())"
    )
    found = [
        subprocess.run(
            [sys.executable, "-c", code, str(folder)],
            env=os.environ | {"OMP_NUM_THREADS": n, "OPENBLAS_NUM_THREADS": n, "MKL_NUM_THREADS": n},
            check=True,
            capture_output=True,
            text=True,
        ).stdout.strip()
        for n in ("1", "4")
    ]
    here = hashlib.sha256(to_tensor(load_phases(folder), ImagingSettings()).tobytes()).hexdigest()
    assert found == [here, here]


def test_inputs_are_left_alone():
    phases = as_phases(examination(), VOXELS_MM)
    before = [phase.copy() for phase in (phases.pre, phases.early, phases.late)]
    to_tensor(phases, ALL)
    assert all(
        np.array_equal(a, b) for a, b in zip(before, (phases.pre, phases.early, phases.late), strict=True)
    )


def test_a_changed_tensor_needs_a_new_version():
    """If this fails, `to_tensor` has changed: raise IMAGING_VERSION, then write down the new numbers."""
    made = examination(shape=(32, 28, 10), voxels_mm=VOXELS_MM, lesion_mm=(20, 24, 20), radius_mm=9, seed=7)
    del made["lesion"]
    tensor = to_tensor(as_phases(made, VOXELS_MM), ImagingSettings(grid=16, spacing_mm=2.5))
    found = [IMAGING_VERSION, *tensor.mean(axis=(1, 2, 3)), *tensor.std(axis=(1, 2, 3)), *tensor[:, 8, 7, 9]]
    assert found == pytest.approx(GOLDEN, abs=2e-4)


def test_the_recipe_names_what_decides_a_tensor():
    base = ImagingSettings()
    for other in (
        {"grid": 32},
        {"spacing_mm": 1.0},
        {"channels": ("pre",)},
        {"channels": ("pre", "wash_out", "wash_in")},
    ):
        assert recipe(ImagingSettings(**other)) != recipe(base)
    for other in ({"enabled": False}, {"visit": "T1"}, {"augment": False}):
        assert recipe(ImagingSettings(**other)) == recipe(base)
    assert f'"version": {IMAGING_VERSION}' in recipe(base)
