"""Derived random streams: every draw in a run has a generator of its own, named by what it is for.

Nothing in a round touches a global generator, so a simulated, networked, resumed or retried round draws the
same numbers whatever else runs in the process.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch


def derive(seed: int, *purpose: str | int) -> int:
    """Return a 63-bit seed for one purpose, such as ``derive(seed, "AAI", 3, "batches")``.

    The parts are length-prefixed before they are hashed with SHA-256, so ``("a", "bc")`` and ``("ab", "c")``
    differ.
    """
    digest = hashlib.sha256(str(int(seed)).encode())
    for part in purpose:
        encoded = f"{type(part).__name__}:{part}".encode()
        digest.update(len(encoded).to_bytes(4, "big") + encoded)
    return int.from_bytes(digest.digest()[:8], "big") >> 1


def numpy_stream(seed: int, *purpose: str | int) -> np.random.Generator:
    """Return a NumPy generator for one purpose (PCG64)."""
    return np.random.Generator(np.random.PCG64(derive(seed, *purpose)))


def torch_stream(seed: int, *purpose: str | int, device: str = "cpu") -> torch.Generator:
    """Return a torch generator for one purpose on one device."""
    import torch

    return torch.Generator(device=device).manual_seed(derive(seed, *purpose))
