"""The models of its own that runs have left at this site: each as `fedchemo predict --model` takes it."""

from __future__ import annotations

import re
from pathlib import Path

from fedchemo.client.approvals.proposal import Proposal
from fedchemo.shared.errors import FedchemoError
from fedchemo.shared.metrics.summary import ScoreSums
from fedchemo.shared.model.artefact import load, save
from fedchemo.shared.model.packing import Manifest, Weights, pack
from fedchemo.shared.private_file import PRIVATE_FOLDER
from fedchemo.shared.wire.messages import PersonalRequest

MOST = 50
"""Models kept: ever new runs must not fill the disk, nor push out a model that the hospital uses."""


class PersonalModels:
    """A folder of models, one a run.

    Args:
        folder: in the site's state folder; made at first use, nobody else's to read.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def path(self, request: PersonalRequest) -> Path:
        """Return where the model of a request's run lies, or would."""
        shown = re.sub(r"[^A-Za-z0-9.-]", "_", request.run)
        return self._folder / f"{shown}-{Proposal.of(request).number}"

    def keep(self, request: PersonalRequest, weights: Weights, manifest: Manifest) -> Path:
        """Write the model of a run, in place of an earlier one of the same run, and return its folder.

        Raises:
            FedchemoError: FC004 if it cannot be written, FC650 if there are too many.
        """
        path = self.path(request)
        try:
            self._folder.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
            others = sum(one != path for one in self._folder.iterdir())
        except OSError as error:
            raise FedchemoError("FC004", f"{self._folder}: {error.strerror}") from error
        if others >= MOST:
            raise FedchemoError("FC650", f"{self._folder} holds {others} models")
        save(
            path,
            vector=weights,
            configuration=request.configuration,
            statistics=request.statistics,
            manifest=manifest,
            fingerprint=request.fingerprint,
            details={
                "run": request.run,
                "round": request.round,
                "method": request.method.model_dump(mode="json"),
                "personal": True,
            },
        )
        return path

    def weights(self, request: PersonalRequest) -> Weights | None:
        """Return the model of a run, float32 (parameters,); None if there is none.

        Raises:
            FedchemoError: FC306 if it is damaged.
        """
        path = self.path(request)
        return pack(load(path).module) if path.exists() else None


def in_words(scores: ScoreSums | None) -> str:
    """Return how well a model predicts, for a hospital's own eyes."""
    if scores is None:
        return "no test patients"
    parts = [f"{scores.n} test patients"]
    for name, found in (("log-loss", scores.log_loss()), ("AUC", scores.auc())):
        if found is not None:
            parts.append(f"{name} {found.value:.3f} [{found.low:.2f}, {found.high:.2f}]")
    return ", ".join(parts)
