"""The configuration of a run: typed, with ranges, the same on both sides of the wire.

`SiteConfiguration` is what a site needs to do its part of a round and what the coordinator sends;
`RunConfiguration` adds what only the coordinator needs. Everything is frozen and refuses unknown keys, so a
hospital can check a coordinator's wish completely before it touches any data.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from fedchemo.shared.errors import FedchemoError

PROTOCOL: Final = 1
"""Version of what travels between coordinator and site; both refuse another one."""

Visit = Literal["T0", "T1", "T2", "T3"]
Channel = Literal["pre", "early", "late", "wash_in", "wash_out"]
LABEL_PATTERN: Final = r"^[A-Za-z0-9][A-Za-z0-9 +/._-]{0,63}$"
Label = Annotated[str, Field(pattern=LABEL_PATTERN)]
# No control characters and nothing that turns text around: it is shown on a hospital's terminal.
Purpose = Annotated[str, Field(max_length=500, pattern=r"^[^\p{C}\p{Zl}\p{Zp}]*$")]


class Settings(BaseModel):
    """Base of every group of settings."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class ImagingSettings(Settings):
    """From DCE-MRI phases to one tensor a patient."""

    enabled: bool = True
    visit: Visit = "T0"
    # Differences keep absolute enhancement once all phases are scaled by the pre-contrast volume.
    channels: tuple[Channel, ...] = ("pre", "wash_in", "wash_out")
    # 48 voxels of 1.5 mm see 72 mm: 48 of 1 mm cut a quarter of I-SPY2's tumours (median 14.7 cm3).
    grid: Annotated[int, Field(ge=8, le=160)] = 48
    spacing_mm: Annotated[float, Field(ge=0.5, le=5.0)] = 1.5
    augment: bool = True

    @model_validator(mode="after")
    def _channels_differ(self) -> ImagingSettings:
        if not self.channels or len(set(self.channels)) != len(self.channels):
            msg = "channels must be named, each once"
            raise ValueError(msg)
        return self


class ClinicalSettings(Settings):
    """Which clinical variables the model sees; arm and menopause are declared options."""

    arms: tuple[Label, ...] = ()
    menopause: bool = False


class ModelSettings(Settings):
    """The fusion model: a 3D ResNet, FiLM conditioning, and a gated residual on the clinical logit."""

    # 16..128 channels are 0.91 M parameters: 15 ms a sample forward and backward at 48 cubed on one core.
    widths: Annotated[tuple[Annotated[int, Field(ge=4, le=512)], ...], Field(min_length=4, max_length=4)] = (
        16,
        32,
        64,
        128,
    )
    blocks: Annotated[tuple[Annotated[int, Field(ge=1, le=8)], ...], Field(min_length=4, max_length=4)] = (
        1,
        1,
        1,
        1,
    )
    norm: Literal["group", "batch"] = "group"
    norm_groups: Annotated[int, Field(ge=1, le=32)] = 8
    film_bottleneck: Annotated[int, Field(ge=1, le=256)] = 16


class TrainingSettings(Settings):
    """One site's part of a round."""

    optimizer: Literal["adamw", "sgd"] = "adamw"
    learning_rate: Annotated[float, Field(gt=0, le=10)] = 1e-3
    weight_decay: Annotated[float, Field(ge=0, le=1)] = 1e-4
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.0
    batch_size: Annotated[int, Field(ge=1, le=1024)] = 8
    # One epoch a round keeps the sites' models close together between averagings.
    local_epochs: Annotated[int, Field(ge=1, le=100)] = 1
    local_steps: Annotated[int, Field(ge=0, le=100_000)] = 0
    """If not 0, a round is this many steps instead of epochs."""
    clip_norm: Annotated[float, Field(ge=0, le=1e6)] = 5.0
    """Largest L2 norm of a step's gradient; 0 is none."""
    autocast: Literal["auto", "off"] = "auto"
    """``auto``: bfloat16 on CUDA, float32 on CPU."""

    @property
    def is_plain_sgd(self) -> bool:
        """Whether a round's path is the sum of its gradients times the learning rate."""
        return self.optimizer == "sgd" and not self.momentum and not self.weight_decay


