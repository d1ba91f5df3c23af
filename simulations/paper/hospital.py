"""A hospital of the published table: the product's participant with another table and another model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import torch

from fedchemo.client.participant import Participant
from fedchemo.client.policy.permission import check, check_size
from fedchemo.client.training.data import TrainingData
from fedchemo.shared.clinical.statistics import ClinicalStatistics
from fedchemo.shared.configuration import SiteConfiguration
from fedchemo.shared.model.fingerprint import check_fingerprint
from fedchemo.shared.model.packing import unpack
from fedchemo.shared.splits import Split
from fedchemo.shared.wire.messages import Request
from fedchemo.shared.wire.records import Weights
from fedchemo.simulations.paper.linear import LinearModel, identity

NO_STATISTICS = ClinicalStatistics(names=(), means=(), deviations=(), counts=())
"""Sent with each request: these hospitals standardise by their own patients."""


class _NoImages:
    def __contains__(self, patient: str, /) -> bool:
        return False

    def batch(self, patients: Sequence[str], /) -> torch.Tensor:
        raise KeyError(patients)


@dataclass
class HeartHospital(Participant):
    """Trains, scores and answers as every participant does; replaces what belongs to the task alone."""

    _tables: dict[Split, TrainingData] = field(default_factory=dict, repr=False)

    def _accept(self, request: Request) -> None:
        check(self.policy, request, now=self.today())
        parameters, expected = identity(request.configuration)
        check_size(self.policy, parameters)
        check_fingerprint(request.fingerprint, expected, source="the study")
        self.approve(request)

    def _model(self, _configuration: SiteConfiguration, weights: Weights) -> torch.nn.Module:
        with torch.random.fork_rng(devices=()):
            model = LinearModel()
        unpack(model, weights)
        return model.to(self.device)

    def _data(
        self, split: Split, _configuration: SiteConfiguration, _statistics: ClinicalStatistics
    ) -> TrainingData:
        if split not in self._tables:
            self._tables[split] = self._read(split)
        return self._tables[split]

    def _read(self, split: Split) -> TrainingData:
        patients = self.cohort.patients(split)
        rows = self.cohort.clinical.loc[patients]
        return TrainingData(
            images=_NoImages(),
            clinical=self._standardised(split),
            labels=rows["pcr"].to_numpy(np.float32),
            patients=patients,
        )

    def _standardised(self, split: Split) -> npt.NDArray[np.float32]:
        """Return a split's variables by the mean and deviation of this hospital's own training patients."""
        features = self.cohort.clinical.columns[2:]
        training, chosen = (
            torch.tensor(self.cohort.clinical.loc[self.cohort.patients(part), features].to_numpy())
            for part in ("train", split)
        )
        found: npt.NDArray[np.float32] = ((chosen - training.mean(0)) / (training.std(0) + 1e-9)).numpy()
        return found
