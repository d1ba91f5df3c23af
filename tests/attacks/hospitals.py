"""The real client of one hospital in a thread of the test, and everything that it said, wrote and kept."""

from __future__ import annotations

import contextlib
import io
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

from rich.console import Console

from fedchemo.client.fleet import node as nodes
from fedchemo.client.hospital import join_federation
from fedchemo.client.ledger.line import Line
from fedchemo.client.ledger.verify import read_lines, verify
from fedchemo.client.state_folder import StatePaths
from tests.networked import until

MARKED_AGE, MARKED_VOLUME = 61.7, 77.77
"""Values of one patient of a site folder of `marked`, which no other number of a run has."""


def marked(site: Path) -> list[str]:
    """Give one patient of a site folder values to look for; return what must not be found outside."""
    table = site / "clinical.csv"
    rows = [line.split(",") for line in table.read_text().splitlines()]
    age, volume = rows[0].index("age_years"), rows[0].index("tumour_volume_cc")
    rows[1][age], rows[1][volume] = str(MARKED_AGE), str(MARKED_VOLUME)
    table.write_text("".join(",".join(row) + "\n" for row in rows))
    return [str(MARKED_AGE), str(MARKED_VOLUME), str(site), site.parent.name, *(row[0] for row in rows[1:])]


class Hospital:
    """A hospital's client as `fedchemo client` runs it.

    Args:
        kit: the kit's file.
        site: the site folder.
        state: the state folder.
        policy: text of its policy.toml; None for the defaults.
        approve_all: as the option of the command.
        hang_s: seconds without progress after which its worker process is given up.
    """

    def __init__(
        self,
        kit: Path,
        site: Path,
        state: Path,
        *,
        policy: str | None = None,
        approve_all: bool = True,
        hang_s: float = 600.0,
    ) -> None:
        self.state = StatePaths(state)
        self._screen = io.StringIO()
        self.error: BaseException | None = None
        self._born: list[nodes.HospitalNode] = []
        if policy is not None:
            state.mkdir(mode=0o700, parents=True)
            self.state.policy.write_text(policy)
            self.state.policy.chmod(0o600)
        self._thread = threading.Thread(
            target=self._run, args=(kit, site, state, approve_all, hang_s), daemon=True
        )

    def _run(self, kit: Path, site: Path, state: Path, approve_all: bool, hang_s: float) -> None:
        try:
            join_federation(
                kit,
                site,
                state=state,
                device="cpu",
                once=False,
                patience_s=300,
                approve_all=approve_all,
                hang_s=hang_s,
                console=Console(file=self._screen, width=200, highlight=False),
            )
        except BaseException as error:  # noqa: BLE001 - the test asks for it
            self.error = error

    @contextlib.contextmanager
    def running(self) -> Iterator[Hospital]:
        """Run it while the context lasts; it must end without an error."""
        born = self._born

        class Remembered(nodes.HospitalNode):
            def __init__(self, *arguments: Any, **more: Any) -> None:
                super().__init__(*arguments, **more)
                born.append(self)

        with mock.patch.object(nodes, "HospitalNode", Remembered):
            self._thread.start()
            until(lambda: born or not self._thread.is_alive(), what="the client has started")
        try:
            yield self
        finally:
            for node in born:
                node.stop()
            self._thread.join(timeout=30)
            assert not self._thread.is_alive()

    @property
    def alive(self) -> bool:
        """Whether it still runs."""
        return self._thread.is_alive() and self.error is None

    @property
    def screen(self) -> str:
        """What it has said to the hospital."""
        return self._screen.getvalue()

    def lines(self, *events: str) -> list[Line]:
        """Return the ledger's lines, of some events only."""
        return [line for line in read_lines(self.state.ledger) if not events or line.event in events]

    def check_ledger(self) -> None:
        """Fail if the ledger does not hold together."""
        found = verify(self.state.ledger, self.state.ledger_head)
        assert not found.problems, found.problems