class SiteConfiguration(Settings):
    """What a site must know to do its part of any round; travels as JSON in each request."""

    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    imaging: ImagingSettings = ImagingSettings()
    clinical: ClinicalSettings = ClinicalSettings()
    model: ModelSettings = ModelSettings()
    training: TrainingSettings = TrainingSettings()


SiteMethodName = Literal["plain", "scaffold", "feddyn", "fednova", "fedbn", "ditto", "cyclic"]


class SiteMethod(Settings):
    """What a strategy asks of a site beyond plain training; travels in each request and is part of what is approved."""

    name: SiteMethodName = "plain"
    alpha: Annotated[float, Field(gt=0, le=1000)] = 0.01
    """FedDyn."""
    pull: Annotated[float, Field(ge=0, le=1000)] = 0.1
    """Ditto."""
    # A hundred epochs on a site's own patients are far beyond where a model has learnt them by heart.
    fine_tuning_epochs: Annotated[int, Field(ge=0, le=100)] = 0
    """After the run, from its result; what comes of it stays at the site."""

    @property
    def is_personal(self) -> bool:
        """Whether the run leaves each site a model of its own."""
        return self.name in {"fedbn", "ditto"} or self.fine_tuning_epochs > 0


PLAIN: Final = SiteMethod()
"""Nothing beyond plain training."""


StrategyName = Literal[
    "fedavg",
    "fedprox",
    "fedadam",
    "fedyogi",
    "fedadagrad",
    "fedavgm",
    "fedmedian",
    "fedtrimmedavg",
    "krum",
    "scaffold",
    "feddyn",
    "fednova",
    "fedbn",
    "ditto",
    "cyclic",
]
# What a site sends back is made of the path of its steps, which must be a sum of gradients.
PLAIN_SGD: Final = frozenset({"scaffold", "feddyn"})
# They take running means and variances further than any site's, and a variance below zero.
NO_RUNNING_STATISTICS: Final = frozenset({"feddyn", "fednova"})


class StrategySettings(Settings):
    """The strategy and its options; an option of another strategy is ignored by this one."""

    name: StrategyName = "fedavg"
    proximal_mu: Annotated[float, Field(ge=0, le=1000)] = 0.01
    server_learning_rate: Annotated[float, Field(gt=0, le=100)] | None = None
    """None: 1 for FedAvgM and SCAFFOLD, 0.01 for the adaptive methods."""
    server_momentum: Annotated[float, Field(ge=0, lt=1)] = 0.9
    beta_1: Annotated[float, Field(ge=0, lt=1)] = 0.9
    beta_2: Annotated[float, Field(ge=0, lt=1)] = 0.99
    tau: Annotated[float, Field(gt=0, le=1)] = 1e-3
    adaptive_form: Literal["flower", "paper"] = "flower"
    """How FedAdam, FedYogi and FedAdagrad are written: as Flower's, or as Reddi et al. 2021 do."""
    trim: Annotated[float, Field(ge=0, lt=0.5)] = 0.2
    malicious: Annotated[int, Field(ge=0, le=1000)] = 0
    # The paper's for convex problems and small networks; .1 and .001 are the others that it tries.
    feddyn_alpha: Annotated[float, Field(gt=0, le=1000)] = 0.01
    # Between the paper's .05 and 2: strong enough to matter within some hundred steps of 1e-3.
    ditto_lambda: Annotated[float, Field(ge=0, le=1000)] = 0.1
    fine_tuning_epochs: Annotated[int, Field(ge=0, le=100)] = 0
    """With any strategy: each site trains the result on, for itself."""

    @property
    def at_sites(self) -> SiteMethod:
        """What it asks of a site."""
        fields: dict[str, Any] = {"fine_tuning_epochs": self.fine_tuning_epochs}
        match self.name:
            case "scaffold" | "fednova" | "fedbn" | "cyclic":
                fields |= {"name": self.name}
            case "feddyn":
                fields |= {"name": self.name, "alpha": self.feddyn_alpha}
            case "ditto":
                fields |= {"name": self.name, "pull": self.ditto_lambda}
            case _:
                pass
        return SiteMethod(**fields)


