"""Where a simulation's site folders come from: a data set that is split, or folders that exist."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from fedchemo.shared.errors import FedchemoError
from fedchemo.simulations.datasets.contract import Dataset
from fedchemo.simulations.layout import lay_out
from fedchemo.simulations.partition import By, partition

Progress = Callable[[int, int], None]
DEFAULT_SITES = 5


@contextlib.contextmanager
def dataset(
    name: str,
    *,
    data: Path | None,
    patients: int,
    sites: str | None,
    seed: int,
    scratch: Path,
    progress: Progress | None = None,
) -> Iterator[Dataset]:
    """Load a data set; the files of one that is made here live as long as the context.

    Args:
        name: ``ispy2`` or ``synthetic``.
        data: folder of I-SPY2's tables and images.
        patients: of the synthetic cohort.
        sites: as given to `virtual_sites`; the synthetic cohort has as many.
        seed: of the synthetic cohort.
        scratch: where the synthetic cohort may write for now; must be on the disk of the site folders.
        progress: told how many synthetic patients are done, of how many.

    Raises:
        FedchemoError: FC001 if ``data`` is missing or superfluous, FC70x if it cannot be used.
    """
    if name == "ispy2":
        if data is None:
            raise FedchemoError("FC001", "--dataset ispy2 needs --data, the folder of its tables and images")
        from fedchemo.simulations.datasets.ispy2 import load

        yield load(data)
        return
    if data is not None:
        raise FedchemoError("FC001", "--data belongs to --dataset ispy2; the synthetic cohort is made here")
    from fedchemo.simulations.datasets.synthetic import generate

    made = scratch / ".synthetic"
    count, names = _number_or_names(sites)
    if names:
        raise FedchemoError(
            "FC001", "--sites: the synthetic cohort has as many sites as you say, without names"
        )
    try:
        yield generate(
            made,
            patients=patients,
            sites=count or DEFAULT_SITES,
            seed=seed,
            progress=progress,
            workers=os.cpu_count() or 1,
        )
    finally:
        shutil.rmtree(made, ignore_errors=True)


def virtual_sites(
    loaded: Dataset, *, by: By, sites: str | None, alpha: float, seed: int, out: Path, overwrite: bool = False
) -> list[Path]:
    """Split a data set into virtual hospitals and lay them out as site folders.

    Args:
        loaded: the data set.
        by: how patients become sites.
        sites: how many, for ``iid`` and ``dirichlet``; or the names of those to lay out.
        alpha: concentration of ``dirichlet``.
        seed: of the partition and of the cut into train, validation and test.
        out: folder of the site folders.
        overwrite: replace site folders that are there.

    Raises:
        FedchemoError: FC001 for names that the partition does not make, FC003, FC7xx.
    """
    count, names = _number_or_names(sites)
    assignment = partition(loaded.clinical, by=by, sites=count or DEFAULT_SITES, alpha=alpha, seed=seed)
    if names:
        _require(names, set(assignment))
    written = lay_out(loaded, assignment, out, seed=seed, only=names or None, overwrite=overwrite)
    return [written[name] for name in sorted(written)]


def chosen_folders(directory: Path, sites: str | None) -> list[Path]:
    """Return the site folders in a directory, or those named.

    Raises:
        FedchemoError: FC002 if there are none, FC001 for names that are not there.
    """
    if not directory.is_dir():
        raise FedchemoError("FC002", f"{directory} is no folder")
    found = {path.name: path for path in directory.iterdir() if (path / "site.toml").is_file()}
    if not found:
        raise FedchemoError(
            "FC002", f"{directory} holds no site folders: none of its folders has a site.toml"
        )
    _, names = _number_or_names(sites)
    _require(names, set(found))
    return [found[name] for name in sorted(names or found)]


def _number_or_names(sites: str | None) -> tuple[int | None, list[str]]:
    if sites is None:
        return None, []
    if sites.strip().isdigit():
        return int(sites), []
    return None, [name.strip() for name in sites.split(",") if name.strip()]


def _require(names: list[str], available: set[str]) -> None:
    if unknown := sorted(set(names) - available):
        raise FedchemoError(
            "FC001", f"--sites: there is no {', '.join(unknown)}; there are {', '.join(sorted(available))}"
        )
