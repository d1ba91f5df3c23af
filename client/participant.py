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

from fedchemo.client.cohort import Cohort
from fedchemo.client.methods import Memory, Plain, global_part, method_of
from fedchemo.client.methods.personal import PersonalModels, in_words
from fedchemo.client.methods.trainer import Trainer
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
from fedchemo.client.prepared_images import PreparedImages
from fedchemo.client.site import Approve, Notice
from fedchemo.client.training.data import ImageSource, TrainingData
from fedchemo.client.training.device import free_memory
from fedchemo.client.training.loop import embed, predict
from fedchemo.client.training.order import BatchOrder, derived_order
from fedchemo.shared.clinical import logistic
from fedchemo.shared.clinical.encoding import encode, names, raw, variables
from fedchemo.shared.clinical.statistics import ClinicalStatistics, moments
from fedchemo.shared.configuration import ClinicalSettings, ImagingSettings, SiteConfiguration
from fedchemo.shared.errors import FedchemoError
from fedchemo.shared.metrics.summary import ScoreSums
from fedchemo.shared.model.build import build, structure
from fedchemo.shared.model.fingerprint import check_fingerprint, fingerprint
from fedchemo.shared.model.fusion import FusionModel
from fedchemo.shared.model.packing import Weights, manifest, unpack
from fedchemo.shared.splits import SPLITS, Split
from fedchemo.shared.wire.messages import (
    EvaluateReply,
    EvaluateRequest,
    LogisticReply,
    LogisticRequest,
    PersonalReply,
    PersonalRequest,
    Request,
    StatisticsReply,
    StatisticsRequest,
    TrainReply,
    TrainRequest,
)

