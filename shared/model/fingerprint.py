"""One hash over all that must agree before two machines may share weights."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence

from fedchemo.shared.configuration import SiteConfiguration
from fedchemo.shared.errors import FedchemoError
from fedchemo.shared.imaging.tensor import recipe
from fedchemo.shared.model.packing import Manifest


def fingerprint(configuration: SiteConfiguration, manifest: Manifest, clinical: Sequence[str]) -> str:
    """Return SHA-256 over the model, the image tensors and the clinical encoding, in hexadecimal.

    The recipe carries the version of the imaging code: a release that makes other tensors is another model. How
    the model is trained, augmentation included, does not count: weights mean the same.

    Args:
        configuration: its model and imaging settings are hashed.
        manifest: of the model built from them.
        clinical: names of the encoded clinical variables, in order.
    """
    agreed = {
        "manifest": manifest.model_dump(mode="json"),
        "model": configuration.model.model_dump(mode="json"),
        "imaging": configuration.imaging.model_dump(mode="json", exclude={"augment"}),
        "recipe": recipe(configuration.imaging),
        "clinical": list(clinical),
    }
    canonical = json.dumps(agreed, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


def check_fingerprint(expected: str, actual: str, *, source: str = "the other side") -> None:
    """Refuse to go on with a model that this installation would build differently.

    Args:
        expected: what ``source`` states.
        actual: what this installation computes.
        source: who or which file states it, for the message.

    Raises:
        FedchemoError: FC302 if they differ.
    """
    if expected != actual:
        raise FedchemoError(
            "FC302", f"{source} has fingerprint {expected[:12]}…, this installation {actual[:12]}…"
        )
