"""The commands that a hospital runs."""
