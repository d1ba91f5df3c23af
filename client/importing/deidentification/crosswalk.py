"""The list of who is who, written only when the hospital asks for it."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from pathlib import Path

from fedchemo.shared.atomic import write_text


def write_crosswalk(path: Path, pseudonyms: Mapping[str, str]) -> None:
    """Write a CSV of ``identifier,pseudonym``, readable by its owner only (mode 0600).

    Args:
        path: where; it must not be inside a site folder.
        pseudonyms: identifier -> pseudonym.

    Raises:
        FedchemoError: FC004 if it cannot be written.
    """
    text = io.StringIO(newline="")
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(("identifier", "pseudonym"))
    rows.writerows(sorted(pseudonyms.items()))
    write_text(path, text.getvalue(), mode=0o600)
