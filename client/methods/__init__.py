"""What a site does in a round beyond plain training, for the strategies that ask for it.

| file | what it is for |
|---|---|
| `plain.py` | plain training, on which the others build; FedProx |
| `trainer.py` | the means to train that each is handed |
| `memory.py` | what a method must remember at this site, by run and round |
| `scaffold.py` | SCAFFOLD: a control variate against the drift of a site's steps |
| `feddyn.py` | FedDyn: a regulariser that moves with the run |
| `fednova.py` | FedNova: an update divided by its number of steps |
| `fedbn.py` | FedBN: norm layers stay at the site |
| `ditto.py` | Ditto: a second model, pulled towards the global one, stays at the site |
| `personal.py` | the models of its own that runs have left at this site |

A method works on packed vectors and is handed the means to train, so that each of these files reads as its paper does.
"""

from __future__ import annotations

from torch import nn

from fedchemo.client.methods.ditto import Ditto
from fedchemo.client.methods.fedbn import FedBN
from fedchemo.client.methods.feddyn import FedDyn
from fedchemo.client.methods.fednova import FedNova
from fedchemo.client.methods.memory import Memory
from fedchemo.client.methods.plain import Plain
from fedchemo.client.methods.scaffold import Scaffold
from fedchemo.shared.configuration import SiteMethodName
from fedchemo.shared.model.packing import Weights
from fedchemo.shared.wire.messages import Request

__all__ = ["Memory", "Plain", "global_part", "method_of"]

_METHODS: dict[SiteMethodName, type[Plain]] = {
    "plain": Plain,
    # What makes it cyclic is where the coordinator sends the weights next.
    "cyclic": Plain,
    "scaffold": Scaffold,
    "feddyn": FedDyn,
    "fednova": FedNova,
    "fedbn": FedBN,
    "ditto": Ditto,
}


def method_of(request: Request, memory: Memory | None, model: nn.Module) -> Plain:
    """Return the method that a request asks for.

    Args:
        request: names it, with its options.
        memory: what this site remembers of the request's run; None if it remembers nothing.
        model: says which of a vector's values are what; its own values are not read.

    Raises:
        FedchemoError: FC304 if the request's training does not suit the method, or the method must remember something
            and cannot.
    """
    return _METHODS[request.method.name](request, memory, model)


def global_part(request: Request, received: Weights) -> Weights:
    """Return the global model, float32 (parameters,), of what a training request brought.

    Raises:
        FedchemoError: FC305 if it is not what the request's method sends.
    """
    return _METHODS[request.method.name].global_part(received)
