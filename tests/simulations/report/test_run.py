"""What the page of a run says is what the run's files say, and what they do not tell is said to be not known."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from fedchemo.shared.errors import FedchemoError
from fedchemo.shared.metrics.auc import auc, paired_difference
from fedchemo.simulations.predictions import FILE
from fedchemo.simulations.report.figure import Bars, Dots, Line
from fedchemo.simulations.report.run import run_page
from tests.simulations.report.conftest import PATIENTS, events


def figure(page, key):
    return next(each for each in page.figures if each.key == key)


def text(page):
    """Everything that stands outside figures."""
    sections = [line for section in page.sections for line in (section.title, *section.words)]
    tables = [
        cell for section in page.sections for table in section.tables for row in table.rows for cell in row
    ]
    tiles = [part for tile in page.tiles for part in tile]
    return " ".join([page.verdict, *page.answer, *page.limits, *tiles, *sections, *tables])


def test_the_first_screen_tells_the_figures_of_the_summary(simulated):
    page = run_page(simulated)
    told = json.loads((simulated / "summary.json").read_text())["test"]
    area = told["model"]["all sites"]["auc"]
    said = " ".join(page.answer)
    assert f"AUC of {area['value']:.2f} (95 % interval {area['low']:.2f} to {area['high']:.2f})" in said
    assert f"judged on {told['model']['all sites']['patients']} patients" in said
    assert [measure.interval.value for measure in page.ruler] == [
        told[model]["all sites"]["auc"]["value"] for model in ("model", "baseline")
    ]
    assert "3 virtual hospitals" in said
    assert "1 more judged it" in said
    assert "No images were used" in said
    trained = json.loads((simulated / "summary.json").read_text())["sites"]
    patients = sum(site["training"] for site in trained.values() if site["role"] == "train")
    assert (f"{patients}", "patients trained on") in page.tiles


def test_the_difference_is_paired_on_the_predictions(simulated):
    frame = pd.read_parquet(simulated / FILE)
    exact = auc(frame["model"], frame["outcome"])
    told = json.loads((simulated / "summary.json").read_text())["test"]["model"]["all sites"]
    assert told["auc"]["value"] == exact.value
    difference = paired_difference(frame["model"], frame["baseline"], frame["outcome"])
    said = " ".join(run_page(simulated).answer).replace("−", "-")
    for value in (difference.low, difference.high):
        assert f"{value:+.3f}".replace("+0.000", "0.000").replace("-0.000", "0.000") in said


def test_curves_come_from_the_predictions(simulated):
    page = run_page(simulated)
    frame = pd.read_parquet(simulated / FILE)
    line = next(mark for mark in figure(page, "roc").marks if mark.name == "model")
    assert np.trapezoid(line.y, line.x) == pytest.approx(auc(frame["model"], frame["outcome"]).value)
    assert all(low <= high for low, high in zip(line.low, line.high, strict=True))
    decision = figure(page, "decision")
    everyone = next(mark for mark in decision.marks if mark.name == "act on everyone")
    share, odds = frame["outcome"].mean(), everyone.x[0] / (1 - everyone.x[0])
    assert everyone.y[0] == pytest.approx(share - (1 - share) * odds)
    rings = next(mark for mark in figure(page, "calibration").marks if isinstance(mark, Dots))
    patients = sum(int(word.split(" of ")[1].split()[0]) for word in rings.words)
    assert patients == len(frame)


def test_convergence_is_that_of_the_events(simulated):
    page = run_page(simulated)
    told = {event["round"]: event for event in events(simulated) if event["event"] == "model_scored"}
    everyone = next(mark for mark in figure(page, "validation").marks if mark.name == "all of them")
    assert list(everyone.x) == sorted(told)
    assert list(everyone.y) == [told[number]["log_loss"] for number in sorted(told)]
    # The weighted mean of the hospitals' lines is the line over all: each score stands at the round that it judges.
    sites = {mark.name: dict(zip(mark.x, mark.y, strict=True)) for mark in figure(page, "validation").marks}
    assert set(sites) > {"all of them"}
    for number in told:
        lines = [sites[name][number] for name in sites if name != "all of them"]
        assert min(lines) <= told[number]["log_loss"] <= max(lines)
    training = figure(page, "training")
    assert {mark.name for mark in training.marks} == {"a", "b", "c"}


def test_what_left_is_what_the_coordinator_weighed(simulated):
    page = run_page(simulated)
    answers = [event for event in events(simulated) if event["event"] == "site_answered"]
    bars = [mark for mark in figure(page, "traffic").marks if isinstance(mark, Bars)]
    drawn = sum(value for mark in bars for value in mark.values)
    total = sum(event["bytes"] for event in answers)
    scale = {"bytes": 1, "kB": 1e3, "MB": 1e6}[figure(page, "traffic").x.title]
    assert drawn * scale == pytest.approx(total)
    assert {row[0] for row in figure(page, "traffic").table.rows} == set(PATIENTS)
    assert "Energy was not measured." in text(page)


def test_a_networked_run_says_what_histograms_cannot_tell(networked):
    page = run_page(networked)
    said = text(page)
    assert "cannot be told from histograms" in said
    assert "The AUC comes from a histogram" in said
    assert "are not in it" in said
    told = json.loads((networked / "summary.json").read_text())["test"]["model"]["all sites"]["auc"]
    line = next(mark for mark in figure(page, "roc").marks if mark.name == "model")
    assert isinstance(line, Line)
    assert page.ruler[0].interval.value == told["value"]
    assert "less that of" not in said


def test_a_run_without_scores_says_that_nothing_is_known(without_scores):
    page = run_page(without_scores)
    assert page.verdict == "How good the model is, is not known."
    assert page.state == "warn"
    assert "No hospital sent scores" in text(page)
    assert not page.ruler
    assert [each.key for each in page.figures] == ["traffic", "time"]


def test_an_interrupted_run_is_told_as_one(interrupted):
    page = run_page(interrupted)
    assert page.state == "bad"
    assert page.verdict == "The run has not ended: there is no model to judge."
    assert "1 of 3 rounds were done." in text(page)
    assert {each.key for each in page.figures} == {"validation", "training", "traffic", "time"}


def test_a_failed_run_tells_its_code(interrupted):
    with (interrupted / "events.jsonl").open("a") as file:
        for event in ({"event": "run_failed", "code": "FC401"}, {"event": "run_ended", "outcome": "failed"}):
            file.write("\n" + json.dumps({"time": "2030-01-01T00:00:00+00:00", **event}))
    page = run_page(interrupted)
    assert page.verdict == "The run failed: there is no model to judge."
    assert "FC401" in text(page)


@pytest.mark.parametrize("name", ["summary.json", FILE])
def test_a_damaged_file_has_a_code(run, name):
    (run / name).write_bytes(b"{")
    with pytest.raises(FedchemoError, match="FC780"):
        run_page(run)
