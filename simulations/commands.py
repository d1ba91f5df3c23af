"""The commands ``fedchemo simulate`` and ``fedchemo split``."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fedchemo.server.options import with_run_options
from fedchemo.shared.configuration import RunConfiguration

if TYPE_CHECKING:
    from rich.console import Console

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
    out: Annotated[Path, typer.Option(help="The run folder to write.")],
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
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
) -> None:
    """Run a federation of virtual hospitals in one process."""
    from functools import partial

    import platformdirs
    from rich.console import Console

    from fedchemo.server.run_folder import RunFolder
    from fedchemo.server.summary import table
    from fedchemo.server.view import RunView
    from fedchemo.simulations.simulate import Engine, local_engine
    from fedchemo.simulations.simulate import simulate as run
    from fedchemo.simulations.sites import chosen_folders

    console = Console(stderr=as_json)
    if engine is EngineName.ray:
        from fedchemo.simulations.engines.ray import ray_engine

        chosen: Engine = partial(ray_engine, workers=workers)
    else:
        chosen = partial(local_engine, workers=workers)
    with RunFolder(out, overwrite=overwrite).begun_or_removed() as folder:
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
        with RunView(console).shown() as view:
            simulated = run(
                folders,
                configuration,
                folder,
                cache=cache or Path(platformdirs.user_cache_dir("fedchemo")) / "images",
                minimum_patients=min_patients,
                device=device,
                engine=chosen,
                listeners=[view],
            )
    if as_json:
        typer.echo((folder.path / "summary.json").read_text())
        return
    title = f"round {simulated.outcome.best} of {configuration.rounds} is the best on validation patients"
    console.print(table(simulated.figures, title=title))
    console.print(f"Results: {folder.path}  (model.safetensors, summary.json, events.jsonl)", soft_wrap=True)


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
