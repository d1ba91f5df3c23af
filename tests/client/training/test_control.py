"""What SCAFFOLD remembers at a site and what it refuses."""

import stat

import numpy as np
import pytest
import torch

from fedchemo.client.training.control import ControlVariates, as_parameters, check_plain, measured
from fedchemo.shared.clinical.statistics import ClinicalStatistics
from fedchemo.shared.configuration import SiteConfiguration, TrainingSettings
from fedchemo.shared.errors import FedchemoError
from fedchemo.shared.model.packing import pack
from fedchemo.shared.wire.messages import TrainRequest
from fedchemo.shared.wire.records import halves

SIZE = 5
NOTHING = ClinicalStatistics(names=(), means=(), deviations=(), counts=())


def request(number, *, run="run", seed=0):
    return TrainRequest(
        run=run,
        round=number,
        fingerprint="0" * 64,
        configuration=SiteConfiguration(seed=seed),
        statistics=NOTHING,
    )


def vector(value):
    return np.full(SIZE, value, np.float32)


def test_a_round_sees_what_was_kept_before_it_however_often_it_is_asked(tmp_path):
    kept = ControlVariates(tmp_path)
    assert not kept.before(request(1), SIZE).any()
    kept.keep(request(1), vector(1))
    kept.keep(request(3), vector(3))
    for _ in range(2):
        np.testing.assert_array_equal(kept.before(request(1), SIZE), vector(0))
        np.testing.assert_array_equal(kept.before(request(3), SIZE), vector(1))
        np.testing.assert_array_equal(kept.before(request(4), SIZE), vector(3))
        kept.keep(request(3), vector(3))


@pytest.mark.parametrize("other", [{"run": "another"}, {"run": "a/../../run"}, {"seed": 1}])
def test_another_run_remembers_nothing_of_it_and_nothing_lies_outside(tmp_path, other):
    kept = ControlVariates(tmp_path / "methods")
    kept.keep(request(1), vector(1))
    kept.keep(request(1, **other), vector(2))
    np.testing.assert_array_equal(kept.before(request(2), SIZE), vector(1))
    assert [path.name for path in tmp_path.iterdir()] == ["methods"]


def test_only_the_last_rounds_are_kept_and_only_for_their_owner(tmp_path):
    kept = ControlVariates(tmp_path)
    for number in range(1, 10):
        kept.keep(request(number), vector(number))
    files = sorted(tmp_path.rglob("*.safetensors"))
    assert [path.stem for path in files] == ["000006", "000007", "000008", "000009"]
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}


def test_what_is_damaged_or_of_another_model_is_an_error_and_no_zeros(tmp_path):
    kept = ControlVariates(tmp_path)
    kept.keep(request(1), vector(1))
    with pytest.raises(FedchemoError, match="another model") as caught:
        kept.before(request(2), SIZE + 1)
    assert caught.value.code == "FC004"
    [path] = tmp_path.rglob("*.safetensors")
    path.write_bytes(path.read_bytes()[:10])
    with pytest.raises(FedchemoError) as caught:
        kept.before(request(2), SIZE)
    assert caught.value.code == "FC004"


def test_two_vectors_in_one_are_taken_apart_and_anything_else_is_refused():
    weights, control = halves(np.arange(6, dtype=np.float32))
    assert (weights.tolist(), control.tolist()) == ([0, 1, 2], [3, 4, 5])
    for wrong in (np.zeros(3, np.float32), np.zeros(0, np.float32), np.array([0, np.nan], np.float32)):
        with pytest.raises(FedchemoError) as caught:
            halves(wrong)
        assert caught.value.code == "FC305"


@pytest.mark.parametrize("settings", [{}, {"optimizer": "sgd"}, {"optimizer": "sgd", "momentum": 0.9}])
def test_an_optimiser_whose_path_is_no_sum_of_gradients_is_refused(settings):
    plain = {"optimizer": "sgd", "weight_decay": 0}
    check_plain(TrainingSettings(**plain))
    with pytest.raises(FedchemoError) as caught:
        check_plain(TrainingSettings(**settings))
    assert caught.value.code == "FC304"


def test_running_statistics_have_no_gradient_and_parameters_keep_their_order():
    model = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.BatchNorm1d(3))
    before = pack(model)
    found = measured(before, before - 1, model, steps=10, rate=0.1)
    pieces = as_parameters(found, model, torch.device("cpu"))
    assert [piece.shape for piece in pieces] == [parameter.shape for parameter in model.parameters()]
    assert torch.cat([piece.reshape(-1) for piece in pieces]).tolist() == pytest.approx([1.0] * 15, rel=1e-6)
    assert np.count_nonzero(found) == 15
    assert len(found) == 21
