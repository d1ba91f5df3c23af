"""A study as its file says it: which hospitals, which methods, which seeds, judged on whom.

Everything is frozen and refuses unknown keys: a misspelt setting would otherwise be a study of something else.
"""

from __future__ import annotations

import itertools
import tomllib
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from fedchemo.client.policy import Policy
from fedchemo.shared.configuration import Label, RunConfiguration, Settings, StrategySettings, parse
from fedchemo.shared.errors import FedchemoError
from fedchemo.simulations.virtual_policy import virtual_policy

Reference = Literal["local", "pooled"]
Judged = Literal["holdout", "folds", "leave-one-site-out"]
Seed = Annotated[int, Field(ge=0, lt=2**63)]
Share = Annotated[float, Field(ge=0, le=1)]


class DataSettings(Settings):
    """Whose patients."""

    dataset: Literal["synthetic", "ispy2"] = "synthetic"
    patients: Annotated[int, Field(ge=20, le=100_000)] = 320
    """Of the synthetic cohort."""
    sites: Annotated[int, Field(ge=2, le=1000)] = 5
    """Of the synthetic cohort."""
    seed: Seed = 0
    """Of the synthetic cohort, of partitions and of who is a test patient; the same for all seeds of training."""
    minimum_patients: Annotated[int, Field(ge=1)] = 20
    """Sites with fewer labelled patients do not train; their patients are judged all the same."""


class PartitionSettings(Settings):
    """How patients become hospitals."""

    by: Literal["site", "vendor", "iid", "dirichlet"] = "site"
    sites: Annotated[int, Field(ge=2, le=1000)] = 5
    """For ``iid`` and ``dirichlet``."""
    alpha: Annotated[float, Field(ge=0.001, le=1000)] = 0.5
    """For ``dirichlet``: small is uneven."""

    @property
    def label(self) -> str:
        """Its name in tables."""
        if self.by == "dirichlet":
            return f"dirichlet {self.alpha:g}, {self.sites} sites"
        return f"iid, {self.sites} sites" if self.by == "iid" else self.by


class Method(StrategySettings):
    """A strategy with its options, under a name of its own where one strategy is tried with several options."""

    label: Label | None = None

    @property
    def title(self) -> str:
        """Its name in tables."""
        return self.label or self.name

    @property
    def strategy(self) -> StrategySettings:
        """The settings of the run."""
        return StrategySettings.model_validate(self.model_dump(exclude={"label"}))


class Variant(Settings):
    """A condition under which the whole grid is run again.

    Attributes:
        name: in tables.
        run: settings of the run that differ, as in ``[run]``.
        harmed_sites: how many hospitals, the largest first, have what follows.
        missing_images: share of their patients whose images are taken away.
        label_noise: share of their patients, test patients aside, whose outcome is turned around.
        shuffled_images: a control: every hospital deals its images anew among its patients, so that they say
            nothing about whose they are called. No model may gain by them.
        with_references: whether the references are run under it as well.
    """

    name: Label = "as it is"
    run: dict[str, Any] = Field(default_factory=dict)
    harmed_sites: Annotated[int, Field(ge=0)] = 0
    missing_images: Share = 0.0
    label_noise: Share = 0.0
    shuffled_images: bool = False
    with_references: bool = True

    @model_validator(mode="after")
    def _harm_has_a_place(self) -> Variant:
        if (self.missing_images or self.label_noise) and not self.harmed_sites:
            msg = "missing_images and label_noise need harmed_sites"
            raise ValueError(msg)
        return self


class Privacy(Settings):
    """What every hospital demands before anything leaves it.

    Attributes:
        name: in tables.
        policy: the keys of ``policy.toml`` that differ from a virtual hospital's, such as ``largest_update_norm``,
            ``training_patients`` or ``metrics``.
        run: settings of the run with which the coordinator answers the demand, as in ``[run]``.
    """

    name: Label = "nothing demanded"
    policy: dict[str, Any] = Field(default_factory=dict)
    run: dict[str, Any] = Field(default_factory=dict)

    @field_validator("policy")
    @classmethod
    def _is_a_policy(cls, demands: dict[str, Any]) -> dict[str, Any]:
        virtual_policy(1, demands)
        return demands

    def of(self, minimum_patients: int) -> Policy:
        """Return the policy of each hospital."""
        return virtual_policy(minimum_patients, self.policy)


