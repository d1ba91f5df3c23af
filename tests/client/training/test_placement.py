"""Images on a device are the images of their source, read once where there is room."""

import pytest
import torch

from fedchemo.client.training.placement import DeviceImages, on_device
from tests.client.training.made import CPU, MemoryImages


@pytest.fixture
def source():
    # fp16 values, as a cache of prepared images gives them.
    return MemoryImages({p: torch.full((3, 2, 2, 2), i + 0.1).half().float() for i, p in enumerate("abcd")})


def test_the_cpu_needs_no_second_copy(source):
    assert on_device(source, CPU) is source


def test_a_batch_is_the_sources_batch_in_its_order(source):
    images = DeviceImages(source, CPU, has_room=lambda _device: True)
    for patients in (["a", "c"], ["d", "c", "a"], ["b"], ["c", "c"]):
        found = images.batch(patients)
        assert found.dtype == torch.float32
        assert torch.equal(found, torch.stack([source.images[patient] for patient in patients]))


def test_the_source_is_read_once_a_patient(source):
    images = DeviceImages(source, CPU, has_room=lambda _device: True)
    for _ in range(3):
        images.batch(["a", "b"])
        images.batch(["b", "c"])
    assert source.asked == [["a", "b"], ["c"]]
    assert images.kept == 3


def test_without_room_the_rest_is_read_each_time(source):
    images = DeviceImages(source, CPU, has_room=lambda _device: images.kept < 2)
    for _ in range(2):
        images.batch(["a", "b"])
        assert torch.equal(images.batch(["c", "a"])[0], source.images["c"])
    assert source.asked == [["a", "b"], ["c"], ["c"]]
    assert images.kept == 2


def test_it_contains_what_the_source_contains(source):
    images = DeviceImages(source, CPU)
    assert "a" in images
    assert "x" not in images


def test_what_a_caller_does_to_a_batch_stays_with_the_caller(source):
    images = DeviceImages(source, CPU, has_room=lambda _device: True)
    images.batch(["a"]).zero_()
    images.batch(["a"]).zero_()
    assert torch.equal(images.batch(["a"])[0], source.images["a"])


def test_a_kept_image_keeps_nothing_else_alive(source):
    images = DeviceImages(source, CPU, has_room=lambda _device: True)
    images.batch(["a", "b", "c", "d"])
    assert {image.untyped_storage().nbytes() for image in images._kept.values()} == {3 * 2**3 * 2}
