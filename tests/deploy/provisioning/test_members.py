"""Hospitals come and go without touching the others, and no key speaks for two."""

from __future__ import annotations

import datetime as dt
import stat

import pytest

from fedchemo.deploy.provisioning.members import add, approve, revoke
from fedchemo.shared.errors import FedchemoError
from fedchemo.shared.keys import new_key, public_openssh
from fedchemo.shared.kit import read_kit
from fedchemo.shared.signing_request import read_request, write_request

NOW = dt.datetime.now(dt.UTC)


def contents(folder) -> dict[str, bytes]:
    """Every file but the lock."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name != ".lock"
    }


def request(tmp_path, site, key, federation="breast"):
    write_request(tmp_path / "a.request", federation=federation, site=site, key=key, now=NOW)
    return read_request(tmp_path / "a.request")


def code_of(call, *arguments, **options) -> str:
    with pytest.raises(FedchemoError) as caught:
        call(*arguments, **options)
    return caught.value.code


def test_a_hospital_joins_later_and_the_others_do_not_notice(fed, authority):
    before = contents(fed.path)
    add(fed, authority, ["NEW"], days=90)
    after = contents(fed.path)
    assert set(after) - set(before) == {"kits/NEW.kit"}
    changed = {name for name in before if after[name] != before[name]}
    assert changed == {"roster.toml", "roster-seen.toml"}
    kit, roster = read_kit(fed.kit("NEW")), fed.read_roster()
    assert roster.members["NEW"] == kit.public_key
    assert (roster.serial, set(roster.members)) == (2, {"AAI", "AAN", "NEW"})
    assert stat.S_IMODE(fed.kit("NEW").stat().st_mode) == 0o600


def test_a_request_is_answered_with_a_kit_without_a_private_key(fed, authority, tmp_path):
    key = new_key()
    kit = approve(fed, authority, request(tmp_path, "NEW", key), days=90)
    assert b"PRIVATE" not in fed.kit("NEW").read_bytes()
    assert not kit.secret
    assert fed.read_roster().members["NEW"] == kit.public_key == public_openssh(key.public_key())
    assert read_kit(fed.kit("NEW"), key=key).key() is key
    with pytest.raises(FedchemoError, match="FC518"):
        read_kit(fed.kit("NEW")).key()
    with pytest.raises(FedchemoError, match="FC518"):
        read_kit(fed.kit("NEW"), key=new_key())


def test_a_revoked_hospital_is_listed_and_its_key_never_comes_back(fed, authority, tmp_path):
    key = new_key()
    approve(fed, authority, request(tmp_path, "NEW", key), days=90)
    roster = revoke(fed, authority, ["NEW", "AAN"])
    assert set(roster.members) == {"AAI"}
    assert set(roster.revoked_keys.values()) == {"NEW", "AAN"}
    assert fed.read_roster() == roster
    assert not fed.kit("NEW").exists()
    assert code_of(approve, fed, authority, request(tmp_path, "NEW", key), days=90) == "FC513"
    assert code_of(approve, fed, authority, request(tmp_path, "OTHER", key), days=90) == "FC513"


def test_a_revoked_hospital_may_come_back_with_another_key(fed, authority, tmp_path):
    revoke(fed, authority, ["AAI"])
    approve(fed, authority, request(tmp_path, "AAI", new_key()), days=90)
    revoke(fed, authority, ["AAI"])
    (kit,) = add(fed, authority, ["AAI"], days=90)
    roster = fed.read_roster()
    assert roster.members["AAI"] == kit.public_key
    assert list(roster.revoked_keys.values()) == ["AAI", "AAI"]


def test_every_member_may_be_revoked(fed, authority):
    assert revoke(fed, authority, ["AAI", "AAN"]).members == {}
    assert fed.read_roster().site == ()


@pytest.mark.parametrize(
    ("sites", "code"),
    [(["AAI"], "FC519"), (["aai"], "FC519"), (["X", "x"], "FC505"), (["../x"], "FC505")],
)
def test_a_name_is_one_hospitals(fed, authority, sites, code):
    before = contents(fed.path)
    assert code_of(add, fed, authority, ["FINE", *sites], days=90) == code
    assert contents(fed.path) == before


def test_two_members_with_one_key_are_refused(fed, authority, tmp_path):
    key = new_key()
    approve(fed, authority, request(tmp_path, "NEW", key), days=90)
    before = contents(fed.path)
    assert code_of(approve, fed, authority, request(tmp_path, "TWIN", key), days=90) == "FC513"
    assert code_of(approve, fed, authority, request(tmp_path, "NEW", key), days=90) == "FC519"
    assert code_of(approve, fed, authority, request(tmp_path, "AAI", new_key()), days=90) == "FC519"
    assert contents(fed.path) == before


def test_a_request_to_another_federation_is_refused(fed, authority, tmp_path):
    wish = request(tmp_path, "NEW", new_key(), federation="lung")
    assert code_of(approve, fed, authority, wish, days=90) == "FC512"


def test_only_a_member_can_be_revoked(fed, authority):
    before = contents(fed.path)
    assert code_of(revoke, fed, authority, ["AAI", "NOBODY"]) == "FC514"
    assert contents(fed.path) == before


def test_nothing_is_put_into_a_folder_that_is_no_federations(fed, authority, tmp_path):
    (tmp_path / "photos").mkdir()
    other = type(fed)(tmp_path / "photos")
    assert code_of(add, other, authority, ["NEW"], days=90) == "FC503"
    assert list(other.path.iterdir()) == []


def test_two_commands_at_once_both_take_effect(fed, authority):
    import threading

    names = [f"S{number}" for number in range(8)]
    threads = [
        threading.Thread(target=add, args=(fed, authority, [name]), kwargs={"days": 9}) for name in names
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    roster = fed.read_roster()
    assert set(names) <= set(roster.members)
    assert roster.serial == 1 + len(names)
    assert {path.stem for path in fed.path.glob("kits/*.kit")} == set(roster.members)
