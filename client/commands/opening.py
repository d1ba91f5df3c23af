"""What `fedchemo evaluate` and `fedchemo predict` open alike: a model, a site folder, a device, a cache."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from fedchemo.client.calibration import Calibration

if TYPE_CHECKING:
    import torch
    from rich.console import Console

    from fedchemo.client.cohort import Cohort
    from fedchemo.client.inference import Predictions, Progress
    from fedchemo.shared.metrics.scores import Vector
    from fedchemo.shared.model.artefact import TrainedModel


@dataclass(frozen=True)
class Bench:
    """A model and a cohort on a device, ready to predict."""

    model: TrainedModel
    cohort: Cohort
    device: torch.device
    cache: Path
    console: Console
    progress: Progress

    def predict(self, patients: Sequence[str], calibration: Calibration = Calibration.none) -> Predictions:
        """Predict, mend the probabilities if asked to, and say which images could not be used.

        Raises:
            FedchemoError: FC004, FC210 as `fedchemo.client.inference.predict_patients`, FC720 as
                `fedchemo.client.recalibration.recalibrated`.
        """
        from rich.markup import escape

        from fedchemo.client.recalibration import recalibrated

        found = self._predicted(patients)
        for patient, why in found.set_aside.items():
            self.console.print(escape(f"set aside the images of {patient}: {why}"), soft_wrap=True)

        def own() -> tuple[Vector, Vector]:
            validation = self._predicted(self.cohort.patients("validation"))
            return validation.probabilities, validation.outcomes

        return recalibrated(found, self.model.details, calibration, own)

    def _predicted(self, patients: Sequence[str]) -> Predictions:
        from fedchemo.client.inference import predict_patients

        return predict_patients(
            self.model, self.cohort, patients, cache=self.cache, device=self.device, progress=self.progress
        )


@contextlib.contextmanager
def opened(run: Path, site: Path, *, device: str, state: Path | None, console: Console) -> Iterator[Bench]:
    """Yield what is needed to predict; warnings and progress go to ``console``.

    Args:
        run: folder of the model.
        site: site folder.
        device: ``auto``, ``cpu`` or ``cuda:N``.
        state: folder whose ``images`` holds prepared images; None is the user's cache folder.
        console: of the standard error, so that output can be piped.

    Raises:
        FedchemoError: of the site folder (FC1xx), the model (FC002, FC302, FC305, FC306), the device (FC310)
            or the cache (FC004).
    """
    from rich.markup import escape
    from rich.progress import Progress as Bar

    from fedchemo.client.cohort import read_site

    # The tables first: what is wrong there is told before torch is loaded.
    cohort = read_site(site)
    for problem in cohort.problems:
        console.print(escape(problem.told), soft_wrap=True)

    import torch

    from fedchemo.client.training.device import choose
    from fedchemo.shared.model.artefact import load

    model = load(run)
    chosen, reason = choose(device)
    console.print(escape(f"computing on {chosen}: {reason}"), soft_wrap=True)
    if chosen.type == "cpu":
        # As in training: one thread gives the same bits wherever the processor is of the same type.
        torch.set_num_threads(1)
    with Bar(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("preparing images", total=None, visible=False)

        def progress(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total, visible=True)

        yield Bench(model, cohort, chosen, _images(state), console, progress)


def _images(state: Path | None) -> Path:
    """Return the folder of prepared images; a state folder is made readable by its owner only."""
    import platformdirs

    from fedchemo.shared.errors import FedchemoError

    if state is None:
        return Path(platformdirs.user_cache_dir("fedchemo")) / "images"
    try:
        state.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise FedchemoError("FC004", f"{state}: {error.strerror}") from error
    return state / "images"
