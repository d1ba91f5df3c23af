"""The choice of a device says why, and a device that was asked for is never silently replaced."""

import numpy as np
import pytest
import torch

from fedchemo.client.training.device import choose, memory_named
from fedchemo.shared.errors import FedchemoError


@pytest.fixture
def broken_driver(monkeypatch):
    def refuse(*_args, device=None, **_options):
        assert torch.device(device).type == "cuda"
        msg = "the NVIDIA driver on your system is too old (found version 11040).\nPlease update."
        raise RuntimeError(msg)

    monkeypatch.setattr(torch, "ones", refuse)


def test_cpu():
    assert choose("cpu") == (torch.device("cpu"), "asked for")


@pytest.mark.usefixtures("broken_driver")
def test_auto_falls_back_and_says_why():
    device, reason = choose("auto")
    assert device == torch.device("cpu")
    assert reason == "CUDA is not usable: the NVIDIA driver on your system is too old (found version 11040)."


@pytest.mark.usefixtures("broken_driver")
@pytest.mark.parametrize("name", ["cuda", "cuda:0", "cuda:3"])
def test_a_device_asked_for_by_name_is_not_replaced(name):
    with pytest.raises(FedchemoError, match=rf"{name}: the NVIDIA driver .* too old") as caught:
        choose(name)
    assert caught.value.code == "FC310"


@pytest.fixture
def _rounding_restored():
    before = torch.backends.cudnn.allow_tf32
    yield
    torch.backends.cudnn.allow_tf32 = before


@pytest.mark.usefixtures("_rounding_restored")
@pytest.mark.parametrize("name", ["auto", "cuda"])
def test_float32_is_not_rounded_on_a_gpu(monkeypatch, name):
    on_cpu = torch.ones(8)
    monkeypatch.setattr(torch, "ones", lambda *_sizes, **_options: on_cpu)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda *_: "Some GPU")
    torch.backends.cudnn.allow_tf32 = True
    choose(name)
    assert not torch.backends.cudnn.allow_tf32


@pytest.mark.usefixtures("_rounding_restored")
def test_auto_takes_a_device_that_works(monkeypatch):
    on_cpu = torch.ones(8)
    monkeypatch.setattr(torch, "ones", lambda *_sizes, **_options: on_cpu)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda *_: "Some GPU")
    assert choose("auto") == (torch.device("cuda"), "CUDA works: Some GPU")
    assert choose("cuda:1") == (torch.device("cuda:1"), "asked for: Some GPU")


@pytest.mark.parametrize("name", ["", "gpu", "cuda:", "cuda:-1", "cuda:x", "CPU", "mps", "cuda:0\n"])
def test_an_unknown_name_is_refused(name):
    with pytest.raises(FedchemoError, match="is not a device") as caught:
        choose(name)
    assert caught.value.code == "FC310"


def test_running_out_of_memory_has_a_number():
    with (
        pytest.raises(FedchemoError, match=r"training on cuda:1: Tried to allocate 2 GiB\.$") as caught,
        memory_named(torch.device("cuda:1"), "training"),
    ):
        raise torch.OutOfMemoryError("Tried to allocate 2 GiB.\nSee documentation")
    assert caught.value.code == "FC321"


@pytest.mark.parametrize(
    "allocate",
    [
        lambda: torch.empty(2**50),
        lambda: np.empty(2**50),
        lambda: exec("raise RuntimeError('CUDA error: out of memory')"),
    ],
)
def test_whatever_raises_it(allocate):
    with pytest.raises(FedchemoError, match="FC321"), memory_named(torch.device("cpu"), "training"):
        allocate()


def test_other_failures_keep_their_name():
    with pytest.raises(ZeroDivisionError), memory_named(torch.device("cpu"), "training"):
        raise ZeroDivisionError
    with pytest.raises(RuntimeError, match="size mismatch"), memory_named(torch.device("cpu"), "training"):
        raise RuntimeError("size mismatch")
