"""Tests of fedchemo.shared."""
