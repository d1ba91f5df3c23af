"""Conditioning of a feature map on the clinical variables, after DAFT (Pölsterl et al. 2021, arXiv 2107.05990)."""

from __future__ import annotations

import torch
from torch import nn


class Film(nn.Module):
    """Scale and shift each channel of a feature map by what its mean and the clinical vector together say.

    The channel means and the clinical vector pass a bottleneck of a few units, which gives one scale and one
    shift a channel. With `modulation` at zero, where training starts, the scale is 1 and the shift 0.

    Args:
        channels: channels of the feature map.
        features: length of the encoded clinical vector.
        bottleneck: units between them; DAFT's authors saw no gain from more than a handful.
    """

    def __init__(self, *, channels: int, features: int, bottleneck: int) -> None:
        super().__init__()
        self.squeeze = nn.Linear(channels + features, bottleneck)
        self.modulation = nn.Linear(bottleneck, 2 * channels)

    def forward(self, feature_map: torch.Tensor, clinical: torch.Tensor) -> torch.Tensor:
        """Return the modulated map.

        Args:
            feature_map: (n, channels, x, y, z).
            clinical: (n, features).
        """
        seen = torch.cat([feature_map.mean(dim=(2, 3, 4)), clinical.to(feature_map.dtype)], dim=1)
        change, shift = self.modulation(torch.relu(self.squeeze(seen))).chunk(2, dim=1)
        modulated: torch.Tensor = (
            feature_map * (1 + change[:, :, None, None, None]) + shift[:, :, None, None, None]
        )
        return modulated
