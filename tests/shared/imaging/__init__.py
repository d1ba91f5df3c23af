"""Tests of shared/imaging."""
