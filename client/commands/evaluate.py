"""The command ``fedchemo evaluate``: how well a run's model predicts at a site."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fedchemo.client.calibration import Calibration

if TYPE_CHECKING:
    from rich.table import Table

    from fedchemo.client.evaluation import Evaluation, Part
    from fedchemo.shared.metrics.interval import Interval


class SplitName(StrEnum):
    """Which patients."""

    test = "test"
    validation = "validation"
    train = "train"
    all = "all"


def evaluate(
    model: Annotated[Path, typer.Option(help="Run folder, or one with model.safetensors and model.json.")],
    site: Annotated[Path, typer.Option(help="Site folder.")],
    split: Annotated[
        SplitName | None,
        typer.Option(help="Which patients. (default: all; test where the site took part in the training)"),
    ] = None,
    calibration: Annotated[
        Calibration,
        typer.Option(
            help="Mend probabilities by what is kept with the model; site: and by this site's patients."
        ),
    ] = Calibration.none,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda:N.")] = "auto",
    state: Annotated[
        Path | None, typer.Option(help="State folder for prepared images. (default: the user's cache folder)")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Say how well a run's model predicts the patients of a site folder whose outcome is known.

    The figures stand beside those of the model's clinical part alone. Nothing leaves this machine.
    """
    import json

    from rich.console import Console

    from fedchemo.client.commands.opening import opened
    from fedchemo.client.evaluation import evaluate_predictions, labelled, took_part

    console = Console(stderr=True, highlight=False)
    with opened(model, site, device=device, state=state, console=console) as bench:
        trained_here = took_part(bench.model.details, bench.cohort)
        part: Part = split.value if split else "test" if trained_here else "all"
        predictions = bench.predict(labelled(bench.cohort, part), calibration)
    seed = bench.model.configuration.seed
    found = evaluate_predictions(predictions, bench.cohort, split=part, seed=seed, trained_here=trained_here)
    if as_json:
        about = {"fingerprint": bench.model.fingerprint, "details": dict(bench.model.details)}
        typer.echo(json.dumps({"trained": about, **found.to_dict()}, indent=1, allow_nan=False))
        return
    Console(highlight=False).print(_table(found))


def _table(found: Evaluation) -> Table:
    from rich.markup import escape
    from rich.table import Table

    full, clinical = found.model, found.clinical_only
    of = f" of {found.dataset}" if found.dataset else ""
    title = (
        f"{found.site}{of}, {found.split} patients: {full.patients}, "
        f"{full.positives} with pCR, {found.images} with an image"
    )
    table = Table(title=escape(title), title_justify="left", caption_justify="left")
    table.caption = escape(
        "\n".join(("95 % intervals; the ideal slope is 1, the ideal intercepts are 0", *found.notes))
    )
    table.add_column("")
    table.add_column("model", justify="right")
    table.add_column("its clinical part alone", justify="right")
    for name, ours, theirs in (
        ("AUC", full.auc, clinical.auc),
        ("log-loss", full.log_loss, clinical.log_loss),
        ("Brier score", full.brier, clinical.brier),
        ("calibration slope", full.calibration_slope, clinical.calibration_slope),
        ("calibration intercept", full.calibration_intercept, clinical.calibration_intercept),
        (
            "calibration in the large",
            full.calibration_in_the_large,
            clinical.calibration_in_the_large,
        ),
        ("calibration error (ECE)", full.expected_calibration_error, clinical.expected_calibration_error),
    ):
        table.add_row(name, _cell(ours), _cell(theirs))
    table.add_section()
    table.add_row("AUC gained by images", _cell(found.gain, sign="+"), "")
    return table


def _cell(interval: Interval | None, *, sign: str = "") -> str:
    from rich.markup import escape

    if interval is None:
        return "cannot be told"
    value, low, high = (
        format(number, f"{sign}.3f") for number in (interval.value, interval.low, interval.high)
    )
    return escape(f"{value} [{low}, {high}]")
