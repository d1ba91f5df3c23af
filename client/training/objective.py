"""What local training minimises."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits

from fedchemo.shared.model.fusion import FusionModel


def objective(
    model: nn.Module,
    images: torch.Tensor,
    has_image: torch.Tensor,
    clinical: torch.Tensor,
    labels: torch.Tensor,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the loss to minimise, and the cross-entropy of the model's own logits; both means over patients.

    Cross-entropy is plain: weighting the rarer class would spoil calibration. For the fusion model the
    cross-entropy of the image branch's proposal (clinical logit + residual, no gate) is added over the same
    patients. With the gate alone to teach it, the residual has no gradient at first and then one whose sign
    follows the gate's, and sites whose gates happened to start in opposite directions undo each other when they
    are averaged. The proposal gives every site the same direction from the first step, and the clinical layer
    nothing. Measured on the synthetic cohort (480 patients at four sites, ten rounds of three epochs, FedAvg, one
    seed): test AUC .88 and log-loss .41 with it, .79 and .53 without; the clinical model has .71 and .55.

    Args:
        model: a `FusionModel`, or any module called the same way.
        images: (n, C, G, G, G).
        has_image: bool (n,).
        clinical: (n, d).
        labels: (n,).
    """
    if not isinstance(model, FusionModel):
        entropy = binary_cross_entropy_with_logits(model(images, has_image, clinical), labels)
        return entropy, entropy
    logits, rows, proposal = model.logits_and_proposal(images, has_image, clinical)
    entropy = binary_cross_entropy_with_logits(logits, labels)
    if not len(rows):
        return entropy, entropy
    proposed = binary_cross_entropy_with_logits(proposal, labels[rows], reduction="sum") / len(labels)
    return entropy + proposed, entropy
