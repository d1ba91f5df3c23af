"""The image changes a logit only where there is one and the gate is open."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fedchemo.shared.configuration import ImagingSettings
from fedchemo.shared.model.fusion import GATE_GAIN
from tests.shared.model.made import FEATURES, batch, fusion_model, same_bits

finite = st.floats(-1e6, 1e6, width=32)
# From nothing at all to beyond what a convolution can sum.
brightness = st.sampled_from([0.0, 1e-20, 1.0, 6e4, 1e20, 3e38])


@st.composite
def batches(draw):
    n = draw(st.integers(1, 4))
    images, _ = batch(n, seed=draw(st.integers(0, 3)))
    clinical = draw(st.lists(st.lists(finite, min_size=FEATURES, max_size=FEATURES), min_size=n, max_size=n))
    has_image = draw(st.lists(st.booleans(), min_size=n, max_size=n))
    return (images.clamp(-1, 1) * draw(brightness), torch.tensor(has_image), torch.tensor(clinical))


@settings(max_examples=40, deadline=None)
@given(batches(), st.booleans())
def test_a_closed_gate_gives_the_clinical_logit_to_the_bit(made, training):
    images, has_image, clinical = made
    model = fusion_model().train(training)
    assert same_bits(model(images, has_image, clinical), model.clinical_logits(clinical))


@pytest.mark.parametrize("scale", [6e4, 1e20, 3e38])
def test_no_brightness_passes_a_closed_gate(scale):
    """The last one overflows inside the backbone: zero times what comes out would be NaN."""
    images, clinical = batch(3)
    model = fusion_model()
    logits = model(images.clamp(-1, 1) * scale, torch.tensor([True, True, False]), clinical)
    assert same_bits(logits, model.clinical_logits(clinical))


@settings(max_examples=40, deadline=None)
@given(batches(), st.floats(-3, 3))
def test_no_image_gives_the_clinical_logit_to_the_bit_whoever_shares_the_batch(made, gate):
    images, has_image, clinical = made
    model = fusion_model(gate=gate)
    logits = model(images, has_image, clinical)
    assert same_bits(logits[~has_image], model.clinical_logits(clinical)[~has_image])


@pytest.mark.parametrize("garbage", [float("nan"), float("inf"), 3e38])
def test_what_stands_in_place_of_an_absent_image_does_not_matter(garbage):
    images, clinical = batch(3)
    model = fusion_model(gate=0.5)
    has_image = torch.tensor([True, False, True])
    expected = model(images, has_image, clinical)
    images[1] = garbage
    found = model(images, has_image, clinical)
    assert same_bits(found, expected)
    found.sum().backward()
    assert all(p.grad is None or p.grad.isfinite().all() for p in model.parameters())


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("has_image", [[True, True], [True, False], [False, False]])
def test_negative_zero_too(has_image, sign):
    """A closed gate adds 0.0 or -0.0, as the residual's sign is; only the one turns a logit of -0.0 to 0.0."""
    model = fusion_model()
    with torch.no_grad():
        model.clinical.weight.zero_()
        model.clinical.bias.fill_(-0.0)
        model.image.head.weight.mul_(sign)
    images, clinical = batch(2)
    clinical = -clinical.abs()
    logits = model(images, torch.tensor(has_image), clinical)
    assert same_bits(logits, model.clinical_logits(clinical))


def test_an_open_gate_changes_those_with_an_image_and_no_other():
    images, clinical = batch(4)
    model = fusion_model(gate=0.5)
    has_image = torch.tensor([True, False, True, False])
    change = model(images, has_image, clinical) - model.clinical_logits(clinical)
    assert (change != 0).tolist() == has_image.tolist()


def test_rows_keep_their_image():
    """The third patient's correction is the same alone as behind one who has no image."""
    images, clinical = batch(3)
    model = fusion_model(gate=0.5)
    together = model(images, torch.tensor([True, False, True]), clinical)
    alone = model(images[2:], torch.tensor([True]), clinical[2:])
    torch.testing.assert_close(together[2:], alone)


def test_a_closed_gate_has_a_gradient_and_what_lies_behind_it_none():
    images, clinical = batch(4)
    model = fusion_model()
    loss = torch.nn.functional.binary_cross_entropy_with_logits(
        model(images, torch.ones(4, dtype=torch.bool), clinical), torch.tensor([1.0, 0, 0, 1])
    )
    loss.backward()
    assert model.gate is not None
    assert model.gate.grad.abs() > 1e-4
    assert not model.image.head.weight.grad.any()


def test_the_backbone_is_not_run_for_patients_without_image():
    model = fusion_model(gate=0.5)
    seen = []
    model.image.backbone.register_forward_hook(lambda _module, inputs, _output: seen.append(len(inputs[0])))
    images, clinical = batch(4)
    model(images, torch.tensor([False, True, False, False]), clinical)
    model(torch.empty(0), torch.zeros(4, dtype=torch.bool), clinical)
    assert seen == [1]


def test_without_imaging_images_are_not_looked_at():
    model = fusion_model(imaging=ImagingSettings(enabled=False))
    _, clinical = batch(3)
    logits = model(torch.full((3, 1), torch.nan), torch.ones(3, dtype=torch.bool), clinical)
    assert same_bits(logits, model.clinical_logits(clinical))
    expected = clinical.numpy() @ np.linspace(-1, 1, FEATURES) + 0.3
    np.testing.assert_allclose(logits.detach(), expected, rtol=1e-5)


def test_the_clinical_logit_keeps_its_precision_under_autocast():
    model = fusion_model()
    images, clinical = batch(4)
    has_image = torch.tensor([True, False, True, True])
    with torch.autocast("cpu", dtype=torch.bfloat16):
        logits = model(images, has_image, clinical)
    assert same_bits(logits, model.clinical_logits(clinical))


def test_the_proposal_teaches_the_image_branch_behind_a_closed_gate_and_the_clinical_layer_nothing():
    images, clinical = batch(4)
    model = fusion_model()
    _, rows, proposal = model.logits_and_proposal(images, torch.tensor([True, False, True, True]), clinical)
    assert rows.tolist() == [0, 2, 3]
    proposal.sum().backward()
    assert model.clinical.weight.grad is None
    assert model.gate.grad is None
    assert all(parameter.grad is not None for parameter in model.image.backbone.parameters())


def test_the_proposal_is_the_logit_of_a_gate_that_is_wide_open():
    images, clinical = batch(4)
    has_image = torch.tensor([True, False, True, True])
    model = fusion_model(gate=1 / GATE_GAIN)
    logits, rows, proposal = model.logits_and_proposal(images, has_image, clinical)
    torch.testing.assert_close(logits[rows], proposal)
    assert same_bits(logits, model(images, has_image, clinical))
