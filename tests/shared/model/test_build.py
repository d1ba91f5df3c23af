"""Building draws nothing, leaves nothing to chance, and follows the settings."""

import pytest
import torch

from fedchemo.shared.configuration import ImagingSettings, ModelSettings
from fedchemo.shared.errors import FedchemoError
from fedchemo.shared.model.build import build
from tests.shared.model.made import FEATURES, IMAGING, MODEL, global_states, untouched_generators


def test_global_generators_stay_where_they_are():
    with untouched_generators():
        build(MODEL, IMAGING, FEATURES)


def test_a_layer_made_the_usual_way_would_be_noticed():
    before = global_states()
    torch.nn.Linear(2, 2)
    assert global_states() != before


@pytest.mark.parametrize("norm", ["group", "batch"])
def test_every_value_is_zero(norm):
    model = build(ModelSettings(norm=norm), ImagingSettings(), FEATURES)
    assert all(tensor.device.type == "cpu" for tensor in model.state_dict().values())
    assert not any(tensor.any() for tensor in model.state_dict().values())


def test_without_imaging_the_clinical_layer_is_all():
    model = build(MODEL, ImagingSettings(enabled=False), FEATURES)
    assert list(model.state_dict()) == ["clinical.weight", "clinical.bias"]
    assert model.gate is None


def test_batch_norm_over_one_value_is_refused():
    with pytest.raises(FedchemoError, match="grid above 32") as caught:
        build(ModelSettings(norm="batch"), ImagingSettings(grid=32), FEATURES)
    assert caught.value.code == "FC301"
    build(ModelSettings(norm="batch"), ImagingSettings(grid=33), FEATURES)
    build(ModelSettings(norm="batch"), ImagingSettings(grid=32, enabled=False), FEATURES)
