"""A run as it asks to be approved."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

from fedchemo.shared.configuration import PLAIN, SiteConfiguration, SiteMethod, SiteMethodName
from fedchemo.shared.wire.messages import Request

_METHODS: dict[SiteMethodName, str] = {
    "plain": "",
    "scaffold": "; sends with each update the mean gradient of its steps (SCAFFOLD), and remembers one here",
    "feddyn": "; remembers here how far its steps went (FedDyn)",
    "fednova": "; divides its update by its number of steps (FedNova)",
    "fedbn": "; keeps the norm layers of its model here (FedBN)",
    "ditto": "; trains a second model that stays here (Ditto)",
    "cyclic": "; its weights go to the next hospital as they are, not in a sum (cyclic weight transfer)",
}


@dataclass(frozen=True)
class Proposal:
    """What a person is asked to agree to.

    A run that is the same in all of this gives the same answers, to the bit, so it need not be asked for again.
    """

    run: str
    purpose: str
    fingerprint: str
    configuration: SiteConfiguration
    method: SiteMethod = PLAIN

    @classmethod
    def of(cls, request: Request) -> Proposal:
        """Return the run that a request belongs to."""
        return cls(request.run, request.purpose, request.fingerprint, request.configuration, request.method)

    @property
    def identity(self) -> str:
        """SHA-256 of all of it: a run that differs in anything is another run."""
        return _hash(
            {
                "run": self.run,
                "purpose": self.purpose,
                "fingerprint": self.fingerprint,
                "configuration": self.configuration.model_dump(mode="json"),
                "method": self.method.model_dump(mode="json"),
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
            f"weight decay {training.weight_decay:g}{momentum}; {clipping}){self._beyond()}"
        )

    def _beyond(self) -> str:
        """Return what the method asks beyond plain training."""
        said = _METHODS[self.method.name]
        tuned = self.method.fine_tuning_epochs
        after = (
            f"; after the run trains {tuned} epoch(s) more for this hospital alone, which stay here"
            if tuned
            else ""
        )
        return f"{said}{after}"


def _hash(content: dict[str, object]) -> str:
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(canonical.encode()).hexdigest()
