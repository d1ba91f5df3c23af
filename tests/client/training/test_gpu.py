"""One round on a GPU agrees with the CPU; needs torch and MONAI but no Flower."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn.functional import interpolate

from fedchemo.client.training.device import choose
from fedchemo.client.training.loop import predict, train_round
from fedchemo.client.training.placement import DeviceImages, on_device
from fedchemo.shared.configuration import ImagingSettings, ModelSettings, TrainingSettings
from fedchemo.shared.model.packing import pack
from tests.client.training.made import CPU, MemoryImages, cohort, model

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device on this machine"),
]
CUDA = torch.device("cuda")
GRID = 48


@pytest.fixture(autouse=True)
def _chosen():
    """Choose the device as a client does."""
    choose("cuda")


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


def smooth(n, seed=0):
    """Return patients whose images have structures of some voxels; a mean over white noise tells nothing."""
    data = cohort(n, imaged=1.0, grid=GRID, seed=seed)
    stream = torch.Generator().manual_seed(seed)
    images = {}
    for patient, responds in zip(data.patients, data.labels, strict=True):
        coarse = torch.randn((1, 3, 6, 6, 6), generator=stream)
        image = interpolate(coarse, size=(GRID,) * 3, mode="trilinear", align_corners=False)[0]
        image[1, GRID // 2 :] += float(responds)
        images[patient] = image.half().float()  # rounded as the cache rounds them
    return replace(data, images=MemoryImages(images))


def probabilities(trained, data, device):
    return 1 / (1 + np.exp(-predict(trained, data, batch_size=8, device=device)))


def placed(data):
    return replace(data, images=on_device(data.images, CUDA))


def test_a_step_in_float32_agrees_with_the_cpu(say):
    """The update's distance from the CPU's, against its length.

    One step, since what the first rounds differently the next ones multiply; with SGD, because AdamW turns a
    rounding error in a gradient near zero into a whole step.
    """
    settings = TrainingSettings(
        optimizer="sgd", learning_rate=0.05, batch_size=8, local_steps=1, autocast="off"
    )
    data = smooth(16)
    _, expected, on_cpu = one_round(CPU, settings, data)
    _, found, on_gpu = one_round(CUDA, settings, placed(data))
    distance = np.linalg.norm(found - expected) / np.linalg.norm(expected)
    say(f"one step in float32: relative distance {distance:.6f}")
    assert distance < 0.01
    assert on_gpu.loss == pytest.approx(on_cpu.loss, abs=1e-5)


@pytest.mark.parametrize("autocast", ["off", "auto"])
def test_a_round_agrees_with_the_cpu(autocast, say):
    """The model that a round ends with says of new patients what the CPU's says.

    Single weights may differ by a third: rounding every convolution to TF32's 10 bits on a CPU moves them as far.
    """
    settings = TrainingSettings(batch_size=8, autocast=autocast)
    data, others = smooth(32), smooth(32, seed=5)
    start = probabilities(model(imaging=ImagingSettings(grid=GRID), settings=ModelSettings()), others, CPU)
    on_cpu, _, expected = one_round(CPU, settings, data)
    on_gpu, _, found = one_round(CUDA, settings, placed(data))
    theirs, ours = probabilities(on_cpu, others, CPU), probabilities(on_gpu, placed(others), CUDA)
    apart, moved = np.abs(ours - theirs).mean(), np.abs(theirs - start).mean()
    say(
        f"a round, autocast {autocast}: probabilities {apart:.5f} apart (training moved them by {moved:.5f}), "
        f"loss {found.loss:.5f} against {expected.loss:.5f}"
    )
    assert apart < 0.02
    assert moved > 2 * apart
    assert found.loss == pytest.approx(expected.loss, abs=0.01)


def test_prediction_agrees_with_the_cpu():
    data = smooth(16)
    trained = model(imaging=ImagingSettings(grid=GRID), settings=ModelSettings(), gate=0.05)
    np.testing.assert_allclose(
        probabilities(trained, placed(data), CUDA), probabilities(trained, data, CPU), atol=1e-4
    )


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
