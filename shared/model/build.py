"""The model's structure from its configuration."""

from __future__ import annotations

import torch

from fedchemo.shared.configuration import ImagingSettings, ModelSettings
from fedchemo.shared.errors import FedchemoError
from fedchemo.shared.model.backbone import Backbone
from fedchemo.shared.model.fusion import FusionModel, ImageResidual

_REDUCTION = 32
"""The last stage's grid is the image's, divided by this and rounded up."""


def build(model: ModelSettings, imaging: ImagingSettings, features: int) -> FusionModel:
    """Return the model on the CPU, every parameter zero: fill it with `initialise` or `unpack`.

    Arguments and errors are those of `structure`.
    """
    built = structure(model, imaging, features)
    built.to_empty(device="cpu")
    with torch.no_grad():
        for tensor in built.state_dict().values():
            tensor.zero_()
    return built


def structure(model: ModelSettings, imaging: ImagingSettings, features: int) -> FusionModel:
    """Return the model without values: names and shapes, and next to no memory whatever its size.

    It is made on the meta device, where initial values are never drawn, so no global generator moves and a
    site that is sent weights spends nothing on values it would throw away.

    Args:
        model: width, depth and normalisation.
        imaging: channels and grid; if not enabled, the model is clinical alone.
        features: length of the encoded clinical vector.

    Raises:
        FedchemoError: FC301 if BatchNorm would have to take the variance of a single value.
    """
    if imaging.enabled and model.norm == "batch" and imaging.grid <= _REDUCTION:
        raise FedchemoError(
            "FC301",
            f"model.norm: batch needs imaging.grid above {_REDUCTION}, not {imaging.grid}: the last stage would "
            "be one voxel, and a batch may hold one image",
        )
    with torch.device("meta"):
        image = _image_residual(model, imaging, features) if imaging.enabled else None
        return FusionModel(features=features, image=image)


def _image_residual(model: ModelSettings, imaging: ImagingSettings, features: int) -> ImageResidual:
    backbone = Backbone(
        channels=len(imaging.channels),
        features=features,
        widths=model.widths,
        blocks=model.blocks,
        norm=model.norm,
        norm_groups=model.norm_groups,
        film_bottleneck=model.film_bottleneck,
    )
    return ImageResidual(backbone, model.widths[-1])
