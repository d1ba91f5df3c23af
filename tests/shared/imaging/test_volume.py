"""What is read is what was written, in one orientation; what is wrong has a number."""

import gzip
import itertools

import nibabel
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fedchemo.shared.errors import FedchemoError
from fedchemo.shared.imaging.volume import load_phases
from tests.shared.imaging.made import affine, examination, write

ORIENTATIONS = [
    "".join(codes)
    for axes in itertools.permutations(("RL", "AP", "SI"))
    for codes in itertools.product(*axes)
]


def refused(folder) -> FedchemoError:
    with pytest.raises(FedchemoError) as caught:
        load_phases(folder)
    assert str(folder) in caught.value.what
    return caught.value


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint16, np.int32, np.float32, np.float64])
def test_any_type_gives_the_same_float32(tmp_path, dtype):
    made = examination()
    phases = load_phases(write(tmp_path, made, dtype=dtype))
    for name in ("pre", "early", "late"):
        values = getattr(phases, name)
        assert values.dtype == np.float32
        assert np.array_equal(values, made[name])
    assert np.array_equal(phases.lesion, made["lesion"] > 0)
    assert phases.voxels_mm == pytest.approx((1.5, 1.5, 4.0))


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_any_orientation_gives_the_same_bits(tmp_path, orientation):
    made = examination(shape=(20, 14, 9))
    phases = load_phases(write(tmp_path, made, orientation=orientation))
    assert phases.pre.tobytes() == made["pre"].astype(np.float32).tobytes()
    # Sums run in the order of memory, so that must not depend on the file either.
    assert phases.pre.flags.c_contiguous
    assert np.array_equal(phases.lesion, made["lesion"] > 0)
    assert phases.voxels_mm == pytest.approx((1.5, 1.5, 4.0))


def test_phases_stored_in_different_orientations_lie_on_one_grid(tmp_path):
    made = examination()
    write(tmp_path, {"pre": made["pre"]}, orientation="LPS")
    write(tmp_path, {"early": made["early"], "late": made["late"]}, orientation="PIR")
    assert np.array_equal(load_phases(tmp_path).early, made["early"])


