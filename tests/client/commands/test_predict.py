"""``fedchemo predict`` writes a row a patient, whole or not at all."""

from __future__ import annotations

import csv
import json
import stat

import numpy as np
import pytest
import torch

from fedchemo.client.cohort import read_site
from fedchemo.client.inference import predict_patients
from fedchemo.shared.command import main
from fedchemo.shared.model.artefact import load
from tests.client.conftest import write_run


@pytest.fixture
def predict(site_folder, run_folder, tmp_path, capsys):
    """Run the command; return its status and standard error."""

    def run(out, *options):
        arguments = ["predict", "--model", str(run_folder), "--site", str(site_folder), "--device", "cpu"]
        arguments += ["--state", str(tmp_path / "state"), "--out", str(out), *options]
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        told = capsys.readouterr()
        assert "Traceback" not in told.err
        return ended.value.code, told.err

    return run


@pytest.fixture
def expected(site_folder, run_folder, tmp_path):
    cohort = read_site(site_folder)
    everybody = list(cohort.clinical.index)
    return predict_patients(
        load(run_folder), cohort, everybody, cache=tmp_path / "c", device=torch.device("cpu")
    )


def test_csv_holds_everybody_also_without_outcome(predict, expected, tmp_path):
    out = tmp_path / "new" / "predictions.csv"
    status, err = predict(out)
    with out.open(newline="") as file:
        header, *rows = csv.reader(file)
    assert status == 0
    assert header == ["patient_id", "probability"]
    assert tuple(patient for patient, _ in rows) == expected.patients
    assert len(rows) == 60
    assert np.array([float(value) for _, value in rows]) == pytest.approx(expected.probabilities, rel=1e-8)
    assert "60 patients, 24 with an image" in err
    assert stat.S_IMODE(out.stat().st_mode) == 0o600


def test_json(predict, expected, tmp_path):
    predict(tmp_path / "predictions.json")
    found = json.loads((tmp_path / "predictions.json").read_text())
    rows = found["predictions"]
    assert found["site"] == "NORTH"
    assert found["trained"]["fingerprint"]
    assert [row["patient_id"] for row in rows] == list(expected.patients)
    assert [row["probability"] for row in rows] == expected.probabilities.tolist()
    assert [row["has_image"] for row in rows] == expected.has_image.tolist()


def test_format_goes_before_the_suffix(predict, tmp_path):
    predict(tmp_path / "predictions.csv", "--format", "json")
    assert json.loads((tmp_path / "predictions.csv").read_text())["predictions"]


def test_what_is_there_stays_unless_told(predict, tmp_path):
    out = tmp_path / "predictions.csv"
    out.write_text("precious")
    status, err = predict(out)
    assert (status, out.read_text()) == (1, "precious")
    assert "FC003" in err
    assert predict(out, "--overwrite")[0] == 0
    assert out.read_text().startswith("patient_id,probability\n")


def test_an_unknown_suffix_and_a_folder_are_refused(predict, tmp_path):
    status, err = predict(tmp_path / "predictions.txt")
    assert (status, "FC001" in err, ".csv or .json" in err) == (1, True, True)
    (tmp_path / "folder.csv").mkdir()
    status, err = predict(tmp_path / "folder.csv", "--overwrite")
    assert (status, "FC003" in err) == (1, True)


def test_nothing_is_left_of_a_failure(predict, run_folder, tmp_path):
    (run_folder / "model.json").write_text("{}")
    out = tmp_path / "results" / "predictions.csv"
    status, err = predict(out)
    assert (status, "FC306" in err) == (1, True)
    assert not out.parent.exists()


def test_a_file_in_the_way_of_the_folder(predict, tmp_path):
    (tmp_path / "file").write_text("")
    status, err = predict(tmp_path / "file" / "predictions.csv")
    assert (status, "FC004" in err) == (1, True)


def test_a_model_that_returns_no_probability_writes_nothing(predict, tmp_path, monkeypatch):
    monkeypatch.setattr("fedchemo.client.inference.expit", lambda logits: logits * np.nan)
    status, err = predict(tmp_path / "predictions.csv")
    assert (status, "FC801" in err) == (1, True)
    assert not (tmp_path / "predictions.csv").exists()


def test_a_site_without_images_is_told(predict, site_folder, tmp_path):
    import shutil

    shutil.rmtree(site_folder / "images")
    status, err = predict(tmp_path / "predictions.csv")
    assert status == 0
    assert "clinical part alone speaks" in err


@pytest.fixture
def calibrated(tmp_path):
    """A run folder whose model came with its calibration."""
    maps = {
        "temperature": {"slope": 0.5, "intercept": 0.0, "slope_error": 0.1},
        "federated": {"slope": 0.8, "intercept": -0.3, "slope_error": 0.1},
    }
    return write_run(tmp_path / "calibrated", calibration={"patients": 90, **maps})


def logits(file):
    rows = list(csv.DictReader(file.read_text().splitlines()))
    scores = np.array([float(row["probability"]) for row in rows])
    return np.log(scores / (1 - scores))


def test_probabilities_are_mended_by_what_is_kept_with_the_model(predict, calibrated, tmp_path):
    told = {}
    for how in ("none", "temperature", "federated", "site"):
        out = tmp_path / f"{how}.csv"
        status, _ = predict(out, "--model", str(calibrated), "--calibration", how)
        assert status == 0
        told[how] = logits(out)
    assert told["temperature"] == pytest.approx(0.5 * told["none"], abs=1e-6)
    assert told["federated"] == pytest.approx(0.8 * told["none"] - 0.3, abs=1e-6)
    # The hospital's own intercept is one number, and not far from the common one with so few patients.
    moved = told["site"] - told["federated"]
    assert np.ptp(moved) < 1e-6
    assert 0 < abs(moved[0]) < 1


def test_a_model_without_calibration_says_so(predict, tmp_path):
    status, err = predict(tmp_path / "predictions.csv", "--calibration", "federated")
    assert status != 0
    assert "FC720" in err
    assert not (tmp_path / "predictions.csv").exists()
