"""The device a site computes on, chosen once and explained."""

from __future__ import annotations

import contextlib
import gc
import re
from collections.abc import Iterator

import torch

from fedchemo.shared.errors import FedchemoError

OUT_OF_MEMORY = ("can't allocate memory", "not enough memory", "out of memory", "CUDNN_STATUS_ALLOC_FAILED")
"""Words of c10's CPU allocators, of the CUDA runtime and of cuDNN."""


def choose(device: str) -> tuple[torch.device, str]:
    """Return the device to compute on, and why, in words for the user.

    Args:
        device: ``auto`` (CUDA if it works, else the CPU), ``cpu``, ``cuda`` or ``cuda:N``.

    Raises:
        FedchemoError: FC310 if a device asked for by name is unknown or does not work.
    """
    if device == "cpu":
        return torch.device("cpu"), "asked for"
    if device == "auto":
        fault = _fault(torch.device("cuda"))
        if fault is None:
            _compute_as_named()
            return torch.device("cuda"), f"CUDA works: {torch.cuda.get_device_name()}"
        return torch.device("cpu"), f"CUDA is not usable: {fault}"
    if not re.fullmatch(r"cuda(:\d{1,3})?", device):
        raise FedchemoError("FC310", f"{device!r} is not a device: use auto, cpu, cuda or cuda:N")
    chosen = torch.device(device)
    fault = _fault(chosen)
    if fault is not None:
        raise FedchemoError("FC310", f"{device}: {fault}")
    _compute_as_named()
    return chosen, f"asked for: {torch.cuda.get_device_name(chosen)}"


@contextlib.contextmanager
def memory_named(device: torch.device, doing: str) -> Iterator[None]:
    """Give a device that runs out of memory a number and a name.

    Raises:
        FedchemoError: FC321.
    """
    try:
        yield
    except (torch.OutOfMemoryError, MemoryError) as error:
        raise _out_of_memory(device, doing, error) from error
    except RuntimeError as error:  # a CPU's memory has no class of its own in torch
        if not any(words in str(error) for words in OUT_OF_MEMORY):
            raise
        raise _out_of_memory(device, doing, error) from error


def free_memory(device: torch.device) -> None:
    """Give back what an attempt that ran out of memory has left behind."""
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()


def _out_of_memory(device: torch.device, doing: str, error: BaseException) -> FedchemoError:
    first, *_ = str(error).splitlines() or [type(error).__name__]
    return FedchemoError("FC321", f"{doing} on {device}: {first}")


def _compute_as_named() -> None:
    """Let float32 be float32: by default cuDNN rounds a convolution's float32 to TF32, 10 bits of 23.

    What is meant to be fast is computed in bfloat16, and says so.
    """
    torch.backends.cudnn.allow_tf32 = False


def _fault(device: torch.device) -> str | None:
    """Return why a trial computation fails: a driver that is too old passes every check short of that."""
    try:
        torch.ones(8, device=device).sum().item()
    except (AssertionError, RuntimeError) as error:
        first, *_ = str(error).splitlines() or [type(error).__name__]
        return first
    return None
