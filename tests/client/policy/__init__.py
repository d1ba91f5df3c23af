"""Tests of client.policy."""
