"""The backbone has the normalisation asked for in every layer, and changes nothing in place."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from fedchemo.shared.configuration import ImagingSettings, ModelSettings
from fedchemo.shared.model.backbone import groups
from fedchemo.shared.model.build import build
from tests.shared.model.made import FEATURES, batch, fusion_model


def norms(model):
    return [type(m) for m in model.modules() if isinstance(m, nn.GroupNorm | nn.modules.batchnorm._BatchNorm)]


@pytest.mark.parametrize(("norm", "kind"), [("group", nn.GroupNorm), ("batch", nn.BatchNorm3d)])
def test_every_layer_has_the_norm_asked_for(norm, kind):
    model = build(ModelSettings(norm=norm), ImagingSettings(), FEATURES)
    # One in the stem, two in each of four blocks, one in each of three projections.
    assert norms(model) == [kind] * 12


def test_size_at_default_settings():
    model = build(ModelSettings(), ImagingSettings(), FEATURES)
    assert 0.90e6 < sum(parameter.numel() for parameter in model.parameters()) < 0.93e6


def test_width_depth_and_channels_are_settings():
    imaging = ImagingSettings(grid=16, channels=("early", "wash_out"))
    model = build(ModelSettings(widths=(4, 6, 8, 12), blocks=(1, 2, 1, 2)), imaging, FEATURES)
    assert model.image is not None
    assert len(model.image.backbone.blocks) == 6
    images = torch.zeros(2, 2, 16, 16, 16)
    assert model.image.backbone(images, torch.zeros(2, FEATURES)).shape == (2, 12)


@pytest.mark.parametrize("grid", [8, 17, 32])
def test_small_grids_train_with_one_image(grid):
    imaging = ImagingSettings(grid=grid)
    images, clinical = batch(1, imaging=imaging)
    logit = fusion_model(imaging=imaging, gate=0.1).train()(images, torch.tensor([True]), clinical)
    assert logit.isfinite().all()


def test_one_image_does_not_see_another():
    model = fusion_model(gate=0.1).train()
    images, clinical = batch(3)
    both = torch.ones(3, dtype=torch.bool)
    before = model(images, both, clinical)[0]
    images[1:] += 5
    torch.testing.assert_close(model(images, both, clinical)[0], before)


def test_layers_can_carry_backward_hooks():
    """What per-sample gradients hang on each layer; an operation in place makes autograd refuse."""
    model = fusion_model(gate=0.1)
    seen = set()
    for name, module in model.named_modules():
        if not list(module.children()):
            module.register_full_backward_hook(lambda *_, name=name: seen.add(name))
    images, clinical = batch(2)
    inputs = (images.requires_grad_(), torch.tensor([True, True]), clinical.requires_grad_())
    model(*inputs).sum().backward()
    assert {"clinical", "image.head", "image.gate", "image.backbone.stem.0"} <= seen


@given(st.integers(1, 512), st.integers(1, 32))
def test_groups_divide_channels_and_hold_two(channels, wanted):
    n = groups(channels, wanted)
    assert channels % n == 0
    assert n <= wanted
    assert channels // n >= 2 or n == 1


def test_groups_are_as_many_as_asked_where_that_fits():
    assert [groups(channels, 8) for channels in (16, 32, 64, 128)] == [8] * 4
