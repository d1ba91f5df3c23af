"""A whole small study: every cell of its grid, resumed without doing anything twice, and what it says."""

from __future__ import annotations

import dataclasses
import io
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from fedchemo.shared.errors import FedchemoError
from fedchemo.shared.metrics.auc import auc, paired_difference
from fedchemo.simulations import studies
from fedchemo.simulations.studies import run
from fedchemo.simulations.studies.analysis import analyse
from fedchemo.simulations.studies.job import COLUMNS
from fedchemo.simulations.studies.run import run_study
from fedchemo.simulations.studies.settings import Method, Study
from fedchemo.simulations.studies.show import shown
from fedchemo.simulations.studies.tables import write_tables

STUDY = Study.model_validate(
    {
        "name": "small",
        "seeds": [0, 1],
        "judged": "folds",
        "folds": 2,
        "cross_site": True,
        "data": {"patients": 80, "sites": 2, "minimum_patients": 10},
        "strategy": [{"name": "fedavg"}, {"name": "fedprox", "proximal_mu": 1.0}],
        "run": {
            "rounds": 2,
            "site": {
                "imaging": {"enabled": False, "grid": 8, "augment": False},
                "model": {"widths": [4, 4, 4, 4], "norm_groups": 2},
            },
        },
    }
)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("study")


@pytest.fixture(scope="module")
def finished(place):
    told = []
    found = run_study(
        STUDY,
        place / "small",
        cache=place / "cache",
        workers=1,
        progress=lambda done, total, title: told.append((done, total, title)),
    )
    return found, told


def test_every_run_is_done_and_told_of(finished):
    found, told = finished
    # Two folds, two seeds, two strategies and two references.
    assert (found.done, found.kept, len(told)) == (16, 0, 16)
    assert sorted(done for done, *_ in told) == list(range(1, 17))
    assert {total for _, total, _ in told} == {16}


def test_every_patient_is_judged_once_by_each_method_and_seed(finished):
    predictions = finished[0].predictions
    assert tuple(predictions.columns) == COLUMNS
    own = predictions[(predictions["trained_at"] == "") | (predictions["trained_at"] == predictions["site"])]
    counts = own.groupby(["method", "seed", "patient"]).size()
    assert (counts == 1).all()
    assert set(own["method"]) == {"fedavg", "fedprox", "pooled", "local"}
    assert own.groupby(["method", "seed"])["patient"].nunique().eq(own["patient"].nunique()).all()
    assert predictions["probability"].between(0, 1).all()
    assert predictions["site"].notna().all()
    assert predictions.groupby("patient")["outcome"].nunique().eq(1).all()


def test_folder_is_closed_to_others_and_holds_no_scratch(finished):
    folder = finished[0].folder
    assert folder.stat().st_mode & 0o777 == 0o700
    assert (folder / "predictions.parquet").stat().st_mode & 0o777 == 0o600
    assert {path.name for path in folder.iterdir()} >= {"study.toml", "runs", "predictions.parquet"}
    assert not (folder / ".scratch").exists()


def test_resumed_does_nothing_twice_and_says_the_same(finished, place):
    before = finished[0].predictions
    removed = next((place / "small" / "runs").glob("*.parquet"))
    removed.unlink()
    again = run_study(STUDY, place / "small", cache=place / "cache", workers=1)
    assert (again.done, again.kept) == (1, 15)
    pd.testing.assert_frame_equal(again.predictions, before)


def test_a_study_with_more_seeds_keeps_its_runs(finished, place):
    one = STUDY.model_copy(update={"seeds": (0,), "name": "renamed"})
    again = run_study(one, place / "small", cache=place / "cache", workers=1)
    assert (again.done, again.kept) == (0, 8)
    assert set(again.predictions["seed"]) == {0}


@pytest.fixture(scope="module")
def tables(finished):
    return analyse(STUDY, finished[0].predictions, finished[0].patients, finished[0].beside)


