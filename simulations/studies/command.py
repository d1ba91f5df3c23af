"""The command ``fedchemo study``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fedchemo.server.tracking.tracked import MlflowOption, TensorboardOption, Tracking

study = typer.Typer(
    name="study",
    help="Grids of simulations with their references and statistics.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
)


@study.command(name="run")
def run(
    which: Annotated[
        str, typer.Argument(metavar="STUDY", help="A study.toml, or the name of a ready study.")
    ],
    out: Annotated[Path, typer.Option(help="The study folder to write, or to go on with.")],
    data: Annotated[Path | None, typer.Option(help="Folder of the I-SPY2 tables and images.")] = None,
    workers: Annotated[int | None, typer.Option(help="Runs side by side. (default: cores)", min=1)] = None,
    cache: Annotated[
        Path | None,
        typer.Option(envvar="FEDCHEMO_CACHE", help="Prepared images. (default: the user's cache folder)"),
    ] = None,
    mlflow: MlflowOption = None,
    tensorboard: TensorboardOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the comparisons as JSON.")] = False,
) -> None:
    """Run a study, or what of it has not been run, and print what it says."""
    import platformdirs
    from rich.console import Console
    from rich.progress import Progress, TimeElapsedColumn

    from fedchemo.simulations.studies.analysis import analyse
    from fedchemo.simulations.studies.run import run_study
    from fedchemo.simulations.studies.settings import read_study, ready_studies
    from fedchemo.simulations.studies.show import shown
    from fedchemo.simulations.studies.tables import write_tables

    console = Console(stderr=as_json)
    asked = read_study(ready_studies().get(which, Path(which)))
    with Progress(
        *Progress.get_default_columns(), TimeElapsedColumn(), console=console, transient=True
    ) as bar:
        task = bar.add_task("laying out hospitals", total=None)
        finished = run_study(
            asked,
            out,
            data=data,
            cache=cache or Path(platformdirs.user_cache_dir("fedchemo")) / "images",
            workers=workers,
            tracking=Tracking(mlflow, tensorboard, experiment=asked.name),
            progress=lambda done, total, title: bar.update(
                task, completed=done, total=total, description=title
            ),
            note=lambda line: console.print(line, soft_wrap=True),
        )
        bar.update(task, description="statistics", total=None)
        found = analyse(asked, finished.predictions, finished.patients, finished.beside)
    write_tables(found, out)
    if as_json:
        typer.echo(found.comparisons.to_json(orient="records", indent=1))
        return
    for table in shown(found, asked):
        console.print(table)
    for sentence in found.sentences:
        console.print(f"- {sentence}", soft_wrap=True)
    names = ", ".join(f"{name}.csv" for name in found.files)
    console.print(
        f"{finished.done} runs done, {finished.kept} kept. Results: {out}  ({names})", soft_wrap=True
    )
    console.print(f"As one page with figures: fedchemo report {out}", soft_wrap=True)


@study.command(name="ready")
def ready() -> None:
    """List the studies that come with fedchemo."""
    from rich.console import Console

    from fedchemo.simulations.studies.settings import read_study, ready_studies

    console = Console()
    for name, file in ready_studies().items():
        console.print(f"[bold]{name}[/]  {read_study(file).question}", soft_wrap=True, highlight=False)