class Study(Settings):
    """A grid of runs: variant x partition x fold x privacy x (strategy or reference) x seed.

    References are run with the first privacy setting alone: nobody asks anything of a hospital that trains by itself,
    and pooled patients have no privacy left.

    Attributes:
        name: of the study.
        question: what it asks, in a sentence.
        margin: a difference in AUC that would matter, stated before the figures are seen.
        seeds: of training.
        judged: who the test patients are: a fixed 15 %, each patient once, or each hospital once.
        folds: for ``folds``.
        references: beside the federated model.
        cross_site: whether each hospital's own model is judged at each other hospital.
        data: whose patients.
        partition: how they become hospitals.
        strategy: what is compared; the first is the one that references are compared with.
        variant: conditions; the first is the one that others are compared with.
        privacy: what hospitals demand; the first is the one that others are compared with.
        run: settings of every run.
    """

    name: Label
    question: Annotated[str, Field(max_length=500)] = ""
    margin: Annotated[float, Field(gt=0, lt=0.5)] = 0.02
    seeds: Annotated[tuple[Seed, ...], Field(min_length=1)] = (0, 1, 2)
    judged: Judged = "holdout"
    folds: Annotated[int, Field(ge=2, le=20)] = 5
    references: tuple[Reference, ...] = ("local", "pooled")
    cross_site: bool = False
    data: DataSettings = DataSettings()
    partition: Annotated[tuple[PartitionSettings, ...], Field(min_length=1)] = (PartitionSettings(),)
    strategy: Annotated[tuple[Method, ...], Field(min_length=1)] = (Method(),)
    variant: Annotated[tuple[Variant, ...], Field(min_length=1)] = (Variant(),)
    privacy: Annotated[tuple[Privacy, ...], Field(min_length=1)] = (Privacy(),)
    run: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _names_differ(self) -> Study:
        for what, names in (
            ("partitions", [each.label for each in self.partition]),
            ("strategies", [each.title for each in self.strategy]),
            ("variants", [each.name for each in self.variant]),
            ("privacy settings", [each.name for each in self.privacy]),
            ("seeds", [str(each) for each in self.seeds]),
        ):
            if len(set(names)) < len(names):
                msg = f"two {what} have the same name"
                raise ValueError(msg)
        reserved = {"local", "pooled", "clinical"} & {each.title for each in self.strategy}
        if reserved:
            msg = f"no strategy may be called {', '.join(sorted(reserved))}"
            raise ValueError(msg)
        if self.cross_site and ("local" not in self.references or self.judged == "leave-one-site-out"):
            msg = "cross_site judges each hospital's own model: it needs the reference local, and no hospital left out"
            raise ValueError(msg)
        return self

    def configuration(
        self, variant: Variant, method: StrategySettings, seed: int, privacy: Privacy | None = None
    ) -> RunConfiguration:
        """Return the configuration of one run.

        Raises:
            FedchemoError: FC301 if ``[run]``, the variant's or the privacy setting's is not one.
        """
        merged = _merged(_merged(self.run, variant.run), privacy.run if privacy else {})
        site = {**merged.pop("site", {}), "seed": seed}
        content = {"name": self.name, **merged, "site": site, "strategy": method.model_dump()}
        return parse(RunConfiguration, content, source=f"study {self.name}, [run]")


def read_study(file: Path) -> Study:
    """Read and check a study.

    Raises:
        FedchemoError: FC002 if it cannot be read, FC301 for every setting that is wrong.
    """
    try:
        content = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise FedchemoError("FC002", f"{file}: {error.strerror or error}") from error
    except ValueError as error:
        raise FedchemoError("FC301", f"{file}: {error}") from error
    study = parse(Study, content, source=str(file))
    for variant, privacy, method in itertools.product(study.variant, study.privacy, study.strategy):
        study.configuration(variant, method.strategy, study.seeds[0], privacy)
    return study


def ready_studies() -> dict[str, Path]:
    """Return the studies that come with fedchemo: name -> file."""
    folder = Path(str(files("fedchemo.simulations.studies"))) / "ready"
    return {path.stem: path for path in sorted(folder.glob("*.toml"))}


def _merged(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """Return ``base`` with ``over`` laid on it, table by table."""
    merged = dict(base)
    for key, value in over.items():
        below = merged.get(key)
        merged[key] = _merged(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return merged
