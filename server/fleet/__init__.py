"""The coordinator's half of Flower's Fleet API: the only place in this room that touches flwr's internals."""

import logging

from fedchemo.shared.quiet import silence_flower

# Before the modules of this package import flwr. A late reply, or one to a coordinator that has been restarted, is an
# error in flwr's eyes; here it is an event, if it matters, and the terminal is the engineer's.
silence_flower(logging.CRITICAL)
