"""A roster is the authority's newest one, or it is refused."""

from __future__ import annotations

import os
import shutil

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fedchemo.deploy.provisioning.authority import Authority
from fedchemo.deploy.provisioning.folder import provision
from fedchemo.deploy.provisioning.members import add, revoke
from fedchemo.deploy.provisioning.request import FederationRequest
from fedchemo.shared.errors import FedchemoError
from fedchemo.shared.federation import FederationFolder, RosterWatch
from fedchemo.shared.passphrase import passphrase_of

REFUSALS = {"FC503", "FC506", "FC507"}


def request(name="breast"):
    return FederationRequest(name, ["fed.example"], 8443, ["A", "B"], 90)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return provision(tmp_path_factory.mktemp("roster") / "fed", request())[0]


@pytest.fixture
def fed(whole, tmp_path):
    return FederationFolder(shutil.copytree(whole.path, tmp_path / "fed"))


@pytest.fixture
def authority(fed):
    return Authority.load(fed, passphrase=passphrase_of)


def code_of(fed) -> str:
    with pytest.raises(FedchemoError) as caught:
        fed.read_roster()
    return caught.value.code


def test_every_changed_byte_is_found(fed):
    content = fed.roster.read_bytes()
    for place in range(len(content)):
        changed = bytearray(content)
        changed[place] ^= 1
        fed.roster.write_bytes(changed)
        assert code_of(fed) in REFUSALS, content[max(0, place - 20) : place + 20]


@given(place=st.integers(0, 10_000), flip=st.integers(1, 255))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_other_byte_is_found(whole, tmp_path, place, flip):
    copy = FederationFolder(shutil.copytree(whole.path, tmp_path / "fed", dirs_exist_ok=True))
    content = bytearray(whole.roster.read_bytes())
    content[place % len(content)] ^= flip
    copy.roster.write_bytes(content)
    assert code_of(copy) in REFUSALS


def test_a_roster_cut_anywhere_is_refused(fed):
    content = fed.roster.read_bytes()
    for length in range(0, len(content), 7):
        fed.roster.write_bytes(content[:length])
        assert code_of(fed) in REFUSALS


def test_a_line_more_or_a_member_less_is_refused(fed):
    content = fed.roster.read_text()
    for changed in (content + "\n", content + "# checked\n", content.replace("[[site]]", "[[site]] ", 1)):
        fed.roster.write_text(changed)
        assert code_of(fed) == "FC507"
    first, *members = content.split("[[site]]")
    fed.roster.write_text("[[site]]".join([first, members[0]]))
    assert code_of(fed) == "FC507"


def test_the_roster_of_another_federation_is_refused(fed, tmp_path):
    other, _ = provision(tmp_path / "other", request())
    shutil.copy(other.roster, fed.roster)
    assert code_of(fed) == "FC507"


def test_a_kits_signature_does_not_serve_under_a_roster(fed):
    roster, kit = fed.roster.read_text().splitlines(), fed.kit("A").read_text().splitlines()
    fed.roster.write_text("\n".join([kit[0], *roster[1:], ""]))
    assert code_of(fed) == "FC507"
    fed.roster.write_text(fed.kit("A").read_text())
    assert code_of(fed) == "FC503"


def test_an_old_roster_put_back_is_refused_though_nobody_read_the_new_one(fed, authority):
    old = fed.roster.read_bytes()
    revoke(fed, authority, ["A"])
    fed.roster.write_bytes(old)
    assert code_of(fed) == "FC508"
    with pytest.raises(FedchemoError, match="FC508"):
        add(fed, authority, ["C"], days=9)


def test_a_coordinator_on_another_machine_remembers_by_itself(fed, authority, tmp_path):
    there = FederationFolder(shutil.copytree(fed.path, tmp_path / "there"))
    there.authority_key.unlink()
    old = fed.roster.read_bytes()
    revoke(fed, authority, ["A"])
    shutil.copy(fed.roster, there.roster)
    assert set(there.read_roster().members) == {"B"}
    there.roster.write_bytes(old)
    assert code_of(there) == "FC508"


def test_another_roster_with_the_same_number_is_refused(fed, authority, tmp_path):
    fork = FederationFolder(shutil.copytree(fed.path, tmp_path / "fork"))
    revoke(fed, authority, ["A"])
    revoke(fork, authority, ["B"])
    fed.read_roster()
    shutil.copy(fork.roster, fed.roster)
    assert code_of(fed) == "FC508"


def test_a_memory_that_cannot_be_read_is_no_free_pass(fed):
    fed.roster_memory.write_text("serial = 'a'")
    assert code_of(fed) == "FC503"


def test_a_key_named_twice_is_refused_though_signed(fed, authority):
    roster = fed.read_roster()
    first, second = roster.site
    for sites in (
        (first, second.model_copy(update={"public_key": first.public_key})),
        (first, second.model_copy(update={"name": "a"})),
    ):
        content, _ = authority.sign_roster(roster.model_copy(update={"site": sites}))
        fed.roster.write_bytes(content)
        assert code_of(fed) == "FC503"


def test_a_watch_tells_of_a_change_once(fed, authority):
    watch = RosterWatch(fed)
    assert watch.changed() is None
    revoke(fed, authority, ["A"])
    assert set(watch.changed().members) == {"B"}
    assert watch.changed() is None
    os.utime(fed.roster)
    assert watch.changed() is None, "touched, not changed"


def test_a_watch_keeps_what_holds_when_a_bad_roster_appears(fed, authority):
    watch = RosterWatch(fed)
    good = fed.roster.read_bytes()
    fed.roster.write_text("nonsense")
    with pytest.raises(FedchemoError):
        watch.changed()
    assert watch.changed() is None, "told once"
    assert set(watch.roster.members) == {"A", "B"}
    fed.roster.unlink()
    with pytest.raises(FedchemoError, match="FC503"):
        watch.changed()
    fed.roster.write_bytes(good)
    assert watch.changed() is None
    add(fed, authority, ["C"], days=9)
    assert set(watch.changed().members) == {"A", "B", "C"}


def test_a_watch_that_can_write_nothing_remembers_too(fed, authority, monkeypatch):
    from fedchemo.shared import roster as module

    def read_only(path, content, *, mode):
        raise FedchemoError("FC004", f"{path}: Read-only file system")

    old = fed.roster.read_bytes()
    add(fed, authority, ["C"], days=9)
    fed.roster_memory.unlink()
    monkeypatch.setattr(module, "write_text", read_only)
    watch = RosterWatch(fed)
    fed.roster.write_bytes(old)
    with pytest.raises(FedchemoError, match="FC508"):
        watch.changed()
    assert "C" in watch.roster.members
