"""``fedchemo evaluate`` from its options to a table or JSON, and its errors."""

from __future__ import annotations

import json
import stat

import pytest

from fedchemo.shared.command import main


@pytest.fixture
def evaluate(site_folder, run_folder, tmp_path, capsys, monkeypatch):
    """Run the command; return its status, standard output and standard error."""
    monkeypatch.setenv("COLUMNS", "200")

    def run(*options, model=run_folder, site=site_folder):
        arguments = ["evaluate", "--model", str(model), "--site", str(site), "--device", "cpu"]
        arguments += ["--state", str(tmp_path / "state"), *options]
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        told = capsys.readouterr()
        assert "Traceback" not in told.out + told.err
        return ended.value.code, told.out, told.err

    return run


def test_json_holds_every_figure_beside_the_clinical_part(evaluate):
    status, out, _ = evaluate("--json")
    found = json.loads(out)
    assert status == 0
    assert (found["site"], found["dataset"], found["split"], found["images"]) == (
        "NORTH",
        "made-up",
        "all",
        24,
    )
    assert found["trained"]["details"]["run"] == "test"
    for part in ("model", "clinical_only"):
        assert found[part]["patients"] == 56
        assert found[part]["auc"]["low"] < found[part]["auc"]["value"] < found[part]["auc"]["high"]
        assert found[part]["calibration_slope"] is not None
    assert found["gain"]["value"] == pytest.approx(
        found["model"]["auc"]["value"] - found["clinical_only"]["auc"]["value"]
    )


def test_table(evaluate):
    status, out, err = evaluate()
    assert status == 0
    for words in (
        "NORTH of made-up, all patients: 56",
        "24 with an image",
        "AUC",
        "Brier",
        "calibration slope",
    ):
        assert words in out
    assert "[0." in out
    assert "32 of 56 patients have no usable image" in out
    assert "computing on cpu" in err


def test_a_split(evaluate):
    _, out, _ = evaluate("--split", "test", "--json")
    found = json.loads(out)
    assert found["split"] == "test"
    assert 5 <= found["model"]["patients"] <= 12


def test_a_site_that_took_part_is_judged_on_its_test_patients(evaluate, make_run, tmp_path):
    run = make_run(tmp_path / "with", sites=["NORTH", "SOUTH"])
    assert json.loads(evaluate("--json", model=run)[1])["split"] == "test"
    flattering = json.loads(evaluate("--json", "--split", "all", model=run)[1])
    assert any("too good" in note for note in flattering["notes"])


def test_same_call_same_bytes(evaluate):
    first, again = evaluate("--json"), evaluate("--json")
    assert first[0] == 0
    assert first[1] == again[1]


def test_a_site_without_images(evaluate, site_folder):
    import shutil

    shutil.rmtree(site_folder / "images")
    _, out, _ = evaluate()
    assert "No patient has an image" in out
    assert "+0.000 [+0.000, +0.000]" in out


def test_a_damaged_image_is_named_and_the_rest_goes_on(evaluate, site_folder):
    (site_folder / "images" / "P005" / "T0" / "pre.nii.gz").write_bytes(b"no image")
    status, out, err = evaluate()
    assert status == 0
    assert "set aside the images of P005: FC2" in err
    assert "The images of 1 patient" in out


def test_the_state_folder_is_private(evaluate, tmp_path):
    evaluate("--json")
    for folder in (tmp_path / "state", tmp_path / "state" / "images"):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert len(list((tmp_path / "state" / "images").glob("*.npy"))) == 24


def test_the_default_cache_is_the_users(site_folder, run_folder, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("platformdirs.user_cache_dir", lambda name: str(tmp_path / "home" / name))
    with pytest.raises(SystemExit):
        main(
            ["evaluate", "--model", str(run_folder), "--site", str(site_folder), "--device", "cpu", "--json"]
        )
    assert len(list((tmp_path / "home" / "fedchemo" / "images").glob("*.npy"))) == 24


@pytest.mark.parametrize(
    ("case", "code", "words"),
    [
        ("no run", "FC002", "nowhere"),
        ("no model", "FC306", "model.json"),
        ("damaged model", "FC306", "SHA-256"),
        ("no site", "FC101", "nowhere"),
        ("broken table", "FC101", "yes"),
        ("no outcome", "FC803", "--split all"),
        ("no device", "FC310", "cuda:99"),
        ("state is a file", "FC004", "taken"),
    ],
)
def test_each_failure_is_a_numbered_error(evaluate, site_folder, run_folder, tmp_path, case, code, words):
    options = {}
    arguments = []
    match case:
        case "no run":
            options["model"] = tmp_path / "nowhere"
        case "no model":
            (run_folder / "model.json").unlink()
        case "damaged model":
            content = bytearray((run_folder / "model.safetensors").read_bytes())
            content[-1] ^= 1
            (run_folder / "model.safetensors").write_bytes(content)
        case "no site":
            options["site"] = tmp_path / "nowhere"
        case "broken table":
            rows = (site_folder / "clinical.csv").read_text().splitlines()
            # Single bad rows are set aside; one in twenty and more are a broken table.
            broken = [row.replace(",1.0,", ",yes,", 1).replace(",0.0,", ",yes,", 1) for row in rows[1:9]]
            (site_folder / "clinical.csv").write_text("\n".join([rows[0], *broken, *rows[9:]]))
        case "no outcome":
            (site_folder / "clinical.csv").write_text("patient_id,pcr\nA,\n")
        case "no device":
            arguments = ["--device", "cuda:99"]
        case "state is a file":
            (tmp_path / "taken").write_text("")
            arguments = ["--state", str(tmp_path / "taken")]
    status, out, err = evaluate(*arguments, **options)
    assert status == 1
    assert out == ""
    assert code in err
    assert words in err
