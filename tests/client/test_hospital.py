"""A client's start: what it makes, what it writes down, and what it does not start with."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from fedchemo.client.hospital import join_federation
from fedchemo.client.ledger.verify import read_lines
from fedchemo.client.state_folder import StatePaths
from fedchemo.shared.errors import FedchemoError
from tests.networked import federation
from tests.sites import write_site


@pytest.fixture
def fed(tmp_path):
    return federation(tmp_path / "fed", sites=("A",))


@pytest.fixture
def join(fed, tmp_path):
    """Start a client whose coordinator is not there; return what it said."""
    site = write_site(tmp_path / "sites", "A")

    def start(code="FC601", **options):
        console = Console(width=300, record=True, file=io.StringIO())
        with pytest.raises(FedchemoError, match=code) as caught:
            join_federation(
                fed.kit("A"),
                site,
                state=tmp_path / "state",
                device="cpu",
                once=True,
                patience_s=0.01,
                console=console,
                **{"approve_all": False, **options},
            )
        return console.export_text() + caught.value.what

    return start


@pytest.fixture
def state(tmp_path):
    return StatePaths(tmp_path / "state")


def write_policy(state, text):
    state.path.mkdir(exist_ok=True)
    state.policy.write_text(text)
    state.policy.chmod(0o600)


def test_the_first_start_makes_a_policy_and_a_ledger(join, state):
    told = join()
    assert f"made {state.policy} with safe defaults" in told
    assert 'approvals = "ask"' in told
    assert [line.event for line in read_lines(state.ledger)] == ["started", "stopped"]
    assert "made" not in join()
    events = [line.event for line in read_lines(state.ledger)]
    assert events == ["started", "stopped", "started", "stopped"]


@pytest.mark.parametrize(("policy", "expected"), [("ask", "always"), ("once", "always"), ("never", "never")])
def test_approve_all_spares_the_question_and_overrules_nothing(join, state, policy, expected):
    write_policy(state, f'approvals = "{policy}"\n')
    assert f'approvals = "{expected}"' in join(approve_all=True)
    (line, _) = read_lines(state.ledger)
    assert f'approvals = "{expected}", by the option --approve-all' in line.words


def test_no_client_starts_with_a_policy_that_is_wrong(join, state):
    write_policy(state, "training_patients = 0\nimage = false\n")
    told = join("FC920")
    assert "2 problems" in told
    assert "did you mean images?" in told
    assert not state.ledger.exists()


def test_no_client_starts_with_a_ledger_that_was_changed(join, state):
    join()
    state.ledger.write_bytes(state.ledger.read_bytes().replace(b"ask", b"aks"))
    assert "was changed, moved, added" in join("FC941")


def test_no_client_starts_where_its_ledger_cannot_be_written(join, state):
    state.path.mkdir()
    (state.path / "ledger").write_text("in the way")
    join("FC940")


def test_the_state_folder_is_found_by_kit_by_name_or_because_it_is_the_only_one(fed, tmp_path, monkeypatch):
    import platformdirs

    monkeypatch.setattr(platformdirs, "user_state_dir", lambda _: str(tmp_path / "own"))
    with pytest.raises(FedchemoError, match="FC923"):
        StatePaths.find(None, None)
    for site in ("A", "B"):
        folder = StatePaths.default("trial", site)
        folder.mkdir(parents=True)
        (folder / "policy.toml").write_text("")
        if site == "A":
            assert StatePaths.find(None, None).path == folder
    with pytest.raises(FedchemoError, match="FC923"):
        StatePaths.find(None, None)
    assert StatePaths.find(None, fed.kit("A")).path == StatePaths.default("trial", "A")
    assert StatePaths.find(tmp_path, fed.kit("A")).path == tmp_path
    with pytest.raises(FedchemoError, match="FC923"):
        StatePaths.find(tmp_path / "nowhere", None)


def test_a_client_goes_through_the_proxy_that_is_named(join):
    assert "127.0.0.1:9 (--proxy)" in join("FC618", proxy="http://127.0.0.1:9")
