"""Tests of fedchemo.shared.metrics."""
