"""The coordinator's half of Flower's Fleet API: the only place in this room that touches flwr's internals."""

from fedchemo.shared.quiet import silence_flower

silence_flower()  # before the modules of this package import flwr
