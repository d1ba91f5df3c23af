"""The catalogue as pages to read and to link to: ``python -m fedchemo.shared.catalogue.pages`` writes them.

One Markdown file a hundred, such as ``shared/error-pages/FC1xx.md``, with a section an error, so that a link to
``FC1xx.md#fc101`` leads to it; and a list of all in ``README.md``.
"""

from __future__ import annotations

import itertools
import re
import sys
from collections.abc import Mapping
from pathlib import Path

from fedchemo.shared.catalogue import CATALOGUE, Entry

FOLDER = Path(__file__).resolve().parent.parent / "error-pages"
TOPICS = {
    "FC0": "commands and files",
    "FC1": "a hospital's data: site folders, DICOM, tables, import, validation",
    "FC2": "images",
    "FC3": "configuration, model, training and wire",
    "FC4": "rounds and run folders",
    "FC5": "kits, rosters, keys and federations",
    "FC6": "network, methods at a hospital, and the process in which it trains",
    "FC7": "data sets, simulation, studies, reports and tracking",
    "FC8": "evaluation",
    "FC9": "refusals, approvals and the ledger",
}
NOTE = "<!-- Made from shared/catalogue by `make pages`: change it there. -->\n"


def pages(catalogue: Mapping[str, Entry] = CATALOGUE) -> dict[str, str]:
    """Return the content of each page by its file name."""
    made = {"README.md": _contents(catalogue)}
    for hundred, codes in itertools.groupby(sorted(catalogue), key=lambda code: code[:3]):
        sections = (_section(code, catalogue[code]) for code in codes)
        made[f"{hundred}xx.md"] = "\n".join([NOTE, f"# {hundred}xx: {TOPICS[hundred]}\n", *sections])
    return made


def write(folder: Path = FOLDER) -> list[Path]:
    """Write the pages that are new or differ, remove those that are no longer made, and return what changed."""
    from fedchemo.shared.atomic import write_text

    made, changed = pages(), []
    folder.mkdir(exist_ok=True)
    for gone in folder.glob("*.md"):
        if gone.name not in made:
            gone.unlink()
            changed.append(gone)
    for name, content in made.items():
        path = folder / name
        if not path.exists() or path.read_text(encoding="utf-8") != content:
            write_text(path, content, mode=0o644)
            changed.append(path)
    return changed


def _contents(catalogue: Mapping[str, Entry]) -> str:
    rows = [
        f"| [{code}]({code[:3]}xx.md#{code.lower()}) | {_escaped(catalogue[code].title)} |"
        for code in sorted(catalogue)
    ]
    head = (
        "# Errors\n\nEvery error has a number; `fedchemo explain-error FC101` says the same as these pages. Only the "
        "number ever leaves a hospital.\n"
    )
    return "\n".join([NOTE, head, "| code | meaning |", "|---|---|", *rows, ""])


def _section(code: str, entry: Entry) -> str:
    return (
        f"## {code}\n\n**{_escaped(entry.title)}**\n\nLikely cause: {_escaped(entry.cause)}\n\n"
        f"What to do: {_escaped(entry.remedy)}\n"
    )


def _escaped(text: str) -> str:
    """Return text in which nothing but its code spans is Markdown."""
    parts = re.split(r"(`[^`]*`)", text)
    return "".join(
        part if part.startswith("`") else re.sub(r"([\\*_<>|\[\]])", r"\\\1", part) for part in parts
    )


if __name__ == "__main__":
    for path in write():
        sys.stdout.write(f"{path}\n")
