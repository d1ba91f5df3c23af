"""Tests of `fedchemo.client.cohort`."""
