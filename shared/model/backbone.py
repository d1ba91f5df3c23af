"""A 3D ResNet from MONAI's residual blocks, conditioned on the clinical variables in the last of them."""

from __future__ import annotations

from typing import Literal

import torch
from torch import nn

from fedchemo.shared.model.film import Film
from fedchemo.shared.model.lean_import import FOR_MONAI, without

with without(*FOR_MONAI):
    from monai.networks.nets.resnet import ResNetBlock

Norm = Literal["group", "batch"]


class ResidualBlock(ResNetBlock):  # type: ignore[misc] # MONAI ships no types
    """MONAI's basic block without its in-place operations, with a place for `Film`.

    Per-sample gradients hang a backward hook on each layer, and autograd forbids changing a hooked layer's
    output in place, as MONAI's ``out += residual`` and its default ReLU do.

    Args:
        entering: channels that come in.
        leaving: channels that go out.
        stride: 2 halves the grid.
        norm: kind of normalisation.
        norm_groups: groups of a GroupNorm, at most.
        film: conditions the map between the two convolutions, behind the norm so that it is not undone.
    """

    def __init__(
        self,
        entering: int,
        leaving: int,
        *,
        stride: int,
        norm: Norm,
        norm_groups: int,
        film: Film | None = None,
    ) -> None:
        projection = None
        if stride != 1 or entering != leaving:
            projection = nn.Sequential(
                nn.Conv3d(entering, leaving, kernel_size=1, stride=stride, bias=False),
                normalisation(leaving, norm=norm, norm_groups=norm_groups),
            )
        super().__init__(
            entering,
            leaving,
            stride=stride,
            downsample=projection,
            act=("relu", {"inplace": False}),
            norm=("group", {"num_groups": groups(leaving, norm_groups)}) if norm == "group" else "batch",
        )
        self.film = film

    def forward(self, x: torch.Tensor, clinical: torch.Tensor) -> torch.Tensor:
        """Return the block's output.

        Args:
            x: (n, entering, x, y, z).
            clinical: (n, features), seen by `Film` alone.
        """
        out: torch.Tensor = self.bn1(self.conv1(x))
        if self.film is not None:
            out = self.film(out, clinical)
        out = self.bn2(self.conv2(self.act(out)))
        kept = x if self.downsample is None else self.downsample(x)
        activated: torch.Tensor = self.act(out + kept)
        return activated


class Backbone(nn.Module):
    """Four stages of residual blocks on a strided stem: from an image to a vector.

    Assembled here because `monai.networks.nets.ResNet` gives its ``norm`` and ``act`` to the stem alone: its
    blocks stay BatchNorm whatever is asked (MONAI 1.6.1). The stem's stride and pooling leave a quarter of
    the grid, the last stage a thirty-second.

    Args:
        channels: channels of an image.
        features: length of the encoded clinical vector.
        widths: channels of the four stages.
        blocks: residual blocks of the four stages.
        norm: kind of normalisation.
        norm_groups: groups of a GroupNorm, at most.
        film_bottleneck: units of the conditioning in the last block.
    """

    def __init__(
        self,
        *,
        channels: int,
        features: int,
        widths: tuple[int, ...],
        blocks: tuple[int, ...],
        norm: Norm,
        norm_groups: int,
        film_bottleneck: int,
    ) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv3d(channels, widths[0], kernel_size=7, stride=2, padding=3, bias=False),
            normalisation(widths[0], norm=norm, norm_groups=norm_groups),
            nn.ReLU(),
            nn.MaxPool3d(kernel_size=3, stride=2, padding=1),
        )
        self.blocks = nn.ModuleList()
        entering = widths[0]
        for stage, (width, count) in enumerate(zip(widths, blocks, strict=True)):
            for block in range(count):
                is_last = stage == len(widths) - 1 and block == count - 1
                self.blocks.append(
                    ResidualBlock(
                        entering,
                        width,
                        stride=2 if stage > 0 and block == 0 else 1,
                        norm=norm,
                        norm_groups=norm_groups,
                        film=Film(channels=width, features=features, bottleneck=film_bottleneck)
                        if is_last
                        else None,
                    )
                )
                entering = width

    def forward(self, images: torch.Tensor, clinical: torch.Tensor) -> torch.Tensor:
        """Return one vector a patient, (n, widths[-1]).

        Args:
            images: (n, channels, G, G, G).
            clinical: (n, features).
        """
        x = self.stem(images)
        for block in self.blocks:
            x = block(x, clinical)
        vector: torch.Tensor = x.mean(dim=(2, 3, 4))
        return vector


def normalisation(channels: int, *, norm: Norm, norm_groups: int) -> nn.Module:
    """Return the normalisation layer for a map of ``channels`` channels."""
    if norm == "batch":
        return nn.BatchNorm3d(channels)
    return nn.GroupNorm(groups(channels, norm_groups), channels)


def groups(channels: int, wanted: int) -> int:
    """Return the largest divisor of ``channels`` up to ``wanted`` that leaves two channels in each group.

    One channel a group would normalise a map of a single voxel, which a small grid ends in, to zero.
    """
    return max(n for n in range(1, wanted + 1) if channels % n == 0 and (n == 1 or channels // n >= 2))
