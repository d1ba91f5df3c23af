"""What every test may ask for: the real data where it is, small cohorts, and processes that leave nothing behind."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

# One thread a process: the tests run side by side and must give the same bits.
os.environ.setdefault("OMP_NUM_THREADS", "1")


FIRST = ("federation", "simulations", "client/worker")
"""Files of these folders take longest: begun last, they would be waited for by processes that have nothing left."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the tests first that take longest; the others keep their order."""
    here = Path(__file__).parent

    def place(item: pytest.Item) -> int:
        folder = item.path.relative_to(here).parent.as_posix() + "/"
        return next((at for at, first in enumerate(FIRST) if folder.startswith(f"{first}/")), len(FIRST))

    items.sort(key=place)


@pytest.fixture(scope="session")
def realdata() -> Path:
    """The folder of third-party data; tests that ask for it are marked ``realdata``."""
    folder = os.environ.get("FEDCHEMO_REALDATA")
    if not folder or not Path(folder).is_dir():
        pytest.skip("FEDCHEMO_REALDATA names no folder of real data")
    return Path(folder)


@pytest.fixture(scope="session")
def own_modules():
    """Let other processes that multiprocessing starts import the tests, as this one does."""
    root = str(Path(__file__).parents[1])
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(root)
        yield
