"""One round on a GPU agrees with the CPU; needs torch and MONAI but no Flower."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest
import torch

from fedchemo.client.training.loop import predict, train_round
from fedchemo.client.training.placement import DeviceImages, on_device
from fedchemo.shared.configuration import ImagingSettings, ModelSettings, TrainingSettings
from fedchemo.shared.model.packing import pack
from tests.client.training.made import CPU, cohort, model

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device on this machine"),
]
CUDA = torch.device("cuda")
GRID = 48


def one_round(device, settings, data, *, grid=GRID, round_number=1):
    """Return the trained model, its update and its result."""
    trained = model(imaging=ImagingSettings(grid=grid), settings=ModelSettings())
    start = pack(trained).astype(np.float64)
    result = train_round(
        trained, data, settings, augment=True, seed=0, site="A", round_number=round_number, device=device
    )
    return trained, pack(trained) - start, result


@pytest.fixture
def say(capsys):
    """Print figures to the terminal, whether or not the test passes."""

    def show(line):
        with capsys.disabled():
            print(f"\n{line}")  # noqa: T201

    return show


def placed(data):
    return replace(data, images=on_device(data.images, CUDA))


@pytest.mark.parametrize(("autocast", "tolerance"), [("off", 0.01), ("auto", 0.1)])
def test_a_round_agrees_with_the_cpu(autocast, tolerance, say):
    """The update's distance from the CPU's is measured against its length.

    With SGD, because AdamW turns a rounding error in a gradient near zero into a whole step.
    """
    data = cohort(16, imaged=1.0, grid=GRID, signal=1.0)
    settings = TrainingSettings(optimizer="sgd", learning_rate=0.05, batch_size=8, autocast=autocast)
    _, expected, on_cpu = one_round(CPU, settings, data)
    _, found, on_gpu = one_round(CUDA, settings, placed(data))
    distance = np.linalg.norm(found - expected) / np.linalg.norm(expected)
    say(f"{autocast}: relative distance {distance:.5f}, loss {on_gpu.loss:.5f} against {on_cpu.loss:.5f}")
    assert distance < tolerance
    assert on_gpu.loss == pytest.approx(on_cpu.loss, abs=tolerance / 10)


def test_prediction_agrees_with_the_cpu():
    data = cohort(16, grid=GRID)
    trained = model(imaging=ImagingSettings(grid=GRID), settings=ModelSettings(), gate=0.05)
    expected = predict(trained, data, batch_size=8, device=CPU)
    found = predict(trained, placed(data), batch_size=8, device=CUDA)
    np.testing.assert_allclose(found, expected, atol=5e-3)


def test_images_stay_on_the_device():
    data = placed(cohort(16, imaged=1.0, grid=GRID))
    assert isinstance(data.images, DeviceImages)
    one_round(CUDA, TrainingSettings(), data)
    assert data.images.kept == 16
    assert data.images.batch(data.patients[:2]).device.type == "cuda"


def test_images_are_streamed_where_there_is_no_room():
    data = cohort(16, imaged=1.0, grid=GRID)
    streamed = DeviceImages(data.images, CUDA, has_room=lambda _device: False)
    settings = TrainingSettings(optimizer="sgd", autocast="off")
    _, expected, _ = one_round(CUDA, settings, placed(data))
    _, found, _ = one_round(CUDA, settings, replace(data, images=streamed))
    assert streamed.kept == 0
    assert np.linalg.norm(found - expected) / np.linalg.norm(expected) < 0.01


def test_speed_and_memory(say):
    """Prints samples a second and peak memory of a round in bfloat16, images on the device."""
    data = placed(cohort(128, imaged=1.0, grid=GRID))
    settings = TrainingSettings(batch_size=32)
    one_round(CUDA, settings, data)
    torch.cuda.reset_peak_memory_stats()
    torch.cuda.synchronize()
    started = time.perf_counter()
    _, _, result = one_round(CUDA, settings.model_copy(update={"local_epochs": 4}), data, round_number=2)
    torch.cuda.synchronize()
    seconds = time.perf_counter() - started
    say(
        f"{torch.cuda.get_device_name()}: {result.examples / seconds:.0f} samples a second at "
        f"{GRID}x{GRID}x{GRID}x3, peak memory {torch.cuda.max_memory_allocated() / 2**20:.0f} MB"
    )
    assert np.isfinite(result.loss)