def test_oblique_volume_keeps_its_own_axes(tmp_path):
    made = examination()
    angle = np.deg2rad(20)
    turned = np.eye(4)
    turned[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    for name, values in made.items():
        nibabel.save(
            nibabel.Nifti1Image(values, turned @ affine((1.5, 1.5, 4.0))), tmp_path / f"{name}.nii.gz"
        )
    phases = load_phases(tmp_path)
    assert np.array_equal(phases.pre, made["pre"])
    assert phases.voxels_mm == pytest.approx((1.5, 1.5, 4.0))


def test_slope_and_intercept_are_applied(tmp_path):
    made = examination()
    write(tmp_path, made)
    image = nibabel.Nifti1Image(made["early"].astype(np.int16), affine((1.5, 1.5, 4.0)))
    image.header.set_slope_inter(0.5, 10)
    nibabel.save(image, tmp_path / "early.nii.gz")
    stored = nibabel.load(tmp_path / "early.nii.gz").get_fdata()
    assert np.allclose(load_phases(tmp_path).early, stored)


def test_a_fourth_axis_of_one_is_dropped(tmp_path):
    made = examination()
    write(tmp_path, made)
    nibabel.save(
        nibabel.Nifti1Image(made["late"][..., None], affine((1.5, 1.5, 4.0))), tmp_path / "late.nii.gz"
    )
    assert np.array_equal(load_phases(tmp_path).late, made["late"])


@pytest.mark.parametrize("top", [1, 255])
def test_masks_of_any_label_and_of_fractions(tmp_path, top):
    made = examination()
    inside = made["lesion"] > 0
    write(tmp_path, made | {"lesion": inside.astype(np.float32) * top + 0.1 * ~inside})
    assert np.array_equal(load_phases(tmp_path).lesion, inside)


def test_missing_phases_are_named(tmp_path):
    made = examination()
    write(tmp_path, {"early": made["early"]})
    error = refused(tmp_path)
    assert error.code == "FC201"
    assert "pre.nii.gz, late.nii.gz" in error.what


@pytest.mark.parametrize("keep", [0, 5, 0.5, -1, -9])
def test_truncated_gzip(tmp_path, keep):
    write(tmp_path, examination())
    file = tmp_path / "late.nii.gz"
    content = file.read_bytes()
    file.write_bytes(content[: int(len(content) * keep) if isinstance(keep, float) else keep])
    error = refused(tmp_path)
    assert error.code == "FC202"
    assert "late.nii.gz" in error.what


def test_a_wrong_checksum_is_noticed(tmp_path):
    write(tmp_path, examination())
    file = tmp_path / "pre.nii.gz"
    content = bytearray(file.read_bytes())
    content[-6] ^= 1
    file.write_bytes(content)
    assert refused(tmp_path).code == "FC202"


def test_text_and_uncompressed_files_are_no_images(tmp_path):
    write(tmp_path, examination())
    for content in (b"no image", gzip.compress(b"no image"), gzip.compress(bytes(1000))):
        (tmp_path / "pre.nii.gz").write_bytes(content)
        assert refused(tmp_path).code == "FC202"
    nibabel.save(nibabel.Nifti1Image(examination()["pre"], np.eye(4)), tmp_path / "plain.nii")
    (tmp_path / "plain.nii").rename(tmp_path / "pre.nii.gz")
    assert refused(tmp_path).code == "FC202"


@pytest.mark.parametrize("shape", [(40, 40), (40, 40, 1), (40, 40, 12, 2)])
def test_wrong_dimensions(tmp_path, shape):
    write(tmp_path, examination())
    nibabel.save(nibabel.Nifti1Image(np.ones(shape, np.uint8), np.eye(4)), tmp_path / "early.nii.gz")
    error = refused(tmp_path)
    assert error.code == "FC203"
    assert "early.nii.gz" in error.what


def test_complex_and_colour_voxels(tmp_path):
    write(tmp_path, examination())
    colour = np.zeros((8, 8, 4), dtype=[("R", "u1"), ("G", "u1"), ("B", "u1")])
    for voxels in (np.ones((8, 8, 4), np.complex64), colour):
        nibabel.save(nibabel.Nifti1Image(voxels, np.eye(4)), tmp_path / "pre.nii.gz")
        assert refused(tmp_path).code == "FC203"


def test_a_header_that_claims_a_huge_volume(tmp_path):
    write(tmp_path, examination())
    header = nibabel.Nifti1Header()
    header.set_data_shape((30000, 30000, 30000))
    (tmp_path / "pre.nii.gz").write_bytes(gzip.compress(header.binaryblock + bytes(100)))
    assert refused(tmp_path).code == "FC203"


@pytest.mark.parametrize(
    "change",
    [
        lambda a: a * np.array([1e-3, 1e-3, 1e-3, 1])[:, None],
        lambda a: a * np.array([1, 1, 0, 1])[:, None],
        lambda a: a @ np.array([[1, 0.3, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]),
    ],
    ids=["metres", "flat", "sheared"],
)
def test_geometry_that_makes_no_sense(tmp_path, change):
    made = examination()
    write(tmp_path, made)
    image = nibabel.Nifti1Image(made["pre"], None)
    image.header.set_sform(change(affine((1.5, 1.5, 4.0))), code=1)
    nibabel.save(
        nibabel.Nifti1Image(made["pre"], image.header.get_sform(), image.header), tmp_path / "pre.nii.gz"
    )
    assert refused(tmp_path).code == "FC204"


def test_another_shape(tmp_path):
    made = examination()
    write(tmp_path, made | {"early": made["early"][:, :-1]})
    error = refused(tmp_path)
    assert error.code == "FC205"
    assert "early.nii.gz" in error.what


@pytest.mark.parametrize("name", ["early", "late", "lesion"])
def test_another_place_in_space(tmp_path, name):
    made = examination()
    write(tmp_path, made)
    moved = affine((1.5, 1.5, 4.0))
    moved[2, 3] += 4.0
    nibabel.save(nibabel.Nifti1Image(made[name], moved), tmp_path / f"{name}.nii.gz")
    error = refused(tmp_path)
    assert error.code == "FC205"
    assert name in error.what


def test_rounded_headers_are_the_same_place(tmp_path):
    made = examination()
    write(tmp_path, made)
    nibabel.save(
        nibabel.Nifti1Image(made["late"], affine((1.5, 1.5, 4.0)) + 4e-4 * np.eye(4)),
        tmp_path / "late.nii.gz",
    )
    load_phases(tmp_path)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e31])
def test_values_that_are_not_finite(tmp_path, value):
    made = examination()
    late = made["late"].astype(np.float64)
    late[3, 4, 5] = value
    write(tmp_path, made | {"late": late})
    error = refused(tmp_path)
    assert error.code == "FC206"
    assert "(3, 4, 5)" in error.what


@pytest.mark.parametrize("name", ["pre", "early", "late"])
def test_a_constant_phase(tmp_path, name):
    made = examination()
    write(tmp_path, made | {name: np.full_like(made["pre"], 7)})
    error = refused(tmp_path)
    assert error.code == "FC207"
    assert f"{name}.nii.gz" in error.what


def test_an_empty_mask(tmp_path):
    made = examination()
    write(tmp_path, made | {"lesion": np.zeros_like(made["lesion"])})
    assert refused(tmp_path).code == "FC209"


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), min_size=1, max_size=6))
def test_no_header_gives_anything_but_a_numbered_error(tmp_path, changes):
    made = {name: values[:6, :6, :4] for name, values in examination(radius_mm=60).items()}
    folder = tmp_path / "visit"
    if not folder.exists():
        write(folder, made)
        (tmp_path / "whole").write_bytes(gzip.decompress((folder / "pre.nii.gz").read_bytes()))
    content = bytearray((tmp_path / "whole").read_bytes())
    for place, value in changes:
        content[place] = value
    (folder / "pre.nii.gz").write_bytes(gzip.compress(bytes(content), 1))
    try:
        phases, code = load_phases(folder), "read"
    except FedchemoError as error:
        phases, code = None, error.code
    assert code == "read" or code.startswith("FC2")
    assert phases is None or np.isfinite(phases.pre).all()
