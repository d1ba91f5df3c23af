"""Tests of client.ledger."""
