"""The site folder: what `fedchemo data validate` says, in few lines."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from fedchemo.client.validation import Validation, validate_site
from fedchemo.shared.findings import Finding, Part
from fedchemo.shared.splits import SPLITS

PART = Part("data")


def validated(
    site: Path, *, images: bool, expected: str | None, progress: Callable[[int, int], None] | None
) -> Validation:
    """Return what is wrong with a site folder; see `validate_site`."""
    return validate_site(site, images=images, workers=1, expected=expected, progress=progress)


def check_data(found: Validation) -> Iterator[Finding]:
    """Sum up what was found; no patient is named."""
    remedy = f"Run `fedchemo data validate {found.folder}`: it says where and what to do."
    if found.counts:
        counts = found.counts
        splits = ", ".join(f"{counts[split]} {split}" for split in SPLITS)
        looked = "" if counts["images_checked"] else "; images not looked into (--images does)"
        yield PART.passes(
            "patients", f"{counts['patients']} ({splits}), {counts['images']} examinations{looked}"
        )
    codes = ", ".join(dict.fromkeys(problem.code for problem in found.problems))
    warnings = len(found.problems) - found.errors
    told = f"errors {found.errors}, warnings {warnings}: {codes}"
    if not found.usable:
        yield PART.fails("validation", f"the folder is refused as it is; {told}", remedy)
    elif found.problems:
        yield PART.warns("validation", f"the folder can be used, without what is set aside; {told}", remedy)
    else:
        yield PART.passes("validation", "nothing is wrong")
