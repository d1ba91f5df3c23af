"""How runs went is kept in the mean of folds and seeds, and of nobody's patients but those who were scored."""

from __future__ import annotations

import pandas as pd
import pytest

from fedchemo.server.run_folder import RunFolder
from fedchemo.shared.configuration import RunConfiguration, parse
from fedchemo.simulations.simulate import simulate
from fedchemo.simulations.studies.course import EVERYWHERE, convergence, left, passages, rounds
from tests.sites import SMALL, write_site

PLACE = {"variant": "as it is", "partition": "site", "privacy": "nothing demanded"}


def row(method, site, number, loss, *, patients=10, fold="fold 1", seed=0):
    return {**PLACE, "method": method, "site": site, "round": number, "log_loss": loss, "patients": patients,
            "fold": fold, "seed": seed}  # fmt: skip


def test_rounds_of_several_folds_become_one_line():
    found = convergence(
        pd.DataFrame([row("fedavg", EVERYWHERE, 1, 0.5), row("fedavg", EVERYWHERE, 1, 0.7, fold="fold 2")])
    )
    (one,) = found.to_dict("records")
    assert (one["trainings"], one["log_loss"]) == (2, pytest.approx(0.6))
    assert (one["lowest"], one["highest"]) == (0.5, 0.7)


def test_hospitals_that_train_alone_count_by_their_patients():
    found = convergence(
        pd.DataFrame(
            [row("local", EVERYWHERE, 0, 0.4, patients=30), row("local", EVERYWHERE, 0, 0.8, patients=10)]
        )
    )
    (one,) = found.to_dict("records")
    assert (one["trainings"], one["patients"], one["log_loss"]) == (1, 40, pytest.approx(0.5))


def test_a_hospital_left_out_of_a_run_does_not_count_there():
    there = {**PLACE, "method": "fedavg", "kind": "train", "answers": 10, "bytes": 500}
    found = passages(pd.DataFrame([{**there, "site": site} for site in ("north", "north", "south")]))
    told = found.set_index("site")
    assert (told.loc["north", "runs"], told.loc["south", "runs"]) == (2, 1)
    assert (told["bytes"] == 500).all()


def test_nothing_kept_is_no_table():
    assert convergence(pd.DataFrame()).empty
    assert passages(pd.DataFrame()).empty


def test_a_run_is_told_by_round_hospital_and_kind(tmp_path):
    sites = [write_site(tmp_path, name, patients=number) for name, number in {"a": 120, "small": 12}.items()]
    site = {**SMALL, "imaging": {**SMALL["imaging"], "enabled": False}}
    configuration = parse(RunConfiguration, {"name": "trial", "rounds": 2, "site": site}, source="test")
    simulate(sites, configuration, RunFolder(tmp_path / "run"), cache=tmp_path / "cache", device="cpu")
    told = rounds(tmp_path / "run")
    assert [(each["round"], each["site"]) for each in told] == [
        (number, site) for number in (0, 1, 2) for site in (EVERYWHERE, "a")
    ], "too few patients of the small hospital stand behind a score"
    answers = {(each["site"], each["kind"]): each for each in left(tmp_path / "run")}
    assert answers["a", "train"]["answers"] == 2
    assert answers["a", "train"]["bytes"] > 0
    assert ("small", "train") not in answers
