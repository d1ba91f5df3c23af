"""Images prepared once, kept on this machine, and read in a fraction of a millisecond."""

from fedchemo.client.cache.images import ImageCache

__all__ = ["ImageCache"]
