"""What a method remembers at a site: by run and round, bounded, its owner's alone."""

import stat

import numpy as np
import pytest

from fedchemo.client.methods import Memory
from fedchemo.client.methods.memory import MOST_RUNS
from fedchemo.shared.clinical.statistics import ClinicalStatistics
from fedchemo.shared.configuration import SiteConfiguration, SiteMethod
from fedchemo.shared.errors import FedchemoError
from fedchemo.shared.wire.messages import TrainRequest

SIZE = 5
NOTHING = ClinicalStatistics(names=(), means=(), deviations=(), counts=())


def request(number, *, run="run", seed=0, candidates=(), alpha=0.01):
    return TrainRequest(
        run=run,
        round=number,
        fingerprint="0" * 64,
        configuration=SiteConfiguration(seed=seed),
        method=SiteMethod(name="feddyn", alpha=alpha),
        statistics=NOTHING,
        candidates=candidates,
    )


def vector(value):
    return np.full(SIZE, value, np.float32)


def rounds(folder):
    return sorted(int(path.stem) for path in folder.rglob("*.safetensors"))


def test_a_round_sees_what_was_kept_before_it_however_often_it_is_asked(tmp_path):
    assert not Memory(tmp_path, request(1)).before(SIZE).any()
    Memory(tmp_path, request(1)).keep(vector(1))
    Memory(tmp_path, request(3)).keep(vector(3))
    for _ in range(2):
        for number, expected in ((1, 0), (2, 1), (3, 1), (4, 3)):
            np.testing.assert_array_equal(Memory(tmp_path, request(number)).before(SIZE), vector(expected))
        Memory(tmp_path, request(3)).keep(vector(3))


@pytest.mark.parametrize("other", [{"run": "another"}, {"run": "a/../../run"}, {"seed": 1}, {"alpha": 0.5}])
def test_another_run_remembers_nothing_of_it_and_nothing_lies_outside(tmp_path, other):
    Memory(tmp_path / "memory", request(1)).keep(vector(1))
    Memory(tmp_path / "memory", request(1, **other)).keep(vector(2))
    np.testing.assert_array_equal(Memory(tmp_path / "memory", request(2)).before(SIZE), vector(1))
    assert [path.name for path in tmp_path.iterdir()] == ["memory"]


def test_the_last_rounds_are_kept_and_those_whose_model_may_be_the_result(tmp_path):
    for number in range(1, 8):
        Memory(tmp_path, request(number)).keep(vector(number))
    assert rounds(tmp_path) == [4, 5, 6, 7]
    # Round 5 may be the result; of round 1 nothing is left, and at 9 this site was absent.
    Memory(tmp_path, request(8, candidates=(1, 5))).keep(vector(8))
    for number in (10, 11, 12, 13):
        Memory(tmp_path, request(number, candidates=(5, 9))).keep(vector(number))
    assert rounds(tmp_path) == [5, 8, 10, 11, 12, 13]
    np.testing.assert_array_equal(Memory(tmp_path, request(0)).newest(SIZE, upto=9), vector(8))
    assert {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.rglob("*.safetensors")} == {0o600}


def test_a_run_that_begins_anew_forgets_what_lay_ahead(tmp_path):
    for number in (1, 2, 3):
        Memory(tmp_path, request(number)).keep(vector(number))
    Memory(tmp_path, request(1)).keep(vector(9))
    np.testing.assert_array_equal(Memory(tmp_path, request(3)).before(SIZE), vector(9))


def test_ever_new_runs_do_not_fill_the_disk(tmp_path):
    for number in range(MOST_RUNS + 3):
        Memory(tmp_path, request(1, run=f"run {number}")).keep(vector(number))
    assert len(list(tmp_path.iterdir())) == MOST_RUNS
    newest = Memory(tmp_path, request(2, run=f"run {MOST_RUNS + 2}"))
    np.testing.assert_array_equal(newest.before(SIZE), vector(MOST_RUNS + 2))


def test_what_is_damaged_or_of_another_model_is_an_error_and_no_zeros(tmp_path):
    Memory(tmp_path, request(1)).keep(vector(1))
    with pytest.raises(FedchemoError, match="another model") as caught:
        Memory(tmp_path, request(2)).before(SIZE + 1)
    assert caught.value.code == "FC004"
    [path] = tmp_path.rglob("*.safetensors")
    path.write_bytes(path.read_bytes()[:10])
    with pytest.raises(FedchemoError) as caught:
        Memory(tmp_path, request(2)).before(SIZE)
    assert caught.value.code == "FC004"
