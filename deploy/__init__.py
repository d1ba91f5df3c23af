"""How a federation is provisioned and deployed."""

# Before anything in this room can import Flower: `shared` switches its calls home off.
import fedchemo.shared  # noqa: F401
