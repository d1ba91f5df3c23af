"""A run folder has one writer, survives a full or read-only disk, and is never lost to a run that does not begin."""

from __future__ import annotations

import errno
import os

import pytest

from fedchemo.client.approvals import Proposal
from fedchemo.server.rounds.terms import Terms
from fedchemo.server.run_folder import RunFolder
from fedchemo.shared.configuration import RunConfiguration, SiteConfiguration, StrategySettings
from fedchemo.shared.errors import FedchemoError
from fedchemo.shared.wire.messages import StatisticsRequest

FINGERPRINT = "a" * 64
CONFIGURATION = RunConfiguration(
    name="trial 7",
    purpose='with "quotes", a backslash \\ and ünïcode',
    site=SiteConfiguration(seed=2**62 + 1),
    strategy=StrategySettings(name="fedadam", server_learning_rate=0.1 + 0.2),
    wait_s=1e-7,
)


def begun(path, **options):
    folder = RunFolder(path, **options)
    folder.origin = {"command": "server", "federation": "/somewhere", "port": None}
    folder.write_configuration(CONFIGURATION, FINGERPRINT)
    return folder


def test_what_a_run_was_begun_with_is_read_back_exactly(tmp_path):
    begun(tmp_path / "run").release()
    read = RunFolder.reopen(tmp_path / "run").read_begun()
    assert read.configuration == CONFIGURATION
    assert read.fingerprint == FINGERPRINT
    assert read.digest == read.written
    assert read.origin == {"command": "server", "federation": "/somewhere"}
    assert read.other_versions() == []


def test_a_resumed_run_asks_a_hospital_for_nothing_new(tmp_path):
    """What a hospital has approved is this run by all that its approval goes by."""
    begun(tmp_path / "run").release()
    read = RunFolder.reopen(tmp_path / "run").read_begun()
    before, after = (
        Proposal.of(Terms(one.name, fingerprint, one.site, one.purpose).request(StatisticsRequest))
        for one, fingerprint in ((CONFIGURATION, FINGERPRINT), (read.configuration, read.fingerprint))
    )
    assert before.identity == after.identity
    assert before.subject == after.subject


def test_a_folder_has_one_writer(tmp_path):
    held = begun(tmp_path / "run")
    with pytest.raises(FedchemoError, match="FC409"):
        RunFolder.reopen(tmp_path / "run")
    with pytest.raises(FedchemoError, match="FC409"):
        RunFolder(tmp_path / "run", overwrite=True)
    assert held.begun, "it is still there"
    held.release()
    RunFolder.reopen(tmp_path / "run").release()


def test_a_run_that_cannot_begin_gives_back_the_one_it_would_replace(tmp_path):
    begun(tmp_path / "run").release()
    (tmp_path / "run" / "mark").touch()
    with pytest.raises(KeyError), RunFolder(tmp_path / "run", overwrite=True).begun_or_removed():
        raise KeyError
    assert (tmp_path / "run" / "mark").exists()
    RunFolder.reopen(tmp_path / "run").release()


def test_runs_that_are_killed_before_they_begin_do_not_cost_the_old_one(tmp_path):
    begun(tmp_path / "run").release()
    (tmp_path / "run" / "mark").touch()
    for _ in range(3):  # each ends without a chance to tidy up
        RunFolder(tmp_path / "run", overwrite=True).release()
    with pytest.raises(FedchemoError, match=r"FC404.*start it anew"):
        RunFolder.reopen(tmp_path / "run")
    with pytest.raises(KeyError), RunFolder(tmp_path / "run", overwrite=True).begun_or_removed():
        raise KeyError
    assert (tmp_path / "run" / "mark").exists()


def test_the_least_that_a_killed_run_leaves_can_be_overwritten(tmp_path):
    (tmp_path / "run" / "rounds").mkdir(parents=True)
    begun(tmp_path / "run", overwrite=True)


def test_files_that_are_no_run_are_never_overwritten(tmp_path):
    (tmp_path / "thesis.txt").touch()
    with pytest.raises(FedchemoError, match="FC003"):
        RunFolder(tmp_path, overwrite=True)
    assert (tmp_path / "thesis.txt").exists()


@pytest.mark.parametrize("length", [0, 10, 100_000])
@pytest.mark.parametrize("before", [b"", b'{"event": "a"}\n{"event": "b"}\n'])
def test_half_a_line_of_events_is_cut_off(tmp_path, before, length):
    folder = begun(tmp_path / "run")
    folder.events.write_bytes(before + b"x" * length)
    folder.release()
    assert RunFolder.reopen(tmp_path / "run").events.read_bytes() == before


def test_drafts_of_a_crash_are_swept(tmp_path):
    begun(tmp_path / "run").release()
    drafts = [tmp_path / "run" / ".model.json.x.part", tmp_path / "run" / "rounds" / ".0001.json.y.part"]
    for draft in drafts:
        draft.touch()
    RunFolder.reopen(tmp_path / "run").release()
    assert not any(draft.exists() for draft in drafts)


def test_a_damaged_configuration_is_a_numbered_error(tmp_path):
    begun(tmp_path / "run").release()
    (tmp_path / "run" / "federation.toml").write_text("fingerprint = ")
    with pytest.raises(FedchemoError, match="FC404"):
        RunFolder.reopen(tmp_path / "run").read_begun()


def test_a_read_only_folder_is_a_numbered_error_and_nothing_changes(tmp_path, monkeypatch):
    begun(tmp_path / "run").release()
    before = {path: path.read_bytes() for path in (tmp_path / "run").rglob("*") if path.is_file()}
    real = os.open

    def refusing(path, flags, *rest, **more):
        # Whoever runs the tests may be allowed to write anywhere, so the refusal is the test's own.
        if flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT) and str(path).startswith(str(tmp_path)):
            raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))
        return real(path, flags, *rest, **more)

    monkeypatch.setattr(os, "open", refusing)
    with pytest.raises(FedchemoError, match=r"FC004.*Read-only"):
        RunFolder.reopen(tmp_path / "run")
    monkeypatch.undo()
    assert {path: path.read_bytes() for path in (tmp_path / "run").rglob("*") if path.is_file()} == before


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="the superuser may write anywhere")
def test_a_folder_without_write_permission_is_a_numbered_error(tmp_path):
    begun(tmp_path / "run").release()
    (tmp_path / "run" / "rounds").chmod(0o500)
    (tmp_path / "run" / "rounds" / ".lock").unlink(missing_ok=True)
    with pytest.raises(FedchemoError, match="FC004"):
        RunFolder.reopen(tmp_path / "run")
