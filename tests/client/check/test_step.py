"""The real step in its own process, and the ways in which it may end."""

from __future__ import annotations

import signal
import subprocess

import pytest
import torch

from fedchemo.client.check import computing
from fedchemo.client.check.step import step
from fedchemo.shared.configuration import SiteConfiguration
from fedchemo.shared.errors import FedchemoError


def test_a_step_of_the_real_model_on_the_processor():
    told = computing._step("cpu")
    assert told["device"] == "cpu"
    assert told["parameters"] > 900_000
    assert told["batch"] == SiteConfiguration().training.batch_size
    assert 0 < told["seconds"] < 60
    assert told["peak"] > 2**26


def test_a_device_that_is_none_has_its_number():
    with pytest.raises(FedchemoError, match="FC310"):
        step("abacus")


@pytest.mark.parametrize(
    ("status", "output", "code"),
    [(-signal.SIGKILL, "", "FC321"), (-signal.SIGSEGV, "", "FC310"), (1, "{", "FC310"), (0, "", "FC310")],
)
def test_a_process_that_dies_is_a_line(monkeypatch, status, output, code):
    done = subprocess.CompletedProcess([], status, output, "driver says no")
    monkeypatch.setattr(computing.subprocess, "run", lambda *_, **__: done)
    with pytest.raises(FedchemoError, match=code):
        computing._step("cuda")


def test_a_step_that_hangs_is_a_line(monkeypatch):
    def hangs(*_, **__):
        raise subprocess.TimeoutExpired("step", 300)

    monkeypatch.setattr(computing.subprocess, "run", hangs)
    with pytest.raises(FedchemoError, match="FC310"):
        computing._step("cuda")


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device on this machine")
def test_a_step_on_a_gpu_tells_its_memory():
    told = computing._step("cuda")
    assert told["device"] == "cuda"
    assert 2**26 < told["peak"] < told["available"]
