"""What Flower's strategies remember from round to round, as named arrays, for checkpoints without pickle."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
from flwr.serverapp import strategy as flower
from flwr.serverapp.strategy.fedopt import FedOpt

from fedchemo.server.feddyn import FedDyn
from fedchemo.server.scaffold import Scaffold

Arrays = dict[str, npt.NDArray[np.generic]]

# FedAdam, FedYogi and FedAdagrad: the moments, by name of the array. FedAvgM: the momentum, as a list. SCAFFOLD and
# FedDyn: one array. What they keep of the global model they are given again at the start of each round.
_MOMENTS = ("m_t", "v_t")
_MOMENTUM = "momentum_vector"
_VECTORS: dict[type[flower.Strategy], str] = {Scaffold: "control", FedDyn: "drift"}


def state_of(strategy: flower.Strategy) -> Arrays:
    """Return all that the next round depends on beside the global model; most strategies remember nothing."""
    if isinstance(strategy, FedOpt):
        return {
            f"{attribute}/{name}": np.ascontiguousarray(array)
            for attribute in _MOMENTS
            for name, array in (getattr(strategy, attribute) or {}).items()
        }
    if isinstance(strategy, flower.FedAvgM):
        momentum = strategy.momentum_vector or []
        return {f"{_MOMENTUM}/{index}": np.ascontiguousarray(array) for index, array in enumerate(momentum)}
    attribute = _VECTORS.get(type(strategy))
    if attribute and (vector := getattr(strategy, attribute)) is not None:
        return {f"{attribute}/weights": np.ascontiguousarray(vector)}
    return {}


def restore(strategy: flower.Strategy, state: Mapping[str, npt.NDArray[np.generic]]) -> None:
    """Let a fresh strategy go on where `state_of` found another one.

    Raises:
        ValueError: if the state belongs to another strategy.
    """
    parts: dict[str, Arrays] = {}
    for name, array in state.items():
        attribute, _, key = name.partition("/")
        parts.setdefault(attribute, {})[key] = array
    known = set(_MOMENTS) if isinstance(strategy, FedOpt) else set()
    known |= {_MOMENTUM} if isinstance(strategy, flower.FedAvgM) else set()
    known |= {_VECTORS[type(strategy)]} if type(strategy) in _VECTORS else set()
    if foreign := sorted(set(parts) - known):
        msg = f"{type(strategy).__name__} has no {', '.join(foreign)}"
        raise ValueError(msg)
    for attribute, arrays in parts.items():
        match attribute:
            case "momentum_vector":
                setattr(strategy, attribute, [arrays[key] for key in sorted(arrays, key=int)])
            case "control" | "drift":
                setattr(strategy, attribute, arrays["weights"])
            case _:
                setattr(strategy, attribute, arrays)