def test_tables_hold_the_figures_of_the_predictions(finished, tables, tmp_path):
    found = finished[0]
    rows = found.predictions
    wide = {
        (method, seed): part.set_index("patient").sort_index()
        for (method, seed), part in rows[rows["trained_at"] == ""].groupby(["method", "seed"])
    }
    areas = [
        auc(wide["fedavg", seed]["probability"], wide["fedavg", seed]["outcome"]).value for seed in (0, 1)
    ]
    estimates = tables.estimates.set_index(["method", "figure"])["value"]
    assert estimates["fedavg", "auc"] == pytest.approx(np.mean(areas))
    assert estimates["clinical", "auc"] == pytest.approx(
        auc(wide["fedavg", 0]["clinical"], wide["fedavg", 0]["outcome"]).value
    )
    differences = [
        paired_difference(
            wide["fedavg", seed]["probability"],
            wide["pooled", seed]["probability"],
            wide["fedavg", seed]["outcome"],
        ).value
        for seed in (0, 1)
    ]
    compared = tables.comparisons.set_index(["first", "second"])
    assert compared.loc[("fedavg", "pooled"), "value"] == pytest.approx(np.mean(differences))
    assert set(compared.index) == {
        ("fedavg", "pooled"),
        ("fedavg", "local"),
        ("fedavg", "clinical"),
        ("fedprox", "fedavg"),
    }
    assert (compared["p_holm"] >= compared["p"]).all()
    assert set(tables.subgroups["grouping"]) == {"subtype", "age", "menopause", "vendor", "site"}
    assert len(tables.cross_site) == 4
    write_tables(tables, tmp_path)
    assert len(pd.read_csv(tmp_path / "comparisons.csv")) == 4
    assert "margin 0.02" in (tmp_path / "findings.txt").read_text()


def test_every_statistic_has_its_file(tables, tmp_path):
    write_tables(tables, tmp_path)
    files = {path.stem: pd.read_csv(path) for path in tmp_path.glob("*.csv")}
    described = (files_described := Path(studies.__file__).with_name("README.md")).read_text()
    assert all(f"`{name}.csv`" in described for name in files), files_described
    # No convergence: too few validation patients stand behind a score of these hospitals.
    assert set(files) == {
        "estimates",
        "comparisons",
        "power",
        "sites",
        "seeds",
        "subgroups",
        "gaps",
        "roc",
        "precision_recall",
        "calibration_curve",
        "decision_curve",
        "histograms",
        "cross_site",
        "left",
        "cost",
    }
    binned = files["histograms"]
    assert sorted(set(binned["bins"])) == [20, 30, 50]
    assert (binned["error_of_two"].abs() <= binned["bound_of_two"] + 1e-9).all()
    for name in ("estimates", "comparisons", "sites", "seeds", "gaps", "roc", "decision_curve"):
        assert {"variant", "partition", "privacy"} <= set(files[name])
    for name in ("roc", "precision_recall", "calibration_curve", "decision_curve"):
        assert set(files[name]["method"]) == {"fedavg", "fedprox", "local", "pooled", "clinical"}
    seeds = files["seeds"].groupby("method")["seed"].agg(list)
    assert seeds["fedavg"] == [0, 1]
    assert set(files["gaps"]["figure"]) == {"auc", "observed less predicted", "sensitivity at 0.3"}


