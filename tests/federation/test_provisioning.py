"""Over real TLS: a hospital with its own key joins, a renewed federation goes on, a revoked hospital is out."""

from __future__ import annotations

import datetime as dt
import shutil
from pathlib import Path

import pytest
from rich.console import Console

from fedchemo.client.fleet.node import HospitalNode
from fedchemo.client.hospital import join_federation
from fedchemo.client.key_ring import KeyRing, usable
from fedchemo.deploy.provisioning.authority import Authority
from fedchemo.deploy.provisioning.members import approve, revoke
from fedchemo.deploy.provisioning.renewal import renew
from fedchemo.server.coordinate import coordinate
from fedchemo.server.fleet.coordinator import Coordinator
from fedchemo.shared.configuration import ImagingSettings, RunConfiguration, SiteConfiguration
from fedchemo.shared.errors import FedchemoError
from fedchemo.shared.kit import read_kit
from fedchemo.shared.passphrase import passphrase_of
from fedchemo.shared.signing_request import read_request, write_request
from tests.networked import federation, serving, until

pytestmark = pytest.mark.network


def never(message, context):
    raise AssertionError


@pytest.fixture
def fed(tmp_path):
    return federation(tmp_path / "fed", sites=("A",))


@pytest.fixture
def authority(fed):
    return Authority.load(fed, passphrase=passphrase_of)


def online(fed, *kits) -> set[str]:
    """Start the coordinator and a client with each kit; return who came online."""
    with Coordinator(fed.path) as coordinator:
        names = set()
        for kit in kits:
            with serving(kit, never) as (_, events):
                until(
                    lambda events=events: (
                        events.of("connected") or events.of("disconnected") or events.of("stopped")
                    )
                )
                names |= set(coordinator.sites())
        return names


def test_a_hospital_with_its_own_key_joins_without_the_authoritys_key_being_there(fed, authority, tmp_path):
    key = KeyRing(tmp_path / "own").new()
    write_request(tmp_path / "r", federation="trial", site="OWN", key=key, now=dt.datetime.now(dt.UTC))
    approve(fed, authority, read_request(tmp_path / "r"), days=9)
    fed.authority_key.unlink()
    assert online(fed, usable(read_kit(fed.kit("OWN")), tmp_path / "own"), read_kit(fed.kit("A"))) == {
        "OWN",
        "A",
    }


def test_old_and_new_kits_both_join_a_renewed_federation(fed, authority, tmp_path):
    old = usable(read_kit(fed.kit("A")), tmp_path / "state")
    fed.kit("A").unlink()
    renew(fed, authority, days=400)
    new = usable(read_kit(fed.kit("A")), tmp_path / "state")
    assert not new.secret
    assert online(fed, old) == {"A"}
    assert online(fed, new) == {"A"}


def test_a_coordinator_started_after_a_revocation_lets_the_key_in_no_more(fed, authority, tmp_path):
    kit = read_kit(Path(shutil.copy(fed.kit("A"), tmp_path)))
    revoke(fed, authority, ["A"])
    with Coordinator(fed.path) as coordinator:
        node = HospitalNode(kit, never, on_event=lambda *_: None, patience=5)
        with pytest.raises(FedchemoError, match="FC6"):
            node.run()
        assert coordinator.sites() == {}


def test_what_ends_soon_is_told_when_the_coordinator_starts_and_when_a_client_joins(fed, tmp_path):
    told: list[str] = []

    def listen(event):
        if event["event"] == "warning":
            told.append(str(event["what"]))

    configuration = RunConfiguration(
        wait_s=0.1, site=SiteConfiguration(imaging=ImagingSettings(enabled=False))
    )
    with pytest.raises(FedchemoError, match="FC4"):
        coordinate(fed.path, configuration, tmp_path / "run", listeners=[listen])
    assert len(told) == 2, "the certificate and one kit, which hold 30 days"
    assert all("days" in line and "provision renew" in line for line in told)
    console = Console(record=True, width=200)
    with pytest.raises(FedchemoError, match="FC101"):
        join_federation(
            fed.kit("A"),
            tmp_path / "no site folder",
            state=tmp_path / "state",
            device="cpu",
            once=True,
            patience_s=1,
            approve_all=True,
            console=console,
        )
    assert "warning: the kit of A ends in" in console.export_text()


def test_many_kits_that_end_soon_are_counted(tmp_path):
    fed = federation(tmp_path / "many", sites=tuple(f"S{number}" for number in range(12)))
    warnings = fed.warnings(dt.datetime.now(dt.UTC))
    assert len(warnings) == 5
    assert warnings[-1] == "and 9 more kits end soon"
