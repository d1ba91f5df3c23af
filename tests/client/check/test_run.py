"""What the check of a hospital says when all is well, and of each thing that is not."""

from __future__ import annotations

import datetime as dt
import os
from contextlib import closing

import filelock
import pytest

from fedchemo.client.check import computing, disk
from fedchemo.client.check.kit import check_kit
from fedchemo.client.fleet.session import FleetSession
from fedchemo.client.state_folder import StateFolder
from fedchemo.shared.errors import FedchemoError
from fedchemo.shared.wire.versions import Versions
from tests.client.check.conftest import STEP
from tests.networked import federation, kit_of
from tests.sites import write_site

pytestmark = pytest.mark.network


def test_all_well_every_part_has_a_line_and_nobody_has_joined(check, coordinator, tmp_path):
    lines = check()
    assert not lines.failing
    parts = {line.part for line in lines.found}
    assert parts == {"kit", "network", "roster", "versions", "data", "policy", "state", "disk", "computing"}
    assert f"one, outgoing: TCP to {coordinator.address}" in lines("network", "ports needed").what
    assert "this federation's" in lines("network", "TLS").what
    assert lines("network", "clock").verdict == "pass"
    assert "MB/s" in lines("network", "throughput").what
    assert "would let this site in" in lines("roster", "key").what
    assert f"fedchemo {Versions.here().fedchemo}" in lines("versions", "versions").what
    assert coordinator.sites() == {}
    assert not (tmp_path / "state").exists(), "nothing is made"


def test_what_needs_something_done_says_what(check, coordinator):
    for line in check().found:
        assert bool(line.remedy) == (line.verdict != "pass"), line


def test_no_patient_is_named(check, coordinator, site):
    (site / "clinical.csv").write_text((site / "clinical.csv").read_text().replace("A-000,", "A-001,", 1))
    lines = check(images=True)
    assert lines("data", "validation").verdict == "warn"
    assert "FC107" in lines("data", "validation").what
    assert not any("A-00" in f"{line.what} {line.remedy}" for line in lines.found)


def test_without_a_coordinator_the_rest_is_looked_at_all_the_same(check):
    lines = check()
    assert lines.failing == {"network: port"}
    assert lines("network", "port").code == "FC601"
    assert not lines.has("roster", "key")
    assert lines.has("computing", "speed")


def test_a_name_that_nobody_knows(tmp_path, check):
    fed = federation(tmp_path / "other", sites=("A",), hosts=("no-such-host.invalid",))
    lines = check(kit=fed.kit("A"))
    assert lines("network", "name").verdict == "fail"
    assert "no-such-host.invalid" in lines("network", "name").what


def test_a_kit_that_is_no_kit(check, tmp_path):
    (tmp_path / "bad.kit").write_text("nothing")
    lines = check(kit=tmp_path / "bad.kit", state=None)
    assert lines("kit", "file").code == "FC501"
    assert lines.has("data", "patients")
    assert lines.has("computing", "device")


@pytest.mark.parametrize(("days", "verdict"), [(100, "pass"), (20, "warn"), (-1, "fail")])
def test_the_days_of_a_kit(fed, days, verdict):
    kit = kit_of(fed, "A")
    now = kit.valid_until - dt.timedelta(days=days)
    kit = kit.model_copy(update={"valid_from": now - dt.timedelta(days=500)})
    (line,) = [line for line in check_kit(kit, now) if line.name == "dates"]
    assert line.verdict == verdict
    assert verdict == "fail" or str(days) in line.what


def test_a_key_that_others_may_read(check, fed):
    fed.kit("A").chmod(0o644)
    assert check()("kit", "file").code == "FC509"


def test_a_site_off_the_roster(check, coordinator, fed):
    coordinator._link.admit({})
    lines = check()
    assert lines("roster", "key").code == "FC606"
    assert "Ask the coordinator" in lines("roster", "key").remedy