def test_figures_of_the_files_are_those_of_the_predictions(finished, tables):
    rows = finished[0].predictions
    rows = rows[(rows["method"] == "fedavg")]
    mean = rows.groupby("patient")[["probability", "outcome"]].mean()
    curve = tables.curves["roc"].query("method == 'fedavg'")
    area = np.trapezoid(curve["true_positive_rate"], curve["false_positive_rate"])
    assert area == pytest.approx(auc(mean["probability"], mean["outcome"]).value, abs=0.02)
    assert (curve["low"] <= curve["true_positive_rate"] + 1e-9).all()
    found = tables.estimates.set_index(["method", "figure"])["value"]
    assert found["fedavg", "brier"] == pytest.approx(np.mean((mean["probability"] - mean["outcome"]) ** 2))
    decided = tables.curves["decision_curve"].query("method == 'fedavg'").set_index("threshold")
    treated = mean["probability"] >= 0.3
    benefit = (treated & (mean["outcome"] == 1)).mean() - (
        treated & (mean["outcome"] == 0)
    ).mean() * 0.3 / 0.7
    assert decided.loc[0.3, "model"] == pytest.approx(benefit)
    compared = tables.comparisons.set_index(["first", "second"]).loc[("fedavg", "pooled")]
    assert compared["low_90"] >= compared["low"]
    assert compared["brier_low"] <= compared["brier"] <= compared["brier_high"]
    asked = tables.power.set_index(["first", "second"]).loc[("fedavg", "pooled")]
    assert asked["positives"] + asked["negatives"] == len(mean)


def test_how_the_runs_went_is_kept_when_their_folders_go(finished, tables, place):
    assert not list((place / "small").rglob("events.jsonl"))
    course = tables.course
    told = course["left"].query("method == 'fedavg' and kind == 'train'")
    assert len(told) == 2
    assert (told["answers"] == STUDY.run["rounds"]).all()
    assert (told["bytes"] > 0).all()
    assert set(course["left"]["method"]) == {"fedavg", "fedprox"}, "nothing leaves who trains alone"
    assert (course["cost"]["runs"] == 4).all()
    assert (course["cost"]["cpu_seconds"] > 0).all()


def test_tables_are_printed(tables):
    console = Console(width=200, file=io.StringIO())
    for table in shown(tables, STUDY):
        console.print(table)
    said = console.file.getvalue()
    for words in ("fedprox", "fedavg less pooled", "subtype", "by chance", "ECE"):
        assert words in said


def test_statistics_repeat_to_the_bit(finished, tables):
    found, one = finished[0], tables
    other = analyse(STUDY, found.predictions, found.patients, found.beside)
    shuffled = analyse(STUDY, found.predictions.sample(frac=1, random_state=1), found.patients)
    for table in ("estimates", "comparisons", "subgroups"):
        pd.testing.assert_frame_equal(getattr(one, table), getattr(other, table))
    assert sorted(shuffled.comparisons["value"]) == pytest.approx(sorted(one.comparisons["value"]))
    assert dataclasses.is_dataclass(one)


def test_a_folder_of_something_else_is_left_alone(tmp_path):
    (tmp_path / "letter.txt").write_text("dear")
    with pytest.raises(FedchemoError, match="FC003"):
        run_study(STUDY, tmp_path, cache=tmp_path / "cache")
    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]


@pytest.mark.parametrize(("error", "words"), [(FedchemoError("FC402", "nobody"), "1 of 2"), (None, "died")])
def test_a_run_that_fails_is_told_after_the_others_are_done(monkeypatch, error, words):
    done = []

    def fails():
        raise error or BrokenProcessPool

    job = type("Job", (), {"title": "a cell"})()
    monkeypatch.setattr(run, "_results", lambda *_: iter([(job, lambda: done.append(1)), (job, fails)]))
    with pytest.raises(FedchemoError, match="FC770") as caught:
        run._run([job, job], None, None, None, 1, None, kept=0)
    assert words in caught.value.what
    assert done


def test_a_method_that_leaves_hospitals_models_of_their_own_is_judged_by_them(place):
    """Its global model is FedAvg's to the bit, so that any difference is theirs."""
    study = STUDY.model_copy(
        update={
            "seeds": (0,),
            "judged": "holdout",
            "cross_site": False,
            "references": (),
            "strategy": (Method(name="fedavg"), Method(name="fedavg", label="tuned", fine_tuning_epochs=3)),
        }
    )
    found = run_study(study, place / "personal", cache=place / "cache", workers=1).predictions
    wide = found.pivot_table(index=["site", "patient"], columns="method", values="probability")
    assert (wide["tuned"] != wide["fedavg"]).all()
