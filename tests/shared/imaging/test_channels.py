"""Channels are what their names say, in units of the pre-contrast volume."""

import numpy as np
import pytest

from fedchemo.shared.imaging.channels import CONTRAST, combine, measure

CHANNELS = ("pre", "early", "late", "wash_in", "wash_out")


@pytest.fixture
def phases():
    rng = np.random.default_rng(1)
    pre = rng.uniform(20, 120, (6, 7, 8)).astype(np.float32)
    return pre, pre * 1.7 + 4, pre * 1.4 + 9


def test_measure_is_the_mean_and_sd_of_pre(phases):
    scale = measure(phases[0])
    assert scale.mean == pytest.approx(phases[0].astype(np.float64).mean(), rel=1e-12)
    assert scale.sd == pytest.approx(phases[0].astype(np.float64).std(), rel=1e-12)
    assert scale.air == phases[0].min()


def test_each_channel_by_its_definition(phases):
    pre, early, late = phases
    scale = measure(pre)
    found = combine([phase - scale.air for phase in phases], channels=CHANNELS, scale=scale)
    wanted = [pre - scale.mean, early - scale.mean, late - scale.mean, early - pre, late - early]
    assert found.dtype == np.float32
    assert np.allclose(found, np.array(wanted) / scale.sd, atol=1e-5)


def test_the_order_is_the_one_asked_for(phases):
    scale = measure(phases[0])
    above_air = [phase - scale.air for phase in phases]
    both = combine(above_air, channels=("wash_out", "pre"), scale=scale)
    assert np.array_equal(both[::-1], combine(above_air, channels=("pre", "wash_out"), scale=scale))


def test_enhancement_survives_and_the_scanners_gain_does_not(phases):
    """A z-score a phase would make wash_in the same for any dose; a gain of the scanner must change nothing."""
    pre, early, late = phases

    def wash_in(pre, early, late):
        scale = measure(pre)
        return combine([x - scale.air for x in (pre, early, late)], channels=("wash_in",), scale=scale)[0]

    once = wash_in(pre, early, late)
    assert np.allclose(wash_in(pre, pre + 2 * (early - pre), late), 2 * once, atol=1e-4)
    assert np.allclose(wash_in(37 * pre, 37 * early, 37 * late), once, atol=1e-4)


def test_air_is_dark_in_phases_and_zero_in_differences(phases):
    scale = measure(phases[0])
    found = combine([np.zeros((2, 2, 2), np.float32)] * 3, channels=CHANNELS, scale=scale)
    assert np.allclose(found[:3], (scale.air - scale.mean) / scale.sd)
    assert (found[3:] == 0).all()
    assert CONTRAST == ("wash_in", "wash_out")
