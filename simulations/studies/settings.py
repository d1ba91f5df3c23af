"""A study as its file says it: which hospitals, which methods, which seeds, judged on whom.

Everything is frozen and refuses unknown keys: a misspelt setting would otherwise be a study of something else.
"""

from __future__ import annotations

import tomllib
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from fedchemo.shared.configuration import Label, RunConfiguration, Settings, StrategySettings, parse
from fedchemo.shared.errors import FedchemoError

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
    """

    name: Label = "as it is"
    run: dict[str, Any] = Field(default_factory=dict)
    harmed_sites: Annotated[int, Field(ge=0)] = 0
    missing_images: Share = 0.0
    label_noise: Share = 0.0

    @model_validator(mode="after")
    def _harm_has_a_place(self) -> Variant:
        if (self.missing_images or self.label_noise) and not self.harmed_sites:
            msg = "missing_images and label_noise need harmed_sites"
            raise ValueError(msg)
        return self


class Study(Settings):
    """A grid of runs: variant x partition x fold x (strategy or reference) x seed.

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
    run: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _names_differ(self) -> Study:
        for what, names in (
            ("partitions", [each.label for each in self.partition]),
            ("strategies", [each.title for each in self.strategy]),
            ("variants", [each.name for each in self.variant]),
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

    def configuration(self, variant: Variant, method: StrategySettings, seed: int) -> RunConfiguration:
        """Return the configuration of one run.

        Raises:
            FedchemoError: FC301 if ``[run]`` or the variant's is not one.
        """
        merged = _merged(self.run, variant.run)
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
    for variant in study.variant:
        for method in study.strategy:
            study.configuration(variant, method.strategy, study.seeds[0])
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
