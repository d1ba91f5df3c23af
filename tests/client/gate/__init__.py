"""Tests of client.gate."""
