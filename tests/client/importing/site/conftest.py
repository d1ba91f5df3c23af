"""A small hospital that a test may change."""

from __future__ import annotations

import pytest

from tests.client.importing.site.made import write_hospital


@pytest.fixture
def hospital(tmp_path):
    """Eight patients, five of them with images."""
    return write_hospital(tmp_path)
