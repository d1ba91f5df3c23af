"""The statistics of studies: invariants, coverage, and other libraries."""
