"""A federation of two hospitals, made once and copied for each test."""

from __future__ import annotations

import shutil

import pytest

from fedchemo.deploy.provisioning.authority import Authority
from fedchemo.deploy.provisioning.folder import provision
from fedchemo.deploy.provisioning.request import FederationRequest
from fedchemo.shared.federation import FederationFolder
from fedchemo.shared.passphrase import passphrase_of


@pytest.fixture(scope="session")
def first(tmp_path_factory) -> FederationFolder:
    request = FederationRequest("breast", ["fed.example"], 8443, ["AAI", "AAN"], 90)
    return provision(tmp_path_factory.mktemp("first") / "fed", request)[0]


@pytest.fixture
def fed(first, tmp_path) -> FederationFolder:
    return FederationFolder(shutil.copytree(first.path, tmp_path / "fed"))


@pytest.fixture
def authority(fed) -> Authority:
    return Authority.load(fed, passphrase=passphrase_of)
