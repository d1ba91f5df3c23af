"""Tests of server/rounds."""
