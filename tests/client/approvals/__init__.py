"""Tests of client.approvals."""
