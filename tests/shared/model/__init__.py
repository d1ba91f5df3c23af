"""Tests of fedchemo.shared.model."""
