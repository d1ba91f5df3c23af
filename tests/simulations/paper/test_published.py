"""Two seeds of the published table; `make paper` runs all of it."""

import pytest
import torch

from fedchemo.simulations.paper import table
from fedchemo.simulations.paper.cohorts import read_cohorts


@pytest.fixture(autouse=True)
def _one_thread():
    torch.set_num_threads(1)


@pytest.mark.realdata
@pytest.mark.parametrize("seed", [42, 46])
def test_two_seeds_are_as_published(reference, seed):
    cohorts = read_cohorts(reference / "heart_disease")
    published = table.published(reference / table.PUBLISHED_FILE)
    for method in ("fedavg", "fedyogi"):
        for row in table.run(cohorts, method, seed):
            assert row.accuracy == pytest.approx(published[method, seed, row.test_set], abs=1e-9), row
