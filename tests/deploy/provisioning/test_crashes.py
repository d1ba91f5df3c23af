"""A power cut in the middle of any change leaves the whole old federation or the whole new one."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from fedchemo.deploy.provisioning.members import add, revoke
from fedchemo.deploy.provisioning.renewal import renew
from fedchemo.shared.federation import FederationFolder
from fedchemo.shared.kit import read_kit

CRASHED = 9
# Whatever changes the disk goes through one of these.
CALLS = ("open", "replace", "rename", "unlink", "mkdir", "fsync", "chmod")


def crashing(call: Callable[[], object], at: int) -> bool:
    """Make a call in a process that dies before its ``at``-th access to the disk; return whether it died."""
    child = os.fork()
    if child == 0:
        left = at

        def counted(original: Callable[..., object]) -> Callable[..., object]:
            def dying(*arguments: object, **options: object) -> object:
                nonlocal left
                left -= 1
                if left < 0:
                    os._exit(CRASHED)  # as a power cut: no clean-up of any kind
                return original(*arguments, **options)

            return dying

        for name in CALLS:
            setattr(os, name, counted(getattr(os, name)))
        try:
            call()
        except BaseException:  # noqa: BLE001 - a fork must not run pytest's end
            os._exit(1)
        os._exit(0)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert status in {0, CRASHED}
    return status == CRASHED


def state(folder: FederationFolder) -> dict[str, bytes]:
    """Read the folder as a coordinator does, check that it is of one piece, and return its content."""
    folder.read_settings()
    roster = folder.read_roster()
    kits = {path.stem: read_kit(path) for path in folder.path.glob("kits/*.kit")}
    assert {site: kit.public_key for site, kit in kits.items()} == roster.members
    assert all(kit.valid_until == roster.member(site).until for site, kit in kits.items())
    key = serialization.load_pem_private_key(folder.server_key.read_bytes(), None)
    certificate = x509.load_pem_x509_certificate(folder.server_certificate.read_bytes())
    assert certificate.public_key() == key.public_key()
    assert not (folder.path / ".change").exists()
    return {
        str(path.relative_to(folder.path)): path.read_bytes()
        for path in folder.path.rglob("*")
        if path.is_file() and path.suffix != ".part" and path.name != ".lock"
    }


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize(("operation", "step"), [("add", 3), ("revoke", 1), ("renew", 4)])
def test_a_crash_leaves_the_old_state_or_the_new_one(fed, authority, tmp_path, operation, step):
    calls = {
        "add": lambda folder: add(folder, authority, ["NEW"], days=9),
        "revoke": lambda folder: revoke(folder, authority, ["AAI"]),
        "renew": lambda folder: renew(folder, authority, days=400),
    }
    before, found = state(fed), []
    for at in range(0, 1000, step):
        copy = FederationFolder(shutil.copytree(fed.path, tmp_path / str(at)))
        died = crashing(lambda copy=copy: calls[operation](copy), at)
        after = state(copy)
        changed = copy.read_roster().serial == 2
        assert changed or after == before
        found.append(changed)
        if not died:
            break
    assert found == sorted(found), "from the point on at which the change is decided, it always takes effect"
    assert 1 < found.index(True) < len(found) - 2


def test_what_a_crash_left_is_swept_up(fed, authority, monkeypatch):
    drafts = [fed.path / ".roster.toml.abc.part", fed.kit("x").parent / ".AAI.kit.abc.part"]
    for draft in drafts:
        draft.write_text("secret")
        os.utime(draft, (time.time() - 60,) * 2)
    add(fed, authority, ["NEW"], days=9)
    assert not any(draft.exists() for draft in drafts)
