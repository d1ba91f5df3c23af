"""Tests of client/cache."""
