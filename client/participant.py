"""A hospital's part of a run: each answer depends on the request, the cohort and the policy alone.

Knows nothing of Flower or of any network; `fedchemo.client.app` brings it the coordinator's requests.
"""

from __future__ import annotations

import datetime as dt
import functools
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from fedchemo.client.cache import ImageCache
from fedchemo.client.cohort import Cohort
from fedchemo.client.policy import Policy
from fedchemo.client.policy.limits import PREDICTION_BATCH, check_patients_seen, check_training
from fedchemo.client.policy.memory import RunMemory
from fedchemo.client.policy.permission import check, check_size
from fedchemo.client.policy.sums import (
    check_coefficients,
    check_statistics,
    check_sums,
    without_rare_indicators,
)
from fedchemo.client.training.control import ControlVariates, check_plain, measured
from fedchemo.client.training.data import ImageSource, TrainingData
from fedchemo.client.training.loop import predict, train_round
from fedchemo.client.training.order import BatchOrder, derived_order
from fedchemo.client.training.placement import on_device
from fedchemo.shared.clinical import logistic
from fedchemo.shared.clinical.encoding import encode, names, raw, variables
from fedchemo.shared.clinical.statistics import ClinicalStatistics, moments
from fedchemo.shared.configuration import ClinicalSettings, ImagingSettings, SiteConfiguration
from fedchemo.shared.errors import FedchemoError
from fedchemo.shared.metrics.summary import ScoreSums
from fedchemo.shared.model.build import build, structure
from fedchemo.shared.model.fingerprint import check_fingerprint, fingerprint
from fedchemo.shared.model.packing import manifest, pack, unpack
from fedchemo.shared.splits import Split
from fedchemo.shared.wire.messages import (
    EvaluateReply,
    EvaluateRequest,
    LogisticReply,
    LogisticRequest,
    Request,
    StatisticsReply,
    StatisticsRequest,
    TrainReply,
    TrainRequest,
)
from fedchemo.shared.wire.records import Weights

_Table = tuple[npt.NDArray[np.float32], npt.NDArray[np.float32], list[str]]
MOST_TABLES = 12
"""Encoded tables that are kept: ever new statistics must not fill the memory."""
Notice = Callable[[str, Mapping[str, object]], None]
Approve = Callable[[Request], None]


def _needs_nobody(_request: Request) -> None:
    """Be the default `Approve`."""


def _local_time() -> dt.datetime:
    """Return this machine's time, by which a policy's hours are meant."""
    return dt.datetime.now().astimezone()


def _say_nothing(_event: str, _details: Mapping[str, object]) -> None:
    """Be the default `Notice`."""


@functools.lru_cache(maxsize=8)
def _own_model(configuration: SiteConfiguration) -> tuple[int, str]:
    """Return the number of weights and the fingerprint of the model that this installation would build."""
    features = names(configuration.clinical)
    described = manifest(structure(configuration.model, configuration.imaging, len(features)))
    return described.size, fingerprint(configuration, described, features)


