"""How a federation is provisioned and deployed."""
