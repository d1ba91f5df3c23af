"""``site.toml``: which site a folder belongs to."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from fedchemo.client.cohort.problems import Problem, error
from fedchemo.shared.kit import Name


class SiteDescription(BaseModel):
    """The content of ``site.toml``."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    name: Name
    """The site's name in the federation, as in its kit."""
    dataset: Annotated[str, Field(min_length=1, max_length=64)]
    """What the patients were collected for, such as a trial; with the name it tells one hospital from another."""
    notes: str = ""


_REMEDIES = {
    "missing": "Add the line",
    "extra_forbidden": "Remove it, or correct its spelling: name, dataset and notes are known",
    "string_pattern_mismatch": "Use letters, digits, '.', '_' and '-', at most 64, the first a letter or digit",
}


def read_description(path: Path) -> tuple[SiteDescription | None, list[Problem]]:
    """Read ``site.toml`` and return it, or None and everything that is wrong with it (FC103)."""
    template = 'Write name = "..." and dataset = "..." into it, as UTF-8 text'
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except UnicodeDecodeError:
        return None, [error("FC103", path, "is not UTF-8 text", template)]
    except tomllib.TOMLDecodeError as wrong:
        return None, [error("FC103", path, f"is not TOML: {wrong}", template)]
    except OSError as wrong:
        return None, [error("FC103", path, f"cannot be read: {wrong.strerror}", template)]
    try:
        return SiteDescription.model_validate(content), []
    except ValidationError as wrong:
        return None, [
            error(
                "FC103",
                path,
                found["msg"][0].lower() + found["msg"][1:],
                _REMEDIES.get(found["type"], "Correct the value"),
                column=".".join(map(str, found["loc"])),
                value=None if found["type"] == "missing" else str(found["input"]),
            )
            for found in wrong.errors()
        ]
