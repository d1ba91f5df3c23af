"""Tests of the benchmark's parts that do not depend on the clock."""
