"""Stretched weights give stretched logits, for patients with and without an image, and nothing else changes."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from fedchemo.shared.metrics.stretch import Stretch
from fedchemo.shared.model.packing import manifest, pack, unpack
from fedchemo.shared.model.stretched import stretched
from tests.shared.model.made import IMAGING, batch, fusion_model


@pytest.mark.parametrize(
    "imaging", [IMAGING, IMAGING.model_copy(update={"enabled": False})], ids=["fusion", "clinical"]
)
def test_logits_are_stretched_and_their_order_stays(imaging):
    model = fusion_model(imaging=imaging, gate=0.04)
    images, clinical = batch(12)
    has_image = torch.arange(12) % 3 > 0
    before = pack(model).copy()
    with torch.no_grad():
        logits = model(images, has_image, clinical).numpy()
        unpack(model, stretched(before, manifest(model), Stretch(location=-0.4, factor=3.0)))
        found = model(images, has_image, clinical).numpy()
    assert found == pytest.approx(3.0 * (logits + 0.4), abs=1e-4)
    assert (np.argsort(found) == np.argsort(logits)).all()


def test_only_the_last_step_is_another():
    model = fusion_model(gate=0.04)
    before = pack(model).copy()
    after = stretched(before, manifest(model), Stretch(location=0.1, factor=2.0))
    assert after.dtype == np.float32
    # Clinical weights, bias and gate.
    assert np.count_nonzero(after != before) == np.count_nonzero(model.clinical.weight.detach()) + 2
    assert (stretched(before, manifest(model), Stretch(0.0, 1.0)) == before).all()
