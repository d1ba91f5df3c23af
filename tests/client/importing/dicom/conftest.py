"""What several tests of DICOM need."""

from __future__ import annotations

import pytest

from tests.client.importing.dicom.made import Study


@pytest.fixture
def study(tmp_path) -> Study:
    """A patient's first examination, to be written below a folder of its own."""
    return Study(tmp_path / "export")
