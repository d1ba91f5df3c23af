"""The benchmark of many sites simulates a whole run and tells what a round and what memory it took."""

from __future__ import annotations

from fedchemo.simulations.benchmarks.scale import ROUNDS, run, write_sites
from fedchemo.simulations.simulate import read_sites


def test_its_sites_are_sound_and_differ(tmp_path):
    cohorts = read_sites(write_sites(tmp_path, 3))
    assert [len(cohort.clinical) for cohort in cohorts] == [30, 30, 30]
    assert not [one for cohort in cohorts for one in cohort.problems if one.severity == "error"]
    assert not cohorts[0].clinical.equals(cohorts[1].clinical)


def test_a_run_gives_a_figure_for_each_round_but_the_first_and_the_last():
    found = run(4)
    assert len(found.round_s) == ROUNDS - 2
    assert 0 < found.opened_mb <= found.peak_mb
