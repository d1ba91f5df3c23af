"""The fusion model: a clinical logit, plus what the image adds to it once its gate opens."""

from __future__ import annotations

import torch
from torch import nn

from fedchemo.shared.model.backbone import Backbone

GATE_GAIN = 20.0
"""How far the gate opens for each unit of its parameter.

An adaptive optimiser moves a parameter by about its learning rate a step: at 1e-3 a bare gate needs a thousand
steps to open, and a round at a small hospital has three.
"""


class Gate(nn.Module):
    """One factor, zero at first, between the image's residual and the logit.

    The factor is `GATE_GAIN` times the parameter, but the parameter's gradient is the factor's. The true one, a
    gain larger, would make plain SGD move the factor by the gain squared and let the gate alone decide when a
    gradient is clipped; an adaptive optimiser does not see the difference.
    """

    def __init__(self) -> None:
        super().__init__()
        self.opening = nn.Parameter(torch.empty(1))

    def forward(self, residual: torch.Tensor) -> torch.Tensor:
        """Return the gated residual; zero from a closed gate, whose gradient is the residual all the same."""
        # Zero times infinity is not zero: an image beyond the range of a float must not pass a closed gate.
        finite = torch.nan_to_num(residual, nan=0.0, posinf=0.0, neginf=0.0)
        held = self.opening.detach()
        factor = GATE_GAIN * held + (self.opening - held)
        return factor * torch.where(held == 0, finite, residual)


class ImageResidual(nn.Module):
    """From an image and the clinical vector to a logit's correction, gated.

    Args:
        backbone: from an image to a vector.
        width: length of that vector.
    """

    def __init__(self, backbone: Backbone, width: int) -> None:
        super().__init__()
        self.backbone = backbone
        self.head = nn.Linear(width, 1)
        self.gate = Gate()

    def forward(self, images: torch.Tensor, clinical: torch.Tensor) -> torch.Tensor:
        """Return the residual before its gate, float32 (n,).

        Args:
            images: (n, C, G, G, G).
            clinical: (n, d).
        """
        vector = self.backbone(images, clinical)
        residual: torch.Tensor = self.head(vector).squeeze(1).float()
        return residual


class FusionModel(nn.Module):
    """Logit of pCR = clinical logit + gate x image residual.

    Training starts, the gate being zero, from the clinical model, and leaves it only where the image helps. A
    patient without image has the clinical logit, to the bit, whoever shares the batch; with the gate at zero
    so has every patient.

    Args:
        features: length of the encoded clinical vector.
        image: the residual; None is a clinical model.
    """

    def __init__(self, *, features: int, image: ImageResidual | None) -> None:
        super().__init__()
        self.clinical = nn.Linear(features, 1)
        self.image = image

    @property
    def gate(self) -> nn.Parameter | None:
        """The gate's parameter, (1,); None in a clinical model."""
        return None if self.image is None else self.image.gate.opening

    def forward(self, images: torch.Tensor, has_image: torch.Tensor, clinical: torch.Tensor) -> torch.Tensor:
        """Return float32 logits (n,).

        The backbone sees only rows with an image, so the others cost nothing and may hold anything.

        Args:
            images: float32 (n, C, G, G, G); of any shape if no patient has an image.
            has_image: bool (n,).
            clinical: float32 (n, d).
        """
        return self.logits_and_proposal(images, has_image, clinical)[0]

    def logits_and_proposal(
        self, images: torch.Tensor, has_image: torch.Tensor, clinical: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return the logits, and what the image branch proposes with no gate before it.

        Args:
            images: as in `forward`.
            has_image: as in `forward`.
            clinical: as in `forward`.

        Returns:
            Logits (n,); the rows that have an image (k,); for those, clinical logit + residual (k,), from which
            no gradient reaches the clinical layer.
        """
        logits = self.clinical_logits(clinical)
        rows = has_image.nonzero().squeeze(1)
        if self.image is None or not len(rows):
            return logits, rows[:0], logits[:0]
        everyone = len(rows) == len(logits)
        seen = clinical if everyone else clinical[rows]
        residual = self.image(images if everyone else images[rows], seen)
        proposal = logits.detach()[rows] + residual
        return logits.index_add(0, rows, self.image.gate(residual)), rows, proposal

    def embedding(self, images: torch.Tensor, clinical: torch.Tensor) -> torch.Tensor:
        """Return the vector that the image's residual is made from, float32 (n, width of the last stage).

        Args:
            images: (n, C, G, G, G).
            clinical: (n, d), which conditions the last block.

        Raises:
            ValueError: in a clinical model, which has none.
        """
        if self.image is None:
            msg = "a clinical model has no image embedding"
            raise ValueError(msg)
        vector: torch.Tensor = self.image.backbone(images, clinical).float()
        return vector

    def clinical_logits(self, clinical: torch.Tensor) -> torch.Tensor:
        """Return what the clinical variables alone say, float32 (n,), in full precision under autocast too."""
        with torch.autocast(clinical.device.type, enabled=False):
            logits: torch.Tensor = self.clinical(clinical).squeeze(1)
        # Adding a closed gate's zero turns -0.0 into 0.0; so does this, for rows that nothing is added to.
        return logits + 0.0
