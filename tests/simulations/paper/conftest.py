"""The third-party data where it is, and four small hospitals of made-up patients where it is not."""

from __future__ import annotations

import numpy as np
import pytest

from fedchemo.shared.errors import FedchemoError
from fedchemo.simulations.paper.cohorts import FILES, read_cohorts
from fedchemo.simulations.paper.reference import find

ROWS = {"cleveland": 30, "hungary": 21, "switzerland": 12, "long-beach": 15}


@pytest.fixture(scope="session")
def reference():
    try:
        return find()
    except FedchemoError:
        pytest.skip("neither FEDCHEMO_REFERENCE nor FEDCHEMO_REALDATA leads to the Fed-Heart-Disease files")


def line(stream, *, sick):
    """One row of a file: 13 variables, of which three are dropped, and the diagnosis."""
    values = [*stream.normal(size=2), stream.integers(1, 5), *stream.normal(size=3), stream.integers(0, 3)]
    values += [*stream.normal(loc=2.0 * sick, size=3), "?", "?", "?"]
    return ",".join(map(str, [*values, stream.integers(1, 5) if sick else 0])) + "\n"


@pytest.fixture(scope="session")
def made_files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("heart_disease")
    stream = np.random.default_rng(0)
    for name, file in FILES.items():
        rows = [line(stream, sick=index % 3 == 0) for index in range(ROWS[name])]
        incomplete = "?," + line(stream, sick=True).split(",", 1)[1]
        (folder / file).write_text("".join([*rows[:5], incomplete, *rows[5:]]))
    return folder


@pytest.fixture(scope="session")
def made(made_files):
    return read_cohorts(made_files)
