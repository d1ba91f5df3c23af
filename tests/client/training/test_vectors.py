"""Which values of a packed vector are what."""

import numpy as np
import torch

from fedchemo.client.training.vectors import as_parameters, norms, trained
from fedchemo.shared.model.packing import pack

MODEL = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.BatchNorm1d(3), torch.nn.GroupNorm(1, 3))


def test_parameters_keep_their_order_and_running_statistics_are_not_trained():
    vector = np.where(trained(MODEL), 1, 0).astype(np.float32)
    pieces = as_parameters(vector, MODEL, torch.device("cpu"))
    assert [piece.shape for piece in pieces] == [parameter.shape for parameter in MODEL.parameters()]
    assert torch.cat([piece.reshape(-1) for piece in pieces]).tolist() == [1.0] * 21
    assert np.count_nonzero(vector) == 21
    assert len(vector) == len(pack(MODEL)) == 27


def test_norm_layers_are_scale_shift_and_running_statistics():
    # BatchNorm: four vectors of 3; GroupNorm: two.
    assert norms(MODEL).sum() == 18
    changed = pack(MODEL)
    changed[~norms(MODEL)] = 7.0
    model = torch.nn.Sequential(torch.nn.Linear(2, 3))
    assert (changed == 7.0).sum() == len(pack(model))
