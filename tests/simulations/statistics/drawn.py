"""Patients whose scores look like those of a model with an AUC near .72, in hospitals that differ."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st

from fedchemo.shared.randomness import numpy_stream

# No deadline: tests run side by side, and a moment without a core is no failure.
CALM = settings(deadline=None, max_examples=40)


@dataclass(frozen=True)
class Patients:
    scores: np.ndarray
    others: np.ndarray
    labels: np.ndarray
    sites: np.ndarray


def patients(seed: int = 0, n: int = 400, *, sites: int = 12, decimals: int = 12) -> Patients:
    """``others`` is the same model with noise: a little worse, and correlated."""
    stream = numpy_stream(seed, "test", "statistics", n)
    places = np.sort(stream.choice(sites, size=n, p=stream.dirichlet(np.full(sites, 3.0))))
    logits = 0.9 * stream.normal(size=n) - 0.8
    labels = stream.random(n) < expit(logits + 0.4 * stream.normal(size=sites)[places])
    noisy = logits + 0.5 * stream.normal(size=n)
    names = np.array([f"S{place:02d}" for place in places])
    return Patients(np.round(expit(logits), decimals), np.round(expit(noisy), decimals), labels, names)


def expit(logits):
    return 1 / (1 + np.exp(-logits))


rows = st.lists(
    st.tuples(st.integers(0, 12), st.integers(0, 12), st.booleans()), min_size=4, max_size=40
).filter(lambda drawn: 2 <= sum(label for *_, label in drawn) <= len(drawn) - 2)


def arrays(drawn):
    """The rows as two models' probabilities and labels."""
    first, second, labels = (np.array(column) for column in zip(*drawn, strict=True))
    return first / 12, second / 12, labels
