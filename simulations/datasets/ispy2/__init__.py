"""I-SPY2 from its published tables and images, as one data set of nineteen hospitals."""

from fedchemo.simulations.datasets.ispy2.load import load

__all__ = ["load"]
