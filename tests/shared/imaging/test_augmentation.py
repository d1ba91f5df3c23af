"""Augmentation: deterministic, out of place, and only what it promises."""

import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fedchemo.shared.imaging.augmentation import augment
from fedchemo.shared.randomness import torch_stream

G = 10


def stream(*purpose):
    return torch_stream(0, "augmentation", *purpose)


def batch(n=6, channels=3):
    return torch.randn(n, channels, G, G, G, generator=stream("batch"))


def variants(volume):
    """Every flip and shift of one channel that is allowed, by plain slicing."""
    for left, up in itertools.product((False, True), repeat=2):
        flipped = (
            volume.flip([axis for axis, wanted in ((0, left), (2, up)) if wanted]) if left or up else volume
        )
        for shifts in itertools.product(range(-2, 3), repeat=3):
            moved = flipped
            for axis, shift in enumerate(shifts):
                moved = moved.index_select(axis, (torch.arange(G) - shift).clamp(0, G - 1))
            yield (left, up, *shifts), moved


def test_each_sample_is_an_allowed_flip_and_shift_of_itself():
    x = batch()
    y = augment(x, stream(1))
    found = set()
    for before, after in zip(x, y, strict=True):
        match = [name for name, moved in variants(before[0]) if torch.equal(moved, after[0])]
        assert match
        found.add(match[0])
        factors = {}
        for channel in (1, 2):
            moved = dict(variants(before[channel]))[match[0]]
            ratio = after[channel] / moved
            assert torch.allclose(ratio, ratio.flatten()[0].expand_as(ratio), atol=1e-4)
            factors[channel] = ratio.median().item()
        assert factors[1] == pytest.approx(factors[2], abs=1e-4)
        assert 0.9 <= factors[1] <= 1.1
    assert len(found) > 3


def test_every_flip_and_shift_occurs_and_none_in_front():
    marks = torch.zeros(600, 3, G, G, G)
    marks[:, 0, 2, 3, 4] = 1
    where = augment(marks, stream(2))[:, 0].flatten(1).argmax(1)
    x, y, z = where // (G * G), where // G % G, where % G
    assert set(x.tolist()) == {0, 1, 2, 3, 4, 5, 6, 7, 8, 9}
    assert set(y.tolist()) == {1, 2, 3, 4, 5}
    assert set(z.tolist()) == {2, 3, 4, 5, 6, 7}


def test_same_stream_same_bits_and_another_stream_others():
    x = batch()
    assert torch.equal(augment(x, stream(3)), augment(x, stream(3)))
    assert not torch.equal(augment(x, stream(3)), augment(x, stream(4)))


def test_not_in_place_and_no_global_generator():
    x = batch()
    before, state = x.clone(), torch.get_rng_state()
    y = augment(x, stream(5))
    assert torch.equal(x, before)
    assert y.data_ptr() != x.data_ptr()
    assert torch.equal(torch.get_rng_state(), state)


def test_a_sample_does_not_depend_on_its_neighbours_values():
    x = batch()
    other = x.clone()
    other[1:] = 0
    assert torch.equal(augment(x, stream(6))[0], augment(other, stream(6))[0])


def test_no_image_stays_zeros_and_no_sample_stays_none():
    assert not augment(torch.zeros(3, 3, G, G, G), stream(7)).any()
    assert augment(batch(0), stream(7)).shape == (0, 3, G, G, G)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_type_is_kept(dtype):
    assert augment(batch().to(dtype), stream(8)).dtype == dtype


def test_views_that_are_not_contiguous():
    x = batch()
    strided = x.permute(0, 1, 4, 3, 2).contiguous().permute(0, 1, 4, 3, 2)
    assert not strided.is_contiguous()
    assert torch.equal(augment(strided, stream(9)), augment(x, stream(9)))


@settings(deadline=None, max_examples=25)
@given(
    channels=st.lists(
        st.sampled_from(["pre", "early", "late", "wash_in", "wash_out"]), min_size=1, unique=True
    )
)
def test_only_contrast_is_scaled(channels):
    ones = torch.ones(4, len(channels), G, G, G)
    y = augment(ones, stream(10), channels=channels)
    for i, name in enumerate(channels):
        assert (y[:, i] == 1).all() == (not name.startswith("wash"))


def test_channels_must_fit():
    with pytest.raises(ValueError, match="2 channels"):
        augment(batch(channels=2), stream(11))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_gpu_draws_the_same_numbers():
    x = batch()
    assert torch.equal(augment(x.cuda(), stream(12)).cpu(), augment(x, stream(12)))
    with pytest.raises(ValueError, match="CPU"):
        augment(x, torch.Generator("cuda"))
