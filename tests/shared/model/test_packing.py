"""Weights survive the vector to the bit, and a vector that does not fit changes nothing."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fedchemo.shared.configuration import ImagingSettings, ModelSettings
from fedchemo.shared.errors import FedchemoError
from fedchemo.shared.model.build import build
from fedchemo.shared.model.packing import Manifest, manifest, pack, unpack
from tests.shared.model.made import FEATURES, IMAGING, MODEL, fusion_model

BATCH_NORM = fusion_model(
    model=ModelSettings(widths=(4, 4, 4, 4), norm="batch", film_bottleneck=2),
    imaging=ImagingSettings(grid=40),
)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.booleans())
def test_a_vector_comes_back_to_the_bit(seed, with_batch_norm):
    model = BATCH_NORM if with_batch_norm else fusion_model()
    size = manifest(model).size
    vector = np.random.default_rng(seed).normal(size=size).astype(np.float32)
    vector[: size // 3] *= 1e-40
    unpack(model, vector)
    assert pack(model).tobytes() == vector.tobytes()


def test_a_model_comes_back_to_the_bit():
    model, other = fusion_model(seed=1, gate=0.3), build(MODEL, IMAGING, FEATURES)
    unpack(other, pack(model))
    state = other.state_dict()
    assert all(torch.equal(tensor, state[name]) for name, tensor in model.state_dict().items())


def test_the_manifest_says_where_each_tensor_lies():
    model = fusion_model(gate=0.3)
    vector, state, start = pack(model), model.state_dict(), 0
    for entry in manifest(model).entries:
        part = vector[start : start + entry.size].reshape(entry.shape)
        np.testing.assert_array_equal(part, state[entry.name])
        start += entry.size
    assert start == len(vector)


def test_the_manifest_is_sorted_and_survives_json():
    found = manifest(fusion_model())
    assert [entry.name for entry in found.entries] == sorted(entry.name for entry in found.entries)
    assert Manifest.model_validate_json(found.model_dump_json()) == found


def test_running_statistics_travel_and_counters_do_not():
    names = {entry.name for entry in manifest(BATCH_NORM).entries}
    assert "image.backbone.stem.1.running_var" in names
    assert "image.backbone.stem.1.num_batches_tracked" in BATCH_NORM.state_dict()
    assert "image.backbone.stem.1.num_batches_tracked" not in names


def test_the_vector_shares_no_memory():
    model = fusion_model(imaging=ImagingSettings(enabled=False))
    vector = pack(model)
    vector[:] = 7
    assert not (pack(model) == 7).any()
    unpack(model, vector)
    vector[:] = 9
    assert (pack(model) == 7).all()


@pytest.mark.filterwarnings("error")
def test_a_read_only_vector_is_taken():
    model = fusion_model()
    vector = np.frombuffer(pack(model).tobytes(), dtype=np.float32)
    unpack(model, vector)
    assert pack(model).tobytes() == vector.tobytes()


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda vector: vector[:-1], "shape"),
        (lambda vector: np.append(vector, np.float32(0)), "shape"),
        (lambda vector: vector.reshape(1, -1), "shape"),
        (lambda vector: vector.astype(np.float64), "float64"),
        (lambda vector: vector.astype(np.float16), "float16"),
        (lambda vector: vector.astype(">f4"), "not float32"),
        (lambda vector: np.where(np.arange(len(vector)) == 3, np.float32("nan"), vector), "1 of"),
        (lambda vector: np.where(np.arange(len(vector)) > 3, np.float32("inf"), vector), "not finite"),
    ],
)
def test_a_vector_that_does_not_fit_is_refused(spoil, says):
    model = fusion_model()
    before = pack(model)
    with pytest.raises(FedchemoError, match=says) as caught:
        unpack(model, spoil(before + np.float32(1)))
    assert caught.value.code == "FC305"
    assert pack(model).tobytes() == before.tobytes()
