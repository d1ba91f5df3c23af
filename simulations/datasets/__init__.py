"""Data sets that can be split into virtual hospitals."""