_Table = tuple[npt.NDArray[np.float32], npt.NDArray[np.float32], list[str]]
MOST_TABLES = 12
"""Encoded tables that are kept: ever new statistics must not fill the memory."""


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
        methods: folder of what methods must remember by run and round, and of the models of its own that runs leave
            this site; without it such methods are refused.
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
    _images: PreparedImages = field(init=False, repr=False)
    _memory: RunMemory = field(default_factory=RunMemory, repr=False)
    _encoded: dict[tuple[Split, ClinicalSettings, ClinicalStatistics], _Table] = field(
        default_factory=dict, repr=False
    )

    def __post_init__(self) -> None:
        self._images = PreparedImages(
            self.cohort,
            self.cache,
            most=self.policy.image_settings,
            device=self.device,
            notice=self.notice,
            workers=self.preparing,
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
        images = self._images.of(request.configuration.imaging)
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
        self, request: TrainRequest, received: Weights, *, proximal_mu: float = 0.0, parts: int = 1
    ) -> tuple[TrainReply, Weights]:
        """Score the weights received on validation patients, train from them, and return the update.

        ``parts``: in how many parts to compute each batch; see `fedchemo.client.training.halving`. What is received
        and sent beside a model's weights, and what is remembered, is the request's method's: see
        `fedchemo.client.methods`.
        """
        training = request.configuration.training
        pull = proximal_mu + (request.method.alpha if request.method.name == "feddyn" else 0.0)
        check_training(self.policy, training, proximal_mu=pull)
        self._accept(request)
        if parts > 1:
            free_memory(self.device)
        return self._images.repaired(request, lambda: self._trained(request, received, proximal_mu, parts))

    def _trained(
        self, request: TrainRequest, received: Weights, proximal_mu: float, parts: int
    ) -> tuple[TrainReply, Weights]:
        started = time.monotonic()
        sent = global_part(request, received)
        model = self._model(request.configuration, sent)  # before any patient is looked at
        method = self._method(request, model)
        self._require_training()
        check_patients_seen(self.policy, request.configuration.training, len(self.cohort.patients("train")))
        start = method.start(sent, after=request.round - 1)
        if start is not sent:
            unpack(model, start)
        validation = self._scores(model, request, "validation", parts)
        update, reached = method.round(
            self._trainer(request, model, holds=start, parts=parts), received, proximal_mu=proximal_mu
        )
        reply = TrainReply(
            examples=len(self.cohort.patients("train")),
            steps=reached.steps,
            loss=reached.loss if self.policy.may_leave("training_loss") else None,
            seconds=round(time.monotonic() - started, 3),
            validation=validation,
            parts=parts,
        )
        return reply, update

    def evaluate(self, request: EvaluateRequest, weights: Weights, *, parts: int = 1) -> EvaluateReply:
        """Score the weights received on validation or test patients; ``parts`` as in `train`.

        On validation patients, by whom a round is chosen, as this site would use them; on test patients as they are.
        """
        self._accept(request)
        self._memory.admit_scores(request, weights)
        if parts > 1:
            free_memory(self.device)
        model = self._model(request.configuration, weights)
        if request.split == "validation":
            start = self._method(request, model).start(weights, after=request.round)
            if start is not weights:
                unpack(model, start)
        scores = self._images.repaired(request, lambda: self._scores(model, request, request.split, parts))
        return EvaluateReply(scores=scores, parts=parts)

    def personal(self, request: PersonalRequest, weights: Weights, *, parts: int = 1) -> PersonalReply:
        """Make of the run's result the model of its own that the run's method leaves this site; keep and score it.

        ``parts`` as in `train`.
        """
        self._accept(request)
        if parts > 1:
            free_memory(self.device)
        return self._images.repaired(request, lambda: self._made_personal(request, weights, parts))

    def _made_personal(self, request: PersonalRequest, weights: Weights, parts: int) -> PersonalReply:
        if not request.method.is_personal or self.methods is None:
            raise FedchemoError(
                "FC304", "the run's method leaves a site no model of its own, or nowhere to keep it"
            )
        model = self._model(request.configuration, weights)
        method = self._method(request, model)
        self._require_training()
        before = self._all_scores(model, request, "test", parts)
        own = method.personal(
            self._trainer(request, model, holds=weights, parts=parts), weights, after=request.round
        )
        unpack(model, own)
        path = PersonalModels(self.methods / "personal").keep(request, own, manifest(model))
        after = self._all_scores(model, request, "test", parts)
        self.notice(
            "personal",
            {
                "run": request.run,
                "round": request.round,
                "path": str(path),
                "before": in_words(before),
                "after": in_words(after),
            },
        )
        if after is None or not self.policy.may_leave("test"):
            return PersonalReply(scores=None)
        return PersonalReply(scores=after.suppressed(self.policy.patients_of_each_class_behind_a_metric))

    def own_model(self, request: PersonalRequest) -> Weights | None:
        """Return the model of its own that a run has left this site, for use inside the site and in simulations."""
        return None if self.methods is None else PersonalModels(self.methods / "personal").weights(request)

    def probabilities(
        self, split: Split, configuration: SiteConfiguration, statistics: ClinicalStatistics, weights: Weights
    ) -> tuple[list[str], npt.NDArray[np.float64], npt.NDArray[np.float32]]:
        """Return patients, probabilities and labels of one split: for use inside the site and in simulations."""
        data = self._data(split, configuration, statistics)
        model = self._model(configuration, weights)
        return list(data.patients), self._predict(model, data), data.labels

    def prepared(self, settings: ImagingSettings) -> ImageSource:
        """Return the prepared images of this site's patients: for use inside the site and in simulations."""
        return self._images.of(settings)

    def embeddings(
        self, configuration: SiteConfiguration, statistics: ClinicalStatistics, weights: Weights
    ) -> tuple[list[str], npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Return the patients with an image and an outcome, their image embeddings (n, width) and clinical vectors.

        For simulations, which ask what a model's view of an image gives away: never sent anywhere.
        """
        images = self._images.of(configuration.imaging)
        everyone = [name for split in SPLITS for name in self.cohort.patients(split) if name in images]
        patients = sorted(everyone)
        frame = self.cohort.clinical.loc[patients]
        clinical = encode(frame, configuration.clinical, statistics)
        labels = frame["pcr"].to_numpy(dtype=np.float32)
        data = TrainingData(images, clinical, labels, patients, configuration.imaging.channels)
        model = self._model(configuration, weights)
        assert isinstance(model, FusionModel)
        return patients, embed(model, data, batch_size=PREDICTION_BATCH, device=self.device), clinical

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
        if isinstance(request, (LogisticRequest, TrainRequest, EvaluateRequest, PersonalRequest)):
            described = request.statistics.names
            if described != variables(configuration.clinical):
                raise FedchemoError("FC302", "the federated statistics describe other clinical variables")
            check_statistics(request.statistics)
        self.approve(request)
        self._memory.admit(request)

    def _method(self, request: Request, model: torch.nn.Module) -> Plain:
        """Return the request's method; errors are those of `fedchemo.client.methods.method_of`."""
        memory = None if self.methods is None else Memory(self.methods / "memory", request)
        return method_of(request, memory, model)

    def _trainer(
        self, request: TrainRequest | PersonalRequest, model: torch.nn.Module, *, holds: Weights, parts: int
    ) -> Trainer:
        """Return the means to train ``model``, which holds some weights, on this site's patients."""
        return Trainer(
            request,
            model,
            holds,
            self._data("train", request.configuration, request.statistics),
            self.name,
            self.device,
            self.order,
            parts,
            lambda step, steps, loss: self.notice(
                "training", {"round": request.round, "step": step, "steps": steps, "loss": loss}
            ),
        )

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
        self, model: torch.nn.Module, request: TrainRequest | EvaluateRequest, split: Split, parts: int
    ) -> ScoreSums | None:
        if not self.policy.may_leave("test" if split == "test" else "validation"):
            return None
        sums = self._all_scores(model, request, split, parts)
        return sums and sums.suppressed(self.policy.patients_of_each_class_behind_a_metric)

    def _all_scores(
        self,
        model: torch.nn.Module,
        request: TrainRequest | EvaluateRequest | PersonalRequest,
        split: Split,
        parts: int,
    ) -> ScoreSums | None:
        """Return the scores on a split, for this site's own eyes; None without patients."""
        data = self._data(split, request.configuration, request.statistics)
        if not len(data.patients):
            return None
        return ScoreSums.from_scores(self._predict(model, data, parts), data.labels)

    def _predict(self, model: torch.nn.Module, data: TrainingData, parts: int = 1) -> npt.NDArray[np.float64]:
        logits = predict(
            model,
            data,
            batch_size=max(1, PREDICTION_BATCH // parts),
            device=self.device,
            progress=lambda done, total: self.notice("scoring", {"done": done, "total": total}),
        )
        return 1.0 / (1.0 + np.exp(-logits))

    def _data(
        self, split: Split, configuration: SiteConfiguration, statistics: ClinicalStatistics
    ) -> TrainingData:
        features, labels, patients = self._table(split, configuration, statistics)
        return TrainingData(
            images=self._images.of(configuration.imaging),
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
