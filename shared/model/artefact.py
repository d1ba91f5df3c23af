"""A trained model on disk: ``model.safetensors`` and ``model.json``, all that a prediction needs.

``model.json`` holds the configuration, the federated statistics, the manifest and the fingerprint, the
SHA-256 of the weights, and one of its own content. The hashes find damage and mixed-up files; they are no
signature. Nothing is unpickled.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
import safetensors
import safetensors.numpy
import torch
from pydantic import Field, JsonValue
from torch import Tensor, nn

from fedchemo.shared.atomic import write_bytes, write_text
from fedchemo.shared.clinical.encoding import names, variables
from fedchemo.shared.clinical.statistics import ClinicalStatistics
from fedchemo.shared.configuration import Settings, SiteConfiguration, parse
from fedchemo.shared.errors import FedchemoError
from fedchemo.shared.model.build import build
from fedchemo.shared.model.fingerprint import check_fingerprint, fingerprint
from fedchemo.shared.model.packing import Manifest, Weights, manifest, unpack

FORMAT = 1
"""Version of the two files; another one is refused."""
WEIGHTS = "model.safetensors"
DESCRIPTION = "model.json"

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Description(Settings):
    """What ``model.json`` holds, beside the hash of all of it."""

    format: int
    fedchemo: str
    weights_sha256: Sha256
    fingerprint: Sha256
    configuration: SiteConfiguration
    statistics: ClinicalStatistics
    manifest: Manifest
    details: dict[str, JsonValue]


@dataclass(frozen=True)
class TrainedModel:
    """A model ready to predict.

    Attributes:
        module: the fusion model on the CPU, in evaluation mode.
        configuration: it was trained with.
        statistics: of the clinical variables over the training patients of all sites.
        fingerprint: of model, imaging and encoding.
        details: what the run wrote about itself, such as its name and the round.
    """

    module: nn.Module
    configuration: SiteConfiguration
    statistics: ClinicalStatistics
    fingerprint: str
    details: Mapping[str, Any]

    @torch.no_grad()
    def probabilities(self, images: Tensor, has_image: Tensor, clinical: Tensor) -> npt.NDArray[np.float64]:
        """Return predicted probabilities of pCR, float64 (n,).

        Args:
            images: float32 (n, C, G, G, G) on the module's device.
            has_image: booleans (n,); False leaves the clinical part of the model alone.
            clinical: float32 (n, d), of `fedchemo.shared.clinical.encoding.encode`.
        """
        logits = self.module(images, has_image, clinical)
        # In float64, as everywhere: a float32 sigmoid rounds a confident prediction to 1.
        return torch.sigmoid(logits.double()).cpu().numpy()


def save(
    folder: Path,
    *,
    vector: Weights,
    configuration: SiteConfiguration,
    statistics: ClinicalStatistics,
    manifest: Manifest,
    fingerprint: str,
    details: Mapping[str, JsonValue],
) -> None:
    """Write a model into ``folder``; the weights alone decide the bytes of ``model.safetensors``.

    Args:
        folder: made if it is not there.
        vector: packed weights, float32 of the manifest's size.
        configuration: of the run's sites.
        statistics: the run's federated statistics.
        manifest: of the vector.
        fingerprint: of the run.
        details: anything else worth keeping, as plain JSON values.

    Raises:
        FedchemoError: FC004 if the folder cannot be written, FC305 if the vector does not fit the manifest.
    """
    content = safetensors.numpy.save(_tensors(vector, manifest))
    described = Description(
        format=FORMAT,
        fedchemo=version("fedchemo"),
        weights_sha256=hashlib.sha256(content).hexdigest(),
        fingerprint=fingerprint,
        configuration=configuration,
        statistics=statistics,
        manifest=manifest,
        details=dict(details),
    ).model_dump(mode="json")
    # The description comes last: it vouches for the weights that are there already.
    write_bytes(folder / WEIGHTS, content)
    text = json.dumps({**described, "sha256": _seal(described)}, indent=1, allow_nan=False)
    write_text(folder / DESCRIPTION, text + "\n")


def load(folder: Path) -> TrainedModel:
    """Return the model that a run wrote into its folder, rebuilt and filled strictly.

    Args:
        folder: a run folder, or any that holds ``model.safetensors`` and ``model.json``.

    Raises:
        FedchemoError: FC002 if there is no such folder; FC306 if a file is missing, damaged, of another
            version, or belongs to another model; FC302 if this release would build another model; FC305 if
            a weight is not finite.
    """
    described = _read_description(folder)
    vector = _read_weights(folder / WEIGHTS, described)
    configuration = described.configuration
    features = names(configuration.clinical)
    if described.statistics.names != variables(configuration.clinical):
        raise FedchemoError(
            "FC302", f"{folder}: its statistics describe other clinical variables than its model"
        )
    module = build(configuration.model, configuration.imaging, len(features))
    check_fingerprint(
        described.fingerprint, fingerprint(configuration, manifest(module), features), source=str(folder)
    )
    unpack(module, vector)
    return TrainedModel(
        module=module.eval(),
        configuration=configuration,
        statistics=described.statistics,
        fingerprint=described.fingerprint,
        details=described.details,
    )


def _read_description(folder: Path) -> Description:
    path = folder / DESCRIPTION
    if not folder.is_dir():
        raise FedchemoError("FC002", f"{folder} is no folder")
    if not path.exists() and (folder / "rounds").is_dir():
        raise FedchemoError("FC306", f"{folder} is a run that has not ended: it holds no {DESCRIPTION} yet")
    try:
        content = json.loads(path.read_bytes())
    except OSError as error:
        raise FedchemoError("FC306", f"{path}: {error.strerror}") from error
    except ValueError as error:
        raise FedchemoError("FC306", f"{path} is damaged: {error}") from error
    if not isinstance(content, dict):
        raise FedchemoError("FC306", f"{path} describes no model")
    if content.get("format") != FORMAT:
        raise FedchemoError(
            "FC306", f"{path} has format {content.get('format')}, this release reads {FORMAT}"
        )
    if content.pop("sha256", None) != _seal(content):
        raise FedchemoError("FC306", f"{path} is damaged: its content does not have the hash written in it")
    # As JSON again: that is how tuples and numbers are read strictly.
    return parse(Description, json.dumps(content), source=str(path), code="FC306")


def _read_weights(path: Path, described: Description) -> Weights:
    """Return the packed vector if the file is the one described, to the byte."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise FedchemoError("FC306", f"{path}: {error.strerror}") from error
    if hashlib.sha256(content).hexdigest() != described.weights_sha256:
        what = f"{path} is damaged or of another model: its SHA-256 is not the one in {DESCRIPTION}"
        raise FedchemoError("FC306", what)
    try:
        tensors = safetensors.numpy.load(content)
    except safetensors.SafetensorError as error:
        raise FedchemoError("FC306", f"{path}: {error}") from error
    found = {name: (tensor.shape, str(tensor.dtype)) for name, tensor in tensors.items()}
    entries = described.manifest.entries
    if found != {entry.name: (entry.shape, entry.dtype) for entry in entries}:
        raise FedchemoError("FC306", f"{path} holds other tensors than {DESCRIPTION} names")
    return np.concatenate([tensors[entry.name].reshape(-1) for entry in entries])


def _tensors(vector: Weights, manifest: Manifest) -> dict[str, npt.NDArray[np.float32]]:
    if vector.shape != (manifest.size,) or vector.dtype != np.float32:
        raise FedchemoError(
            "FC305", f"{vector.dtype} {vector.shape} where float32 ({manifest.size},) is expected"
        )
    ends = np.cumsum([entry.size for entry in manifest.entries])
    parts = np.split(vector, ends[:-1])
    return {
        entry.name: np.ascontiguousarray(part).reshape(entry.shape)
        for entry, part in zip(manifest.entries, parts, strict=True)
    }


def _seal(described: Mapping[str, Any]) -> str:
    canonical = json.dumps(described, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()