class RunConfiguration(Settings):
    """A whole run."""

    name: Label = "run"
    purpose: Purpose = "predict pathologic complete response"
    site: SiteConfiguration = SiteConfiguration()
    strategy: StrategySettings = StrategySettings()
    rounds: Annotated[int, Field(ge=1, le=100_000)] = 10
    fraction: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Share of the sites that train in a round; drawn from (seed, round, sorted names)."""
    quorum: Annotated[int, Field(ge=1, le=100_000)] = 1
    """Sites that must answer an exchange for it to count."""
    deadline_s: Annotated[float, Field(gt=0, le=30 * 86400)] = 3600.0
    """Longest an exchange may take."""
    # A hospital's training varies with what else its computer does, by less than this; a site that hangs does not.
    patience: Annotated[float, Field(ge=0, le=1000)] = 4.0
    """Once the quorum has answered, a site may take this many times what it usually does; 0: until the deadline."""
    patience_floor_s: Annotated[float, Field(gt=0, le=30 * 86400)] = 60.0
    """Least time that an exchange waits for each site: a line that was down for a moment is up again by then."""
    wait_s: Annotated[float, Field(gt=0, le=30 * 86400)] = 600.0
    """Longest to wait for the quorum to come online before an exchange."""
    keep_every: Annotated[int, Field(ge=1, le=100_000)] = 10
    """Every how many rounds a checkpoint is kept beside the latest and the best."""

    @model_validator(mode="after")
    def _strategy_fits(self) -> RunConfiguration:
        name, site = self.strategy.name, self.site
        if name in PLAIN_SGD and not site.training.is_plain_sgd:
            msg = (
                f"{name} takes site.training.optimizer = sgd without momentum and weight decay "
                "(--optimizer sgd --weight-decay 0)"
            )
            raise ValueError(msg)
        if name in NO_RUNNING_STATISTICS and site.imaging.enabled and site.model.norm == "batch":
            msg = f"{name} takes site.model.norm = group: it would spoil running means and variances"
            raise ValueError(msg)
        if name == "fedbn" and not site.imaging.enabled:
            msg = "fedbn needs images: without them the model has no norm layers, and fedavg is the same"
            raise ValueError(msg)
        return self


Group = TypeVar("Group", bound=BaseModel)
LONGEST_ERROR = 2000
"""Characters of what `parse` says at most; the names of unknown keys may come from another party."""


def parse(
    group: type[Group], content: dict[str, Any] | str | bytes, *, source: str, code: str = "FC301"
) -> Group:
    """Return validated settings from a dictionary or from JSON text.

    Args:
        group: the class to build.
        content: a dictionary (from TOML) or JSON.
        source: the file or message it came from, for the error.
        code: the error's code.

    Raises:
        FedchemoError: ``code`` (default FC301) naming every setting that is wrong, without its value: a
            value may come from another party. What is longer than `LONGEST_ERROR` is cut.
    """
    try:
        if isinstance(content, dict):
            return group.model_validate(content)
        return group.model_validate_json(content)
    except ValidationError as error:
        found = "; ".join(
            f"{'.'.join(map(str, problem['loc'])) or 'content'}: {problem['msg']}"
            for problem in error.errors(include_url=False, include_context=False, include_input=False)
        )
        if len(found) > LONGEST_ERROR:
            found = f"{found[:LONGEST_ERROR]}... ({error.error_count()} problems in all)"
        raise FedchemoError(code, f"{source}: {found}") from None
