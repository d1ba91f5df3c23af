"""A synthetic cohort: breasts, tumours, contrast kinetics, scanners and outcomes, made from a seed."""

from fedchemo.simulations.datasets.synthetic.cohort import generate
from fedchemo.simulations.datasets.synthetic.outcome import Ceiling, ceiling

__all__ = ["Ceiling", "ceiling", "generate"]
