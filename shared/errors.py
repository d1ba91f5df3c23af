"""The one base class of errors that a user may see: a code from the catalogue and what happened."""

from __future__ import annotations

from fedchemo.shared.catalogue import CATALOGUE, Entry


class FedchemoError(Exception):
    """A failure that its reader can do something about.

    Args:
        code: an entry of the catalogue, such as ``FC101``.
        what: what happened here, naming the file, row, host or value. It is shown on the machine where
            it happened and never sent anywhere: only ``code`` may leave a hospital.

    Raises:
        KeyError: if the catalogue does not hold ``code``.
    """

    def __init__(self, code: str, what: str) -> None:
        self.entry: Entry = CATALOGUE[code]
        self.code = code
        self.what = what
        super().__init__(f"{code} {self.entry.title}: {what}")

    def __reduce__(self) -> tuple[type[FedchemoError], tuple[str, str]]:
        """Errors cross process borders in the parallel engines."""
        return type(self), (self.code, self.what)
