"""What an import is asked for, and where it writes: settled and checked before any file is read."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from fedchemo.client.cohort.description import read_description
from fedchemo.client.importing.contract import Timing
from fedchemo.shared.errors import FedchemoError
from fedchemo.shared.kit import NAME_PATTERN

# A hospital that takes part in no trial still needs the second half of its key (dataset, site).
DEFAULT_DATASET = "local"


@dataclass(frozen=True)
class ImportRequest:
    """What an import is asked for.

    Attributes:
        out: the site folder to write.
        images: folders with DICOM or NIfTI files.
        tables: clinical tables and tables of measurements.
        mappings: files that say what the columns of the tables mean.
        name: of the site; None takes that of a site folder which is there, else the folder's own.
        dataset: what the patients were collected for; None as for ``name``, else `DEFAULT_DATASET`.
        state: where key, manifest and report lie; None is the user's state folder.
        timing: which phases are wanted.
        crosswalk: a file to write who is who into; None writes none.
        prediction_only: take a cohort without outcomes, or with one class.
        remove_gone: drop what the site folder holds and the input does not.
        workers: processes side by side, each with one examination in memory; 0 works in this process.
    """

    out: Path
    tables: tuple[Path, ...]
    images: tuple[Path, ...] = ()
    mappings: tuple[Path, ...] = ()
    name: str | None = None
    dataset: str | None = None
    state: Path | None = None
    timing: Timing = field(default_factory=Timing)
    crosswalk: Path | None = None
    prediction_only: bool = False
    remove_gone: bool = False
    workers: int = 1


@dataclass(frozen=True)
class Destination:
    """Where an import writes, with absolute paths."""

    out: Path
    name: str
    dataset: str
    state: Path


def settle(request: ImportRequest) -> Destination:
    """Return where a request writes.

    Raises:
        FedchemoError: FC001 options that do not fit one another; FC002 a file or folder that is not there.
    """
    if not request.tables:
        raise FedchemoError("FC001", "name at least one --table: a patient needs a row with the outcome")
    for folder in request.images:
        if not folder.is_dir():
            raise FedchemoError("FC002", f"--images {folder} is no folder")
    # A mapping may be the name of a shipped one; the reader of tables knows.
    for file in request.tables:
        if not file.is_file():
            raise FedchemoError("FC002", f"{file} is no file")
    if not 0 <= request.timing.early_s < request.timing.late_s:
        raise FedchemoError("FC001", "--early-s must be less than --late-s, and neither negative")
    out = request.out.resolve()
    name, dataset = _called(request, out)
    state = (request.state or default_state(name)).resolve()
    _require_apart(request, out, state)
    return Destination(out=out, name=name, dataset=dataset, state=state)


def _called(request: ImportRequest, out: Path) -> tuple[str, str]:
    described = read_description(out / "site.toml")[0] if (out / "site.toml").is_file() else None
    name = request.name or (described.name if described else out.name)
    if not re.fullmatch(NAME_PATTERN, name):
        what = "cannot be a site's name: letters, digits, '.', '_' and '-', at most 64; pass --name"
        raise FedchemoError("FC001", f"{name!r} {what}")
    dataset = request.dataset or (described.dataset if described else DEFAULT_DATASET)
    if len(dataset) > 64 or not dataset.isprintable():
        raise FedchemoError("FC001", "--dataset is at most 64 characters in one line")
    return name, dataset


def _require_apart(request: ImportRequest, out: Path, state: Path) -> None:
    """Keep input, result and secrets out of one another."""
    for folder in (path.resolve() for path in request.images):
        if out.is_relative_to(folder):
            raise FedchemoError("FC001", f"--out {out} lies in an --images folder and would be read itself")
        if folder.is_relative_to(out):
            raise FedchemoError("FC001", f"--images {folder} lies in --out, which is for the result alone")
    private = {"--state": state, "--crosswalk": request.crosswalk.resolve() if request.crosswalk else None}
    for option, path in private.items():
        if path is not None and path.is_relative_to(out):
            raise FedchemoError("FC001", f"{option} must lie outside --out: it tells who the patients are")


def default_state(name: str) -> Path:
    """Return where an import keeps its state unless told otherwise."""
    import platformdirs

    return Path(platformdirs.user_state_dir("fedchemo")) / "data" / name
