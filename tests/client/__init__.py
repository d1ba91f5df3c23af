"""Tests of fedchemo.client."""
