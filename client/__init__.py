"""What runs inside a hospital."""

# Before anything in this room can import Flower: `shared` switches its calls home off.
import fedchemo.shared  # noqa: F401
