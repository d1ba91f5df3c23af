"""The commands ``fedchemo simulate`` and ``fedchemo split``."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fedchemo.server.options import with_run_options
from fedchemo.server.tracking.tracked import MlflowOption, TensorboardOption, Tracking
from fedchemo.shared.configuration import RunConfiguration
from fedchemo.shared.errors import FedchemoError

if TYPE_CHECKING:
    from rich.console import Console

    from fedchemo.simulations.simulate import Engine, Simulated

WITH_RESUME = frozenset({"resume", "cache", "workers", "force", "mlflow", "tensorboard", "as_json"})
"""Options of `fedchemo simulate` that may stand beside ``--resume``: they do not change the result."""
DATA, SITES = "Data set", "Virtual hospitals"


class DatasetName(StrEnum):
    """The data sets that can be split into virtual hospitals."""

    synthetic = "synthetic"
    ispy2 = "ispy2"


class Partition(StrEnum):
    """How patients become virtual hospitals."""

    site = "site"
    vendor = "vendor"
    iid = "iid"
    dirichlet = "dirichlet"


class EngineName(StrEnum):
    """What runs the sites."""

    local = "local"
    ray = "ray"


DatasetOption = Annotated[DatasetName, typer.Option("--dataset", rich_help_panel=DATA)]
DataFolder = Annotated[
    Path | None, typer.Option("--data", help="Folder of the I-SPY2 tables and images.", rich_help_panel=DATA)
]
Patients = Annotated[
    int, typer.Option(help="Patients of the synthetic cohort.", min=20, rich_help_panel=DATA)
]
PartitionOption = Annotated[Partition, typer.Option("--partition", rich_help_panel=SITES)]
SitesOption = Annotated[
    str | None,
    typer.Option(
        "--sites", help="How many virtual hospitals, or the names of some: AAI,AAN.", rich_help_panel=SITES
    ),
]
Alpha = Annotated[float, typer.Option(help="Dirichlet: small is uneven.", min=0.001, rich_help_panel=SITES)]


@with_run_options
def simulate(
    configuration: RunConfiguration,
    out: Annotated[Path | None, typer.Option(help="The run folder to write.")] = None,
    dataset: DatasetOption = DatasetName.synthetic,
    data: DataFolder = None,
    patients: Patients = 320,
    sites_dir: Annotated[
        Path | None,
        typer.Option(
            "--sites-dir", help="Site folders that exist, instead of a data set.", rich_help_panel=SITES
        ),
    ] = None,
    partition: PartitionOption = Partition.site,
    sites: SitesOption = None,
    alpha: Alpha = 0.5,
    min_patients: Annotated[
        int,
        typer.Option(
            "--min-patients", min=1, help="Smaller sites take part in evaluation only.", rich_help_panel=SITES
        ),
    ] = 20,
    engine: Annotated[EngineName, typer.Option(help="ray: several machines or GPUs.")] = EngineName.local,
    workers: Annotated[int | None, typer.Option(help="Sites side by side. (default: cores)", min=1)] = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda:N.")] = "auto",
    cache: Annotated[
        Path | None,
        typer.Option(envvar="FEDCHEMO_CACHE", help="Prepared images. (default: the user's cache folder)"),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a run that is there.")] = False,
    resume: Annotated[
        Path | None,
        typer.Option("--resume", help="Go on with the interrupted run in this folder.", metavar="RUN"),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Resume with other versions; marks the run as not reproducible.")
    ] = False,
    mlflow: MlflowOption = None,
    tensorboard: TensorboardOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
) -> None:
    """Run a federation of virtual hospitals in one process."""
    import platformdirs
    from rich.console import Console

    from fedchemo.server.run_folder import RunFolder
    from fedchemo.server.view import RunView
    from fedchemo.simulations.simulate import simulate as run
    from fedchemo.simulations.sites import chosen_folders

    console = Console(stderr=as_json)
    tracking = Tracking(mlflow, tensorboard)
    if resume is not None:
        _refuse_others(WITH_RESUME)
        _resume(
            resume,
            cache=cache,
            workers=workers,
            force=force,
            tracking=tracking,
            console=console,
            as_json=as_json,
        )
        return
    if out is None:
        raise FedchemoError("FC001", "simulate needs --out, the run folder to write, or --resume")
    if force:
        raise FedchemoError("FC001", "--force belongs to --resume")
    with RunFolder(out, overwrite=overwrite).begun_or_removed() as folder:
        folder.origin = {"engine": engine.value}
        if sites_dir is not None:
            folders = chosen_folders(sites_dir, sites)
        else:
            folders = _site_folders(
                dataset,
                data=data,
                patients=patients,
                partition=partition,
                sites=sites,
                alpha=alpha,
                seed=configuration.site.seed,
                out=folder.path / "sites",
                console=console,
            )
        with tracking.of(out.name, console.print) as tracked, RunView(console).shown() as view:
            simulated = run(
                folders,
                configuration,
                folder,
                cache=cache or Path(platformdirs.user_cache_dir("fedchemo")) / "images",
                minimum_patients=min_patients,
                device=device,
                engine=_engine(engine, workers),
                listeners=[view, *tracked],
                probes=True,
            )
    _show(console, folder.path, configuration, simulated, as_json=as_json)


def _engine(name: EngineName, workers: int | None) -> Engine:
    from functools import partial

    if name is EngineName.ray:
        from fedchemo.simulations.engines.ray import ray_engine

        return partial(ray_engine, workers=workers)
    from fedchemo.simulations.simulate import local_engine

    return partial(local_engine, workers=workers)


def _refuse_others(allowed: frozenset[str]) -> None:
    """Refuse options that a resumed run takes from its folder: another value would make it another run."""
    import click

    context = click.get_current_context()
    given = [
        f"--{name.replace('_', '-')}"
        for name in context.params
        if name not in allowed
        and context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE
    ]
    if given:
        raise FedchemoError(
            "FC001", f"--resume takes everything from the run folder: drop {', '.join(given)}"
        )


def _resume(
    path: Path,
    *,
    cache: Path | None,
    workers: int | None,
    force: bool,
    tracking: Tracking,
    console: Console,
    as_json: bool,
) -> None:
    from fedchemo.server.resume import reopen
    from fedchemo.server.view import RunView
    from fedchemo.simulations.simulate import resume as go_on

    taken = reopen(path, command="simulate", force=force)
    configuration, simulated = taken.begun.configuration, None
    try:
        if taken.has_ended:
            console.print(f"{path} has ended: there is nothing to resume.", soft_wrap=True)
        else:
            engine = EngineName(taken.begun.origin.get("engine", EngineName.local))
            with tracking.of(path.name, console.print) as tracked, RunView(console).shown() as view:
                simulated = go_on(
                    taken,
                    cache=cache,
                    engine=_engine(engine, workers),
                    listeners=[view, *tracked],
                    probes=True,
                )
    finally:
        taken.folder.release()
    _show(console, path, configuration, simulated, as_json=as_json)


def _show(
    console: Console,
    path: Path,
    configuration: RunConfiguration,
    simulated: Simulated | None,
    *,
    as_json: bool,
) -> None:
    """Write the model card, print what a run ended with, if it ended now, and where the rest is."""
    from fedchemo.server.account import read_account
    from fedchemo.server.model_card import write_model_card
    from fedchemo.server.summary import table

    write_model_card(read_account(path))
    if as_json:
        typer.echo((path / "summary.json").read_text(encoding="utf-8"))
        return
    if simulated is not None:
        title = f"round {simulated.outcome.best} of {configuration.rounds} is the best on validation patients"
        console.print(table(simulated.figures, title=title))
        if simulated.probes is not None:
            from fedchemo.simulations.probes.beside import table as probe_table

            console.print(probe_table(simulated.probes))
            for sentence in simulated.probes.sentences():
                console.print(f"- {sentence}", soft_wrap=True, highlight=False)
    console.print(
        f"Results: {path}  (model.safetensors, summary.json, model_card.md, events.jsonl)", soft_wrap=True
    )
    console.print(f"As one page with figures: fedchemo report {path}", soft_wrap=True)


def split(
    out: Annotated[Path, typer.Option(help="Folder to write the site folders into.")],
    dataset: DatasetOption = DatasetName.synthetic,
    data: DataFolder = None,
    patients: Patients = 320,
    partition: PartitionOption = Partition.site,
    sites: SitesOption = None,
    alpha: Alpha = 0.5,
    seed: Annotated[int, typer.Option(help="Of the cut into train, validation and test.", min=0)] = 0,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace site folders that are there.")
    ] = False,
) -> None:
    """Lay out a data set as the site folders of virtual hospitals."""
    from rich.console import Console

    console = Console()
    folders = _site_folders(
        dataset,
        data=data,
        patients=patients,
        partition=partition,
        sites=sites,
        alpha=alpha,
        seed=seed,
        out=out,
        console=console,
        overwrite=overwrite,
    )
    console.print(f"Site folders: {out}  ({', '.join(folder.name for folder in folders)})", soft_wrap=True)


def _site_folders(
    name: DatasetName,
    *,
    data: Path | None,
    patients: int,
    partition: Partition,
    sites: str | None,
    alpha: float,
    seed: int,
    out: Path,
    console: Console,
    overwrite: bool = False,
) -> list[Path]:
    """Load a data set, say what it holds, and lay it out as site folders."""
    from rich.progress import Progress

    from fedchemo.simulations import sites as virtual

    with Progress(console=console, transient=True) as shown:
        task = shown.add_task(
            "synthetic cohort" if name is DatasetName.synthetic else "reading tables", total=None
        )
        with virtual.dataset(
            name.value,
            data=data,
            patients=patients,
            sites=sites,
            seed=seed,
            scratch=out,
            progress=lambda done, total: shown.update(task, completed=done, total=total),
        ) as loaded:
            shown.update(task, description="laying out site folders", total=None)
            folders = virtual.virtual_sites(
                loaded, by=partition.value, sites=sites, alpha=alpha, seed=seed, out=out, overwrite=overwrite
            )
    for note in loaded.notes:
        console.print(note, soft_wrap=True)
    if loaded.left_out:
        told = ", ".join(f"{patient} ({why})" for patient, why in sorted(loaded.left_out.items()))
        console.print(f"left out: {told}", soft_wrap=True)
    return folders