@dataclass
class Participant:
    """One site.

    Args:
        cohort: the site's patients.
        cache: folder of the prepared images.
        policy: what is allowed, and what may leave.
        device: where to compute.
        order: the order of batches; a study may bring its own.
        notice: told what the site does, for its own screen and log: never sent anywhere.
        preparing: patients whose images are prepared at a time; virtual sites side by side need only one.
        approve: asked, last of all checks, whether a person lets a request's run go on; raises if not. A virtual
            hospital has nobody to ask.
        today: local time, for the policy's hours.
        methods: folder of what a method must remember by run and round; without it such methods are refused.
    """

    cohort: Cohort
    cache: Path
    policy: Policy = field(default_factory=Policy)
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    order: BatchOrder = derived_order
    notice: Notice = _say_nothing
    preparing: int = 1
    approve: Approve = _needs_nobody
    today: Callable[[], dt.datetime] = _local_time
    methods: Path | None = None
    _images: dict[ImagingSettings, tuple[ImageCache, ImageSource]] = field(default_factory=dict, repr=False)
    _memory: RunMemory = field(default_factory=RunMemory, repr=False)
    _encoded: dict[tuple[Split, ClinicalSettings, ClinicalStatistics], _Table] = field(
        default_factory=dict, repr=False
    )

    @property
    def name(self) -> str:
        """The site's name."""
        return self.cohort.site

    def trains(self) -> bool:
        """Tell whether the policy lets this site send updates."""
        labelled = sum(len(self.cohort.patients(split)) for split in ("train", "validation", "test"))
        training = len(self.cohort.patients("train"))
        return training >= self.policy.training_patients and labelled >= self.policy.patients

    def statistics(self, request: StatisticsRequest) -> StatisticsReply:
        """Return counts and, over training patients, sums of the clinical variables."""
        self._accept(request)
        patients = self.cohort.patients("train")
        values = raw(self.cohort.clinical.loc[patients], request.configuration.clinical)
        images = self._image_source(request.configuration.imaging)
        minimum = self.policy.patients_behind_a_statistic
        trains = self.trains()
        return StatisticsReply(
            role="train" if trains else "evaluate",
            training=self._releasable(len(patients)),
            validation=self._releasable(len(self.cohort.patients("validation"))),
            test=self._releasable(len(self.cohort.patients("test"))),
            images=self._releasable(sum(patient in images for patient in self.cohort.clinical.index)),
            moments=moments(values, minimum=minimum) if trains else None,
        )

    def logistic(self, request: LogisticRequest) -> LogisticReply:
        """Return this site's sums of one Newton step over its training patients."""
        self._accept(request)
        coefficients = np.array(request.coefficients)
        if len(coefficients) != len(names(request.configuration.clinical)) + 1:
            raise FedchemoError("FC304", "the coefficients do not fit the clinical variables")
        check_coefficients(coefficients)
        self._require_training()
        features, labels, _ = self._table("train", request.configuration, request.statistics)
        features = without_rare_indicators(
            features,
            names(request.configuration.clinical),
            least=self.policy.patients_behind_a_statistic,
        )
        check_sums(self.policy, features, labels, coefficients)
        found = logistic.sums(features, labels, coefficients)
        return LogisticReply(
            count=found.count,
            loss=found.loss,
            gradient=tuple(found.gradient.tolist()),
            hessian=tuple(found.hessian.ravel().tolist()),
        )

    def train(
        self,
        request: TrainRequest,
        weights: Weights,
        *,
        proximal_mu: float = 0.0,
        control: Weights | None = None,
    ) -> tuple[TrainReply, Weights]:
        """Score the weights received on validation patients, train from them, and return the update.

        With the coordinator's ``control`` variate this is SCAFFOLD: the update is two vectors one behind the other,
        and this site's own control variate is kept (see `fedchemo.client.training.control`).
        """
        check_training(self.policy, request.configuration.training, proximal_mu=proximal_mu)
        self._accept(request)
        started = time.monotonic()
        configuration = request.configuration
        model = self._model(configuration, weights)  # before any patient is looked at
        self._require_training()
        check_patients_seen(self.policy, configuration.training, len(self.cohort.patients("train")))
        own = None if control is None else self._own_control(request, control)
        validation = self._scores(model, request, "validation")
        result = train_round(
            model,
            self._data("train", configuration, request.statistics),
            configuration.training,
            augment=configuration.imaging.augment,
            seed=configuration.seed,
            site=self.name,
            round_number=request.round,
            proximal_mu=proximal_mu,
            correction=None if own is None or control is None else control - own,
            device=self.device,
            batch_order=self.order,
            progress=lambda step, steps, loss: self.notice(
                "training", {"round": request.round, "step": step, "steps": steps, "loss": loss}
            ),
        )
        reply = TrainReply(
            examples=len(self.cohort.patients("train")),
            steps=result.steps,
            loss=result.loss if self.policy.may_leave("training_loss") else None,
            seconds=round(time.monotonic() - started, 3),
            validation=validation,
        )
        update = pack(model)
        if own is None or control is None or self.methods is None:
            return reply, update
        rate = configuration.training.learning_rate
        path = measured(weights, update, model, steps=result.steps, rate=rate)
        ControlVariates(self.methods).keep(request, own - control + path)
        return reply, np.concatenate((update, path))

    def evaluate(self, request: EvaluateRequest, weights: Weights) -> EvaluateReply:
        """Score the weights received on validation or test patients."""
        self._accept(request)
        self._memory.admit_scores(request, weights)
        model = self._model(request.configuration, weights)
        return EvaluateReply(scores=self._scores(model, request, request.split))

    def probabilities(
        self, split: Split, configuration: SiteConfiguration, statistics: ClinicalStatistics, weights: Weights
    ) -> tuple[list[str], npt.NDArray[np.float64], npt.NDArray[np.float32]]:
        """Return patients, probabilities and labels of one split: for use inside the site and in simulations."""
        data = self._data(split, configuration, statistics)
        model = self._model(configuration, weights)
        return list(data.patients), self._predict(model, data), data.labels

    def _accept(self, request: Request) -> None:
        """Refuse what the policy forbids, what this installation would build differently, or what nobody approved.

        No patient's data has been touched when it returns, and only the last check may take long.

        Raises:
            FedchemoError: FC302, FC904 to FC909, FC912 to FC916.
        """
        configuration = request.configuration
        check(self.policy, request, now=self.today())
        parameters, expected = _own_model(configuration)
        check_size(self.policy, parameters)
        check_fingerprint(request.fingerprint, expected, source="the coordinator's run")
        if isinstance(request, (LogisticRequest, TrainRequest, EvaluateRequest)):
            described = request.statistics.names
            if described != variables(configuration.clinical):
                raise FedchemoError("FC302", "the federated statistics describe other clinical variables")
            check_statistics(request.statistics)
        self.approve(request)
        self._memory.admit(request)

    def _own_control(self, request: TrainRequest, control: Weights) -> Weights:
        """Return this site's control variate of the round before.

        Raises:
            FedchemoError: FC304 if the optimiser is not plain SGD or this site has nowhere to remember it, FC305 if
                it is not of the model's length, FC004 if it cannot be read.
        """
        check_plain(request.configuration.training)
        if self.methods is None:
            raise FedchemoError("FC304", f"{self.name} keeps no memory of methods, which SCAFFOLD needs")
        return ControlVariates(self.methods).before(request, len(control))

    def _require_training(self) -> None:
        if not self.trains():
            raise FedchemoError("FC901", f"{self.name} has too few training patients to send an update")

    def _releasable(self, count: int) -> int | None:
        return count if count >= self.policy.patients_behind_a_statistic else None

    def _model(self, configuration: SiteConfiguration, weights: Weights) -> torch.nn.Module:
        model = build(configuration.model, configuration.imaging, len(names(configuration.clinical)))
        unpack(model, weights)
        return model.to(self.device)

    def _scores(
        self, model: torch.nn.Module, request: TrainRequest | EvaluateRequest, split: Split
    ) -> ScoreSums | None:
        if not self.policy.may_leave("test" if split == "test" else "validation"):
            return None
        data = self._data(split, request.configuration, request.statistics)
        if not len(data.patients):
            return None
        sums = ScoreSums.from_scores(self._predict(model, data), data.labels)
        return sums.suppressed(self.policy.patients_of_each_class_behind_a_metric)

    def _predict(self, model: torch.nn.Module, data: TrainingData) -> npt.NDArray[np.float64]:
        logits = predict(model, data, batch_size=PREDICTION_BATCH, device=self.device)
        return 1.0 / (1.0 + np.exp(-logits))

    def _data(
        self, split: Split, configuration: SiteConfiguration, statistics: ClinicalStatistics
    ) -> TrainingData:
        features, labels, patients = self._table(split, configuration, statistics)
        return TrainingData(
            images=self._image_source(configuration.imaging),
            clinical=features,
            labels=labels,
            patients=patients,
            channels=configuration.imaging.channels,
        )

    def _table(
        self, split: Split, configuration: SiteConfiguration, statistics: ClinicalStatistics
    ) -> _Table:
        """Return features, outcomes and patients of a split; encoded once, for every request of a run needs them."""
        key = split, configuration.clinical, statistics
        if (found := self._encoded.get(key)) is not None:
            return found
        patients = self.cohort.patients(split)
        frame = self.cohort.clinical.loc[patients]
        features = encode(frame, configuration.clinical, statistics)
        found = features, frame["pcr"].to_numpy(dtype=np.float32), patients
        if len(self._encoded) >= MOST_TABLES:
            self._encoded.clear()
        self._encoded[key] = found
        return found

    def _image_source(self, settings: ImagingSettings) -> ImageSource:
        """Return the prepared images, preparing them at the first request that names these settings."""
        if settings in self._images:
            self._images[settings] = self._images.pop(settings)  # the one used last stands last
            return self._images[settings][1]
        folders = {
            patient: visits[settings.visit]
            for patient, visits in self.cohort.images.items()
            if settings.enabled and settings.visit in visits
        }
        self._make_room()
        images = ImageCache(self.cache, settings)
        refused = images.fill(
            folders,
            progress=lambda done, total: self.notice("images", {"done": done, "total": total}),
            workers=self.preparing,
        )
        for patient, why in refused.items():
            self.notice("image_set_aside", {"patient": patient, "why": str(why)})
        self._images[settings] = images, on_device(images, self.device)
        return self._images[settings][1]

    def _make_room(self) -> None:
        """Remove the preparations that were not used for longest: ever new settings must not fill the disk."""
        while len(self._images) >= self.policy.image_settings:
            oldest, _ = self._images.pop(next(iter(self._images)))
            oldest.remove(spared=[images for images, _ in self._images.values()])