def test_a_client_that_runs_is_seen_and_left_alone(check, coordinator, fed, tmp_path):
    session = FleetSession(kit_of(fed, "A"), heartbeat=10)
    node = session.activate()
    with closing(StateFolder(tmp_path / "state")):
        lines = check()
    assert "is connected now" in lines("roster", "key").what
    assert "a client is running" in lines("state", "lock").what
    assert coordinator.sites() == {"A": node}
    session.beat()


def test_versions_that_cannot_work_together(check, coordinator, monkeypatch):
    real = Versions.here()
    old = Versions("0.0.1", real.protocol - 1, real.flwr)
    monkeypatch.setattr(FleetSession, "difference", property(lambda self: _old(self, old)))
    assert check()("versions", "versions").code == "FC303"


def _old(session, site):
    from fedchemo.shared.wire.versions import difference

    return difference(site, session.coordinator)


def test_the_folder_of_another_hospital(check, tmp_path):
    other = write_site(tmp_path / "sites", "B")
    line = check(site=other)("data", "validation")
    assert (line.verdict, "FC911" in line.what) == ("fail", True)


def test_a_policy_that_is_wrong_or_demands_too_much(check, tmp_path):
    state = tmp_path / "state"
    state.mkdir(mode=0o700)
    policy = state / "policy.toml"
    policy.write_text("training_patients = 0\n")
    policy.chmod(0o600)
    assert check()("policy", "file").code == "FC920"
    policy.write_text("training_patients = 500\n")
    assert check()("policy", "training").verdict == "warn"


@pytest.mark.skipif(os.name != "posix", reason="modes of POSIX")
def test_a_state_folder_that_others_may_enter(check, tmp_path):
    (tmp_path / "state").mkdir()
    (tmp_path / "state").chmod(0o755)
    assert check()("state", "folder").verdict == "warn"
    assert (tmp_path / "state").stat().st_mode & 0o777 == 0o755, "nothing is changed"


def test_a_state_folder_that_is_a_file(check, tmp_path):
    (tmp_path / "state").write_text("")
    assert check()("state", "folder").verdict == "fail"


def test_a_lock_is_only_tried(check, tmp_path):
    (tmp_path / "state").mkdir(mode=0o700)
    (tmp_path / "state" / "lock").touch()
    assert "free" in check()("state", "lock").what
    with filelock.FileLock(tmp_path / "state" / "lock").acquire(blocking=False):
        assert "running" in check()("state", "lock").what


@pytest.mark.parametrize(("free", "verdict"), [(10**6, "fail"), (3 * 10**6, "warn"), (10**10, "pass")])
def test_space_is_held_against_what_the_images_need(check, monkeypatch, free, verdict):
    """Two images of 3 x 48^3 half floats are 1.3 MB."""
    usage = type("Usage", (), {"free": free})()
    monkeypatch.setattr(disk.shutil, "disk_usage", lambda _folder: usage)
    assert check()("disk", "space").verdict == verdict


def test_a_device_that_does_not_work(check, monkeypatch):
    def fails(_device):
        raise FedchemoError("FC310", "cuda:7: no such device")

    monkeypatch.setattr(computing, "_step", fails)
    assert check()("computing", "device").code == "FC310"


@pytest.mark.parametrize(
    ("changes", "name", "verdict"),
    [
        ({}, "memory", "pass"),
        ({"peak": 7 * 2**30}, "memory", "warn"),
        ({"available": 0}, "memory", "pass"),
        ({}, "speed", "pass"),
        ({"seconds": 4000.0}, "speed", "warn"),
    ],
)
def test_memory_and_speed_of_a_step(check, monkeypatch, changes, name, verdict):
    monkeypatch.setattr(computing, "_step", lambda _device: {**STEP, **changes})
    assert check()("computing", name).verdict == verdict


def test_what_was_not_foreseen_is_a_line_and_hides_no_other(check, monkeypatch):
    def breaks(_device):
        raise RuntimeError("odd")

    monkeypatch.setattr(computing, "_step", breaks)
    lines = check()
    assert lines("computing", "computing").code == "FC099"
    assert lines.has("data", "patients")
