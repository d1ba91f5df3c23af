"""The command ``fedchemo predict``: a run's model says a probability of pCR for each patient of a site."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fedchemo.client.calibration import Calibration

if TYPE_CHECKING:
    from fedchemo.client.commands.opening import Bench
    from fedchemo.client.inference import Predictions


class Format(StrEnum):
    """How predictions are written."""

    csv = "csv"
    json = "json"


def predict(
    model: Annotated[Path, typer.Option(help="Run folder, or one with model.safetensors and model.json.")],
    site: Annotated[Path, typer.Option(help="Site folder.")],
    out: Annotated[Path, typer.Option(help="File to write.")],
    form: Annotated[
        Format | None,
        typer.Option("--format", help="How to write it. (default: as the suffix of --out says)"),
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
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace --out if it is there.")] = False,
) -> None:
    """Predict pCR for every patient of a site folder, also where the outcome is not known.

    The file holds a row a patient, in the order of their identifiers; only its owner may read it.
    """
    from rich.console import Console

    from fedchemo.client.commands.opening import opened
    from fedchemo.shared.atomic import write_text

    form = _chosen_format(out, form)
    _require_free(out, overwrite=overwrite)
    console = Console(stderr=True, highlight=False)
    with opened(model, site, device=device, state=state, console=console) as bench:
        predictions = bench.predict(list(bench.cohort.clinical.index), calibration)
    _require_probabilities(predictions)
    content = _csv(predictions) if form is Format.csv else _json(predictions, bench)
    write_text(out, content, mode=0o600)
    images = int(predictions.has_image.sum())
    console.print(
        f"{out}: {len(predictions.patients)} patients, {images} with an image", soft_wrap=True, markup=False
    )
    if images == 0:
        console.print("No patient has an image that the model uses: its clinical part alone speaks.")


def _chosen_format(out: Path, form: Format | None) -> Format:
    from fedchemo.shared.errors import FedchemoError

    suffix = out.suffix.lower().removeprefix(".")
    if form is None and suffix not in set(Format):
        raise FedchemoError("FC001", f"--out {out}: end it with .csv or .json, or pass --format")
    return form or Format(suffix)


def _require_free(out: Path, *, overwrite: bool) -> None:
    from fedchemo.shared.errors import FedchemoError

    if out.is_dir():
        raise FedchemoError("FC003", f"--out {out} is a folder")
    if out.exists() and not overwrite:
        raise FedchemoError("FC003", str(out))


def _require_probabilities(predictions: Predictions) -> None:
    import numpy as np

    from fedchemo.shared.errors import FedchemoError

    unusable = int(np.sum(~np.isfinite(predictions.probabilities)))
    if unusable:
        raise FedchemoError(
            "FC801", f"{unusable} of {len(predictions.patients)} predictions are no probabilities"
        )


def _csv(predictions: Predictions) -> str:
    pairs = zip(predictions.patients, predictions.probabilities, strict=True)
    rows = [f"{patient},{probability:.9g}" for patient, probability in pairs]
    return "\n".join(["patient_id,probability", *rows]) + "\n"


def _json(predictions: Predictions, bench: Bench) -> str:
    import json

    columns = (predictions.patients, predictions.probabilities.tolist(), predictions.has_image.tolist())
    content = {
        "site": bench.cohort.site,
        "dataset": bench.cohort.dataset,
        "trained": {"fingerprint": bench.model.fingerprint, "details": dict(bench.model.details)},
        "predictions": [
            {"patient_id": patient, "probability": probability, "has_image": has_image}
            for patient, probability, has_image in zip(*columns, strict=True)
        ],
    }
    return json.dumps(content, indent=1, allow_nan=False) + "\n"
