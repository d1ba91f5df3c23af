"""An examination in order is not refused; swapped and copied phases and wrong masks are, each with its code."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from fedchemo.shared.imaging import quality
from fedchemo.shared.imaging.volume import load_phases
from tests.shared.imaging.made import as_phases, ball, examination

MM = (1.5, 1.5, 4.0)


@pytest.fixture(params=range(4))
def phases(request):
    return as_phases(examination(seed=request.param), MM)


def codes(found):
    return [error.code for error in found]


def swapped(phases, order):
    return dataclasses.replace(
        phases,
        **dict(zip(("pre", "early", "late"), (getattr(phases, name) for name in order.split()), strict=True)),
    )


def test_an_examination_in_order_passes(phases):
    assert quality.faults(phases) == quality.doubts(phases) == []
    without = dataclasses.replace(phases, lesion=None)
    assert quality.faults(without) == quality.doubts(without) == []


@pytest.mark.parametrize("order", ["early pre late", "late early pre", "early late pre"])
def test_a_pre_phase_that_came_after_the_contrast_agent_is_found(phases, order):
    assert codes(quality.faults(swapped(phases, order))) == ["FC161"]


@pytest.mark.parametrize("order", ["pre pre late", "pre early early", "pre early pre"])
def test_a_copied_phase_is_found_and_named(phases, order):
    (found,) = quality.faults(swapped(phases, order))
    assert found.code == "FC162"
    assert sum(name in found.what for name in ("pre", "early", "late")) == 2


def test_an_inverted_mask_fills_the_volume(phases):
    assert codes(quality.faults(dataclasses.replace(phases, lesion=~phases.lesion))) == ["FC163"]


def test_a_mask_in_air_is_found():
    arrays = examination()
    breast = ball(arrays["pre"].shape, MM, (30.0, 27.0, 24.0), 26.0)
    for name in ("pre", "early", "late"):
        arrays[name] = (arrays[name] * breast).astype(np.uint8)
    arrays["lesion"] = ball(arrays["pre"].shape, MM, (3.0, 3.0, 4.0), 3.0)
    assert codes(quality.faults(as_phases(arrays, MM))) == ["FC163"]


def test_a_mask_beside_the_lesion_is_a_doubt_not_a_fault():
    arrays = examination(shape=(120, 40, 12), lesion_mm=(20.0, 27.0, 24.0))
    arrays["early"] = np.where(arrays["lesion"], arrays["early"], arrays["pre"]).astype(np.uint8)
    arrays["lesion"] = ball(arrays["pre"].shape, MM, (150.0, 27.0, 24.0), 6.0)
    phases = as_phases(arrays, MM)
    assert quality.faults(phases) == []
    assert codes(quality.doubts(phases)) == ["FC164"]


def test_without_mask_and_enhancement_the_doubt_is_that_nothing_enhances():
    arrays = examination()
    del arrays["lesion"]
    arrays["early"] = arrays["pre"] - np.minimum(arrays["pre"], 1)
    assert codes(quality.doubts(as_phases(arrays, MM))) == ["FC208"]


@pytest.mark.realdata
def test_no_real_examination_is_refused_and_every_one_is_when_swapped(realdata, tmp_path):
    from fedchemo.simulations.datasets.ispy2.load import load

    dataset = load(realdata / "ispy2")
    folders = [visits["T0"] for visits in dataset.images.values() if "T0" in visits]
    assert len(folders) > 100
    for number, files in enumerate(folders[::3]):
        folder = tmp_path / str(number)
        folder.mkdir()
        for phase in ("pre", "early", "late"):
            (folder / f"{phase}.nii.gz").symlink_to(getattr(files, phase))
        phases = load_phases(folder)
        assert quality.faults(phases) == quality.doubts(phases) == [], number
        assert codes(quality.faults(swapped(phases, "early pre late"))) == ["FC161"], number
