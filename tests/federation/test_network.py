"""Three hospitals as processes over TLS: rounds, crashes, and what leaves in an error."""

from __future__ import annotations

import os
import time

import numpy as np
import pytest

from fedchemo.server.fleet.coordinator import Coordinator
from tests.networked import SiteProcess, by_site, federation, messages, site_processes, until

pytestmark = pytest.mark.network

RANDOM = np.random.default_rng(0).random(40_000, dtype=np.float32)


def answers(grid, weights, *, timeout=60, **config):
    return by_site(grid, grid.replies(messages(grid, weights, **config), timeout=timeout))


def test_rounds_over_tls_give_the_bits_of_the_same_sum_at_home(tmp_path):
    folder = federation(tmp_path / "fed")
    with site_processes(folder) as sites, Coordinator(folder.path) as coordinator, coordinator.grid() as grid:
        until(lambda: len(grid.sites()) == 3, what="three sites online")
        assert coordinator.sites() == grid.sites()
        weights = expected = RANDOM
        for number in range(3):
            got = answers(grid, weights, round=number)
            assert sorted(got) == ["A", "B", "C"]
            for site, update in got.items():
                np.testing.assert_array_equal(update, expected + np.float32(ord(site)))
            weights = expected = np.mean([got[site] for site in "ABC"], axis=0, dtype=np.float32)
            assert len(grid._link.store) == 0, "a round must leave nothing in memory"
        assert [process.terminate() for process in sites.values()] == [0, 0, 0]
        until(lambda: not grid.sites(), what="sites that say good-bye are offline at once")


def test_a_killed_site_costs_its_round_nothing_but_its_update_and_comes_back(tmp_path):
    folder = federation(tmp_path / "fed")
    with (
        site_processes(folder) as sites,
        Coordinator(folder.path, lost_after_s=7) as coordinator,
        coordinator.grid() as grid,
    ):
        before = until(lambda: len(grid.sites()) == 3 and grid.sites())
        got = answers(grid, RANDOM, round=1, die="B")
        assert got["B"] == "FC611"
        np.testing.assert_array_equal(got["A"], RANDOM + np.float32(ord("A")))
        np.testing.assert_array_equal(got["C"], RANDOM + np.float32(ord("C")))
        assert sorted(answers(grid, RANDOM, round=2)) == ["A", "C"], "the run goes on without it"

        sites["B again"] = SiteProcess(folder.kit("B"))
        until(lambda: len(grid.sites()) == 3, what="the restarted site")
        assert grid.sites() == before, "a site keeps its node id"
        assert sorted(answers(grid, RANDOM, round=3)) == ["A", "B", "C"]


def test_work_lost_in_a_crash_is_handed_out_again_to_the_restarted_site(tmp_path):
    folder = federation(tmp_path / "fed")
    with site_processes(folder) as sites, Coordinator(folder.path) as coordinator, coordinator.grid() as grid:
        until(lambda: len(grid.sites()) == 3)
        replies = grid.replies(messages(grid, RANDOM, slow="B", seconds=600.0), timeout=60)
        got = by_site(grid, (next(replies) for _ in range(2)))
        until(lambda: sites["B"].events.of("working"), what="B at work")
        sites["B"].kill()
        # The message is the same, and would make B slow again.
        sites["B again"] = SiteProcess(folder.kit("B"), "--fast")
        got |= by_site(grid, replies)
    assert sorted(got) == ["A", "B", "C"]
    np.testing.assert_array_equal(got["B"], RANDOM + np.float32(ord("B")))


def test_a_silent_site_is_absent_at_the_timeout_and_its_late_reply_is_refused(tmp_path):
    folder = federation(tmp_path / "fed")
    with site_processes(folder) as sites, Coordinator(folder.path) as coordinator, coordinator.grid() as grid:
        until(lambda: len(grid.sites()) == 3)
        started = time.monotonic()
        assert sorted(answers(grid, RANDOM, timeout=2, slow="C", seconds=4.0)) == ["A", "B"]
        assert time.monotonic() - started < 4, "the timeout holds"
        assert len(grid._link.store) == 0
        assert sorted(answers(grid, RANDOM, round=2)) == ["A", "B", "C"], "it is back for the next round"
        assert len(grid._link.store) == 0
        assert len(sites["C"].events.of("working")) == 2


def test_sites_find_a_restarted_coordinator_by_themselves(tmp_path):
    folder = federation(tmp_path / "fed")
    with site_processes(folder) as sites:
        for _ in range(2):
            with Coordinator(folder.path) as coordinator, coordinator.grid() as grid:
                until(lambda grid=grid: len(grid.sites()) == 3, seconds=60, what="all sites joined")
                assert sorted(answers(grid, RANDOM)) == ["A", "B", "C"]
        assert all(len(process.events.of("connected")) == 2 for process in sites.values())


@pytest.mark.parametrize(("kind", "code"), [("query.boom", "FC990"), ("query.refuse", "FC903")])
def test_nothing_of_a_failure_leaves_but_its_code(tmp_path, kind, code):
    folder = federation(tmp_path / "fed", sites=("A",))
    with (
        site_processes(folder, ("A",)) as sites,
        Coordinator(folder.path) as coordinator,
        coordinator.grid() as grid,
    ):
        until(grid.sites)
        seen = []
        put = grid._store.put
        grid._store.put = lambda object_id, content: (seen.append(content), put(object_id, content))
        (reply,) = grid.replies(messages(grid, [0], kind), timeout=30)
        assert reply.error.reason == code
        outward = b"".join(seen) + repr(reply).encode()
        assert code.encode() in outward, "the spy sees what comes in"
        assert not [
            word for word in (b"patient_042", b"private", b"patient", b"RuntimeError") if word in outward
        ]
        (failure,) = until(lambda: sites["A"].events.of("failed"))
        assert "042" in failure["what"], "the site's own log has it all"


def test_a_site_leaves_at_once_when_it_is_told_to_while_it_waits(tmp_path):
    folder = federation(tmp_path / "fed", sites=("A",))
    with site_processes(folder, ("A",)) as sites, Coordinator(folder.path) as coordinator:
        until(coordinator.sites)
        assert sites["A"].terminate(seconds=10) == 0, "the question for work would stay open for 20 s"
        assert sites["A"].end() == "", "nothing is written to the terminal that was not asked for"


def test_no_process_of_a_test_is_left_behind(tmp_path):
    folder = federation(tmp_path / "fed", sites=("A",))
    with site_processes(folder, ("A",)) as sites:
        pid = sites["A"]._process.pid
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
