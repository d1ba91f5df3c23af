"""Virtual hospitals: data sets, partitioners, engines, benchmarks."""

# Before anything in this room can import Flower: `shared` switches its calls home off.
import fedchemo.shared  # noqa: F401
