"""The loss of local training: the model's cross-entropy, and that of the image branch's proposal."""

from __future__ import annotations

import torch
from torch.nn.functional import binary_cross_entropy_with_logits as entropy_of

from fedchemo.client.training.objective import objective
from fedchemo.shared.configuration import ImagingSettings
from tests.shared.model.made import batch, fusion_model

LABELS = torch.tensor([1.0, 0.0, 1.0, 0.0])


def test_without_images_it_is_the_plain_cross_entropy():
    images, clinical = batch(4)
    for model, has_image in (
        (fusion_model(), torch.zeros(4, dtype=torch.bool)),
        (fusion_model(imaging=ImagingSettings(enabled=False)), torch.ones(4, dtype=torch.bool)),
    ):
        loss, reported = objective(model, images, has_image, clinical, LABELS)
        assert loss.item() == reported.item()
        torch.testing.assert_close(reported, entropy_of(model(images, has_image, clinical), LABELS))


def test_a_module_of_a_study_is_called_the_same_way():
    class Linear(torch.nn.Module):
        def forward(self, images, has_image, clinical):
            return clinical[:, 0]

    images, clinical = batch(4)
    loss, reported = objective(Linear(), images, torch.ones(4, dtype=torch.bool), clinical, LABELS)
    assert loss.item() == reported.item() == entropy_of(clinical[:, 0], LABELS).item()


def test_it_reports_the_cross_entropy_of_the_models_own_logits():
    images, clinical = batch(4)
    model, has_image = fusion_model(gate=0.1), torch.tensor([True, False, True, True])
    loss, reported = objective(model, images, has_image, clinical, LABELS)
    logits, rows, proposal = model.logits_and_proposal(images, has_image, clinical)
    torch.testing.assert_close(reported, entropy_of(logits, LABELS))
    torch.testing.assert_close(loss - reported, entropy_of(proposal, LABELS[rows]) * 3 / 4)
