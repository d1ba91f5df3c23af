"""Initial parameters depend on the seed and on their own names, and on nothing else."""

import numpy as np
import pytest
import torch

from fedchemo.shared.configuration import ImagingSettings, ModelSettings
from fedchemo.shared.model.build import build
from fedchemo.shared.model.initialise import initialise, set_clinical
from tests.shared.model.made import FEATURES, IMAGING, MODEL, batch, untouched_generators


def initial(seed, *, model=MODEL, imaging=IMAGING):
    made = build(model, imaging, FEATURES)
    initialise(made, seed)
    return made


def equal(one, other):
    return [name for name in one if name in other and torch.equal(one[name], other[name])]


def test_equal_seeds_give_equal_bits_and_others_do_not():
    one, again, other = (initial(seed).state_dict() for seed in (1, 1, 2))
    assert equal(one, again) == list(one)
    drawn = [name for name, tensor in one.items() if tensor.unique().numel() > 1]
    assert "image.backbone.stem.0.weight" in drawn
    assert not set(drawn) & set(equal(one, other))


def test_global_generators_stay_where_they_are():
    with untouched_generators():
        initial(0)


def test_a_trained_model_goes_back_to_its_start():
    model = initial(3)
    fresh = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(1)
    initialise(model, 3)
    assert equal(fresh, model.state_dict()) == list(fresh)


def test_a_parameter_does_not_depend_on_the_others():
    """A deeper last stage leaves the names before it as they were."""
    shallow = initial(0).state_dict()
    deep = initial(0, model=MODEL.model_copy(update={"blocks": (1, 1, 1, 2)})).state_dict()
    same = [name for name in shallow if "film" not in name]
    assert set(same) <= set(equal(shallow, deep))


def test_no_two_layers_start_alike():
    state = initial(0, model=ModelSettings(widths=(8, 8, 8, 8), blocks=(2, 1, 1, 1))).state_dict()
    kernels = [tensor for name, tensor in state.items() if tensor.shape == (8, 8, 3, 3, 3)]
    assert len({kernel.numpy().tobytes() for kernel in kernels}) == len(kernels) > 5


def test_starts_as_the_constant_model():
    model = initial(0)
    images, clinical = batch(3)
    assert model(images, torch.tensor([True, False, True]), clinical).tolist() == [0.0, 0.0, 0.0]


def test_kernels_have_the_deviation_of_he():
    state = initial(0, model=ModelSettings()).state_dict()
    kernel = state["image.backbone.blocks.3.conv2.weight"]
    assert kernel.std().item() == pytest.approx((2 / (128 * 27)) ** 0.5, rel=0.02)
    assert abs(kernel.mean().item()) < 1e-3


def test_batch_norm_starts_as_the_identity():
    model = initial(0, model=ModelSettings(norm="batch"), imaging=ImagingSettings())
    state = model.state_dict()
    assert (state["image.backbone.stem.1.running_var"] == 1).all()
    assert (state["image.backbone.stem.1.running_mean"] == 0).all()
    assert state["image.backbone.stem.1.num_batches_tracked"] == 0


@pytest.mark.parametrize("imaging", [IMAGING, ImagingSettings(enabled=False)])
def test_a_clinical_model_fitted_elsewhere(imaging):
    model = initial(0, imaging=imaging)
    coefficients = np.array([0.5, -1.0, 0.0, 2.0, 0.25])
    set_clinical(model, coefficients, -0.75)
    _, clinical = batch(4)
    expected = clinical.double().numpy() @ coefficients - 0.75
    np.testing.assert_allclose(model.clinical_logits(clinical).detach(), expected, rtol=1e-5)


def test_a_clinical_model_of_another_length_is_refused():
    with pytest.raises(ValueError, match="4 coefficients for 5"):
        set_clinical(initial(0), np.zeros(4), 0.0)
