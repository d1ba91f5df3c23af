"""The options that shape a run, the same for `fedchemo server start` and `fedchemo simulate`."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, get_args

import typer

from fedchemo.shared.configuration import RunConfiguration, StrategyName, parse
from fedchemo.shared.errors import FedchemoError

RUN, MODEL = "The run", "Model and training"


@dataclass(frozen=True)
class RunOption:
    """One option: the setting it fills, its type, and what `--help` says."""

    setting: str
    kind: type
    help: str
    panel: str = RUN
    flag: str | None = None

    def parameter(self, name: str) -> inspect.Parameter:
        """Return the parameter that typer turns into the option; unset is None."""
        flags = [self.flag] if self.flag else []
        option = typer.Option(*flags, help=self.help, rich_help_panel=self.panel, show_default=False)
        annotation = Annotated[self.kind | None, option]  # type: ignore[name-defined]
        return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation)


OPTIONS = {
    "name": RunOption("name", str, "The run's name; the sites see it. [dim]default: run[/]"),
    "purpose": RunOption("purpose", str, "What the run is for; the sites see it."),
    "rounds": RunOption("rounds", int, "Rounds of training. [dim]default: 10[/]"),
    "seed": RunOption("site.seed", int, "Everything random follows from it. [dim]default: 0[/]"),
    "strategy": RunOption(
        "strategy.name",
        str,
        f"{', '.join(get_args(StrategyName))}. [dim]default: fedavg[/]",
    ),
    "fraction": RunOption("fraction", float, "Share of the sites that train in a round. [dim]default: 1[/]"),
    "quorum": RunOption("quorum", int, "Sites that must answer. [dim]default: 1[/]"),
    "deadline": RunOption(
        "deadline_s", float, "Longest an exchange may take, in seconds. [dim]default: 3600[/]"
    ),
    "patience": RunOption(
        "patience",
        float,
        "Once the quorum has answered, a site may take this many times what it usually does, and a minute at least; 0 "
        "waits until the deadline. [dim]default: 4[/]",
    ),
    "wait": RunOption("wait_s", float, "Longest to wait for the quorum, in seconds. [dim]default: 600[/]"),
    "proximal_mu": RunOption("strategy.proximal_mu", float, "FedProx: pull towards the global model."),
    "server_learning_rate": RunOption(
        "strategy.server_learning_rate", float, "FedAdam, FedYogi, FedAdagrad, FedAvgM, SCAFFOLD."
    ),
    "server_momentum": RunOption("strategy.server_momentum", float, "FedAvgM."),
    "trim": RunOption("strategy.trim", float, "FedTrimmedAvg: share cut at each end."),
    "malicious": RunOption("strategy.malicious", int, "Krum: sites that may be malicious."),
    "feddyn_alpha": RunOption(
        "strategy.feddyn_alpha", float, "FedDyn: weight of its regulariser. [dim]default: 0.01[/]"
    ),
    "ditto_lambda": RunOption(
        "strategy.ditto_lambda",
        float,
        "Ditto: pull of each site's own model towards the global one. [dim]default: 0.1[/]",
    ),
    "fine_tuning_epochs": RunOption(
        "strategy.fine_tuning_epochs",
        int,
        "With any strategy: each site trains the result on for itself, so many epochs. [dim]default: 0[/]",
    ),
    "local_epochs": RunOption(
        "site.training.local_epochs", int, "Epochs a site trains in a round. [dim]default: 1[/]", MODEL
    ),
    "learning_rate": RunOption(
        "site.training.learning_rate", float, "At the sites. [dim]default: 0.001[/]", MODEL
    ),
    "batch_size": RunOption("site.training.batch_size", int, "At the sites. [dim]default: 8[/]", MODEL),
    "optimizer": RunOption(
        "site.training.optimizer", str, "adamw or sgd (scaffold, feddyn). [dim]default: adamw[/]", MODEL
    ),
    "weight_decay": RunOption(
        "site.training.weight_decay",
        float,
        "At the sites; scaffold, feddyn: 0. [dim]default: 0.0001[/]",
        MODEL,
    ),
    "images": RunOption(
        "site.imaging.enabled", bool, "Without: the clinical variables only.", MODEL, "--images/--no-images"
    ),
    "grid": RunOption(
        "site.imaging.grid", int, "Voxels along each edge of the image tensor. [dim]default: 48[/]", MODEL
    ),
    "spacing": RunOption(
        "site.imaging.spacing_mm", float, "Edge of a voxel in mm. [dim]default: 1.5[/]", MODEL
    ),
    "visit": RunOption(
        "site.imaging.visit", str, "Which visit's images, T0 to T3. [dim]default: T0[/]", MODEL
    ),
}


def with_run_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of `OPTIONS` and ``--config``; it receives them all as ``configuration``."""

    def parsed(config: Path | None = None, **values: Any) -> None:
        chosen = {OPTIONS[name].setting: values.pop(name) for name in OPTIONS}
        command(configuration=run_configuration(config, chosen), **values)

    config = typer.Option(
        "--config",
        help="Settings in TOML, as \\[run] in a run's federation.toml; options overrule it.",
        rich_help_panel=RUN,
    )
    own = [
        parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY)
        for parameter in inspect.signature(command, eval_str=True).parameters.values()
        if parameter.name != "configuration"
    ]
    added = [
        inspect.Parameter(
            "config", inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[Path | None, config]
        ),
        *(option.parameter(name) for name, option in OPTIONS.items()),
    ]
    parameters = [*own, *added]
    parsed.__name__, parsed.__doc__ = command.__name__, command.__doc__
    parsed.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    parsed.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return parsed


def run_configuration(file: Path | None, chosen: dict[str, object]) -> RunConfiguration:
    """Return the configuration of a run from a file and from options, which overrule the file.

    Args:
        file: TOML with the fields of `RunConfiguration`, at the top or under ``[run]``.
        chosen: dotted name of a setting -> value; None is unset.

    Raises:
        FedchemoError: FC002 for an absent file, FC301 naming every setting that is not valid.
    """
    content = _read(file) if file else {}
    for name, value in chosen.items():
        if value is not None:
            *groups, last = name.split(".")
            place = content
            for group in groups:
                place = place.setdefault(group, {})
            place[last] = value
    return parse(RunConfiguration, content, source=str(file) if file else "options")


def _read(file: Path) -> dict[str, Any]:
    import tomllib

    try:
        content = tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise FedchemoError("FC002", str(file)) from error
    except (OSError, ValueError) as error:
        raise FedchemoError("FC301", f"{file}: {error}") from error
    run = content.get("run", content)
    return dict(run) if isinstance(run, dict) else {}
