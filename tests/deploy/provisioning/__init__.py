"""Tests of deploy/provisioning."""
