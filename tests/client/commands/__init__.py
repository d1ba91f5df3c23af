"""Tests of fedchemo.client.commands."""
