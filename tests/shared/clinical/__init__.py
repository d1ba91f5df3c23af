"""Tests of shared/clinical."""
