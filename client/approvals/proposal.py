"""A run as it asks to be approved."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

from fedchemo.shared.configuration import SiteConfiguration
from fedchemo.shared.wire.messages import Request


@dataclass(frozen=True)
class Proposal:
    """What a person is asked to agree to.

    A run that is the same in all of this gives the same answers, to the bit, so it need not be asked for again.
    """

    run: str
    purpose: str
    fingerprint: str
    configuration: SiteConfiguration

    @classmethod
    def of(cls, request: Request) -> Proposal:
        """Return the run that a request belongs to."""
        return cls(request.run, request.purpose, request.fingerprint, request.configuration)

    @property
    def identity(self) -> str:
        """SHA-256 of all of it: a run that differs in anything is another run."""
        return _hash(
            {
                "run": self.run,
                "purpose": self.purpose,
                "fingerprint": self.fingerprint,
                "configuration": self.configuration.model_dump(mode="json"),
            }
        )

    @property
    def subject(self) -> str:
        """SHA-256 of the purpose and the model alone, for a yes that holds for every such run."""
        return _hash({"purpose": self.purpose, "fingerprint": self.fingerprint})

    @property
    def number(self) -> str:
        """The first eight digits of the identity, for people to type."""
        return self.identity[:8]

    def in_words(self) -> str:
        """Return the run's settings as a person wants to hear them."""
        imaging, training = self.configuration.imaging, self.configuration.training
        looks = (
            f"images of {imaging.visit} ({imaging.grid} voxels of {imaging.spacing_mm} mm)"
            if imaging.enabled
            else "no images"
        )
        arms = self.configuration.clinical.arms
        used = [
            "clinical variables",
            *(["menopausal status"] if self.configuration.clinical.menopause else []),
        ]
        used += [f"treatment arms {', '.join(arms)}"] if arms else []
        length = (
            f"{training.local_steps} steps" if training.local_steps else f"{training.local_epochs} epoch(s)"
        )
        momentum = f", momentum {training.momentum:g}" if training.momentum else ""
        clipping = (
            f"each step's gradient cut to norm {training.clip_norm:g}"
            if training.clip_norm
            else "no step cut"
        )
        return (
            f"uses {', '.join(used)} and {looks}; trains {length} a round with {training.optimizer} in batches of "
            f"{training.batch_size} patients (learning rate {training.learning_rate:g}, "
            f"weight decay {training.weight_decay:g}{momentum}; {clipping})"
        )


def _hash(content: dict[str, object]) -> str:
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(canonical.encode()).hexdigest()
